"""Reads an error document in the many shapes of this dialect. OpenAI puts

an object under `error`. Others put text there (xAI), put it into a list (Google), have the same fields at the top (Mistral,
Cerebras), send `detail` (FastAPI), or keep the real reason under `metadata.raw` (OpenRouter), in `x_groq.error` or in `base_resp`
(MiniMax).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from segue.wire.lenient import UNREADABLE

_MOST_TEXT = 2000
_MINIMAX = {1002: "rate_limit", 1004: "invalid_api_key", 1008: "insufficient_balance", 2049: "invalid_api_key"}
"""Its numbers, by the names that others give them; at Zhipu some of them mean something else."""


class ErrorFields(NamedTuple):
    """The fields of an error document; "" and None where they are missing."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""
    status: int | None = None
    """The HTTP status, or the one that an error inside a 200 names."""
    retry_after: float | None = None


def read_error(data: bytes) -> ErrorFields | None:
    """The error in the document; None if it is not JSON or not an error document."""
    try:
        return find_error(msgspec.json.decode(data))
    except UNREADABLE:
        return None


def find_error(document: Any, depth: int = 0) -> ErrorFields | None:
    """The error in the document; None if it is not an error document."""
    if isinstance(document, list):
        return find_error(document[0], depth + 1) if document and depth < 2 else None
    if not isinstance(document, dict):
        return None
    groq = document.get("x_groq")
    error = document.get("error") or (groq.get("error") if isinstance(groq, dict) else None)
    if isinstance(error, dict):
        return _of_object(error)
    if error:
        return ErrorFields(message=str(error), code=_code(document.get("code")), status=_status(document))
    base = document.get("base_resp")
    if isinstance(base, dict) and not document.get("choices"):
        number, message = base.get("status_code"), _code(base.get("status_msg"))[:_MOST_TEXT]
        if isinstance(number, int) and number:
            return ErrorFields(message=message, code=_MINIMAX.get(number) or _code(number))
    if "choices" in document:
        return None
    if detail := document.get("detail"):
        return _of_detail(detail)
    named = document.get("object") == "error" or document.get("type") == "error"
    if named or ("message" in document and {"code", "type", "status", "param"}.intersection(document)):
        return _of_object(document)
    return None


def _of_object(error: dict[str, Any]) -> ErrorFields:
    message = error.get("message")
    if isinstance(message, dict | list):
        detail = message.get("detail", message) if isinstance(message, dict) else message
        return _of_detail(detail)._replace(status=_status(error))
    fields = ErrorFields(
        message=message[:_MOST_TEXT] if isinstance(message, str) else "",
        code=_code(error.get("code")) or _code(error.get("status")),
        type=_code(error.get("type")),
        param=_code(error.get("param")),
        status=_status(error),
    )
    inner = error.get("innererror")
    if isinstance(inner, dict) and not fields.code:
        fields = fields._replace(code=_code(inner.get("code")))
    metadata = error.get("metadata")
    return _with_metadata(fields, metadata) if isinstance(metadata, dict) else fields


def _with_metadata(fields: ErrorFields, metadata: dict[str, Any]) -> ErrorFields:
    """OpenRouter's own message, and the reason of the provider behind it."""
    wait = metadata.get("retry_after_seconds")
    fields = fields._replace(
        code=fields.code or _code(metadata.get("error_type")),
        retry_after=float(wait) if isinstance(wait, int | float) and wait >= 0 else None,
    )
    raw = metadata.get("raw")
    if isinstance(raw, str) and raw:
        inner = read_error(raw.encode("utf-8", "replace")) or ErrorFields(message=raw)
        fields = fields._replace(
            message=inner.message or fields.message, code=inner.code or fields.code, type=inner.type, param=inner.param
        )
    return fields


def _of_detail(detail: Any) -> ErrorFields:
    """FastAPI's form: a text, or a list of fields at fault."""
    first = detail[0] if isinstance(detail, list) and detail else detail
    if not isinstance(first, dict):
        return ErrorFields(message=first if isinstance(first, str) else "")
    place = first.get("loc")
    steps = [str(step) for step in place if step != "body"] if isinstance(place, list) else []
    param = ".".join(steps)
    text = _code(first.get("msg")) or _code(first.get("message"))
    return ErrorFields(message=f"{param}: {text}" if param else text, code=_code(first.get("type")), param=param)


def _status(error: dict[str, Any]) -> int | None:
    """The HTTP status that an error inside a 200 names as its code."""
    for value in (error.get("code"), error.get("status"), error.get("status_code")):
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _code(value: Any) -> str:
    """A code as text; numbers that are HTTP statuses do not count as codes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return "" if len(text) == 3 and text.isascii() and text.isdigit() else text


def plain_text(body: bytes) -> str:
    """The message of a body that is not a JSON document: its text, or the title of a page."""
    text = body[:4096].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = re.search(r"<title>([^<]{0,400})</title>", text, re.IGNORECASE)
        return title[1] if title else "an HTML page"
    return "" if text.startswith(("{", "[")) else text
