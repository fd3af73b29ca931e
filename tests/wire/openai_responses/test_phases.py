"""The phase of a message of OpenAI's models, `commentary` or `final_answer`, on its way to the caller and back.

OpenAI's API reference asks for it to be preserved and sent again, else the model may take a commentary for its final answer; that
happened at github.com/Oaklight/llm-rosetta/issues/440 and github.com/anomalyco/opencode/pull/38452, among others.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types.responses import Response

from segue.answer import assemble
from segue.chat.events import ChatEvent, Finished, Started, TextDelta, UpstreamEvent
from segue.chat.messages import Message, Text, user
from segue.chat.request import ChatRequest
from segue.failover.report import Report
from segue.failover.splice.splice import Splice
from segue.failover.upstream import joined_texts
from segue.ledger.recorder import UNKNOWN
from segue.wire.openai_responses.ingress.codec import Ingress

from .upstream_harness import added, body_of, created, decoded, done, ended, function, message, output_text, sse

ASKED: dict[str, Any] = {"model": "m", "input": "?"}
LOOK, FOUND = "Let me look.", "It is noon."


def spoken(index: int, words: str, phase: str) -> list[dict[str, Any]]:
    item = message(output_text(words)) | {"id": f"msg_{index}", "phase": phase}
    pieces = [
        {"type": "response.output_text.delta", "output_index": index, "item_id": f"msg_{index}", "delta": piece}
        for piece in (words[:3], words[3:])
    ]
    return [added(index, item | {"content": []}), *pieces, done(index, item)]


BOTH = [created(), *spoken(0, LOOK, "commentary"), *spoken(1, FOUND, "final_answer"), ended()]
CALLED = [created(), *spoken(0, LOOK, "commentary"), done(1, function("clock", "{}", 1)), ended()]


def shown(events: list[dict[str, Any]]) -> list[ChatEvent]:
    """As the engine delivers them, with what came in one read joined."""
    arrived: list[UpstreamEvent] = decoded([sse(*events)])
    splice = Splice(hold=False)
    return [out for event in joined_texts(arrived) for out in splice.feed(event)]


def answered(events: list[ChatEvent], *, stream: bool) -> Response:
    body = msgspec.json.encode(ASKED | {"stream": stream})
    request = Ingress().decode(body, path="/v1/responses", query="", headers={})
    encoder = Ingress().encoder(request, id="1", created=1_790_000_000)
    data = b"".join(encoder.feed(event) for event in events)
    if not stream:
        return Response.model_validate_json(data)
    last = data.strip().split(b"\n\n")[-1].partition(b"data: ")[2]
    return Response.model_validate(msgspec.json.decode(last)["response"])


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_each_message_reaches_the_caller_with_its_phase(stream: bool) -> None:
    messages = [item for item in answered(shown(BOTH), stream=stream).output if item.type == "message"]
    assert [(item.phase, item.content[0].type) for item in messages] == [
        ("commentary", "output_text"),
        ("final_answer", "output_text"),
    ]
    texts = [part.text.strip() for item in messages for part in item.content if part.type == "output_text"]
    assert texts == [LOOK, FOUND]


def test_what_was_answered_goes_back_with_its_phases() -> None:
    items = [item.model_dump(mode="json", exclude_none=True) for item in answered(shown(CALLED), stream=True).output]
    output = {"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "noon"}
    asked = ASKED | {"input": [{"role": "user", "content": "?"}, *items, output]}
    request = Ingress().decode(msgspec.json.encode(asked), path="/v1/responses", query="", headers={}).request
    sent = body_of(request)["input"]
    assert sent[1] == {"type": "message", "role": "assistant", "phase": "commentary", "content": LOOK}


def test_an_answer_of_the_library_keeps_the_phase_of_its_last_message() -> None:
    for events, phase in ((BOTH, "final_answer"), (CALLED, "commentary")):
        answer = assemble(Report(request_id=""), shown(events), cost=UNKNOWN, simulated=False)
        assert [part.phase for part in answer.message.parts if isinstance(part, Text)] == [phase]


def test_texts_of_two_phases_are_two_messages_and_a_phase_that_the_api_does_not_have_is_not_sent() -> None:
    turn = Message(
        "assistant", (Text("a", "commentary"), Text("b", "commentary"), Text("c", "final_answer"), Text("d", "x"))
    )
    sent = body_of(ChatRequest(messages=(user("?"), turn)))["input"][1:]
    assert [(item.get("phase"), item["content"]) for item in sent] == [
        ("commentary", "ab"),
        ("final_answer", "c"),
        (None, "d"),
    ]


def test_callers_of_other_dialects_have_the_texts_in_two_paragraphs() -> None:
    events = shown(BOTH)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == f"{LOOK}\n\n{FOUND}"
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
