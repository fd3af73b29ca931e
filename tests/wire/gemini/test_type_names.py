"""JSON Schemas whose types are written as Gemini's own, in capitals: Gemini CLI sends them in `responseJsonSchema` and in tools."""

from __future__ import annotations

import msgspec

from segue.wire.gemini.ingress.codec import Ingress

SCHEMA = {
    "type": "OBJECT",
    "properties": {"next": {"type": "STRING", "enum": ["user", "model"]}, "why": {"type": ["STRING", "NULL"]}},
}
PLAIN = {
    "type": "object",
    "properties": {"next": {"type": "string", "enum": ["user", "model"]}, "why": {"type": ["string", "null"]}},
}


def test_types_in_capitals_are_read_as_json_schemas_own() -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "Who speaks next?"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        "tools": [{"functionDeclarations": [{"name": "look", "parametersJsonSchema": SCHEMA}]}],
    }
    path = "/v1beta/models/auto:generateContent"
    request = Ingress().decode(msgspec.json.encode(body), path=path, query="", headers={}).request
    assert request.output is not None
    assert request.output.schema == PLAIN
    assert request.tools[0].parameters == PLAIN
