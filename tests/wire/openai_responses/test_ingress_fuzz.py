"""Whatever a caller sends is read or refused by name, and whatever is sent to a caller is whole and numbered."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.chat.events import ChatEvent, Finished, FinishReason, Seam, Started, TextDelta, ThinkingDelta, ToolCalled
from segue.chat.messages import ToolCall
from segue.errors import InvalidRequestError, LLMServiceUnavailableError
from segue.wire.openai_responses.ingress.codec import Ingress
from segue.wire.sse import SSEParser

TYPES = [
    *("message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning"),
    *("item_reference", "web_search_call", "input_text", "output_text", "refusal", "input_image", "summary_text"),
    *("function", "custom", "namespace", "web_search", "tool_search", "allowed_tools", "json_schema", "grammar"),
]
NAMES = [
    *("type", "role", "content", "text", "refusal", "image_url", "file_id", "call_id", "name", "arguments", "input"),
    *("output", "namespace", "summary", "encrypted_content", "id", "parameters", "tools", "mode", "format", "schema"),
    *("definition", "effort", "verbosity", "extra_content"),
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([*TYPES, "user", "assistant", "system", "low", "data:image/png;base64,aGk=", '{"a": 1}'])
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=8,
)
FULL: dict[str, Any] = {
    "model": "m",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,aGk="}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "p"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}", "extra_content": {"google": {}}},
        {"type": "custom_tool_call", "call_id": "b", "name": "c", "input": "i"},
        {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "o"}]},
        {"type": "tool_search_call", "call_id": "s", "arguments": {"query": "q"}, "execution": "client"},
        {"type": "tool_search_output", "call_id": "s", "tools": [{"type": "function", "name": "g"}]},
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "h"}]},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "o"},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "n"}]},
    ],
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "g"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "f"}]},
        {"type": "web_search"},
        {"type": "tool_search", "execution": "client", "parameters": {}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "instructions": "i",
    "metadata": {"a": "b"},
    "max_output_tokens": 20,
    "temperature": 1,
    "stream": True,
    "conversation": None,
}


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A body that uses everything, with one or two things in it exchanged for something else."""
    body = msgspec.json.decode(msgspec.json.encode(FULL))
    for _ in range(draw(st.integers(1, 2))):
        place: Any = body
        while True:
            key = (
                draw(st.sampled_from(sorted(place)))
                if isinstance(place, dict)
                else draw(st.integers(0, len(place) - 1))
            )
            if not place[key] or not isinstance(place[key], dict | list) or draw(st.integers(0, 3)) == 0:
                break
            place = place[key]
        place[key] = draw(values)
    return body


quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def decode(body: bytes) -> Any:
    return Ingress().decode(body, path="/v1/responses", query="", headers={})


@quick
@given(values | damaged())
def test_any_json_is_read_or_refused_and_what_is_read_can_be_answered(body: Any) -> None:
    try:
        asked = decode(msgspec.json.encode(body))
    except InvalidRequestError as error:
        status, _, answer = Ingress().error(error)
        assert status == 400
        assert msgspec.json.decode(answer)["error"]["message"]
        return
    assert asked.request.messages
    encoder = Ingress().encoder(asked, id="a", created=7)
    emitted = encoder.feed(Started("x", "m")) + encoder.feed(Finished(FinishReason.STOP))
    assert emitted


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InvalidRequestError):
        decode(body)


emitted = st.one_of(
    st.builds(TextDelta, st.text(max_size=5)),
    st.builds(ThinkingDelta, st.text(max_size=5), st.sampled_from(["", "p"]), dialect=st.sampled_from(["", "openai_responses", "claude"])),
    st.builds(lambda id, name, text: ToolCalled(0, ToolCall(id=id, name=name, arguments=text)), st.text(max_size=3), st.sampled_from("fgc"), st.text(max_size=5)),
    st.builds(Seam, st.just("a"), st.just("b"), st.just(0), st.booleans()),
    st.none(),
)  # fmt: skip
BODY = {"input": "?", "tools": [{"type": "custom", "name": "c"}, {"type": "namespace", "name": "n", "tools": []}]}


@quick
@given(st.lists(emitted, max_size=10), st.sampled_from(FinishReason), st.sampled_from(["", "No."]), st.booleans())
def test_a_stream_says_in_pieces_what_a_whole_answer_says_at_once(
    events: list[ChatEvent | None], reason: FinishReason, refusal: str, failing: bool
) -> None:
    """None stands for a ping."""
    stream = Ingress().encoder(decode(msgspec.json.encode(BODY | {"stream": True})), id="a", created=7)
    whole = Ingress().encoder(decode(msgspec.json.encode(BODY)), id="a", created=7)
    out, document = stream.feed(Started("x", "m")), whole.feed(Started("x", "m"))
    for event in events:
        out += stream.ping() if event is None else stream.feed(event)
        document += b"" if event is None else whole.feed(event)
    last = Finished(reason, "", refusal)
    out += stream.fail(LLMServiceUnavailableError()) if failing else stream.feed(last)
    document += whole.feed(last)
    steps = [(event.event, msgspec.json.decode(event.data)) for event in SSEParser().feed(out)]
    assert [step["sequence_number"] for _, step in steps] == list(range(len(steps)))
    assert all(name == step["type"] for name, step in steps)
    done = [step["item"] for name, step in steps if name == "response.output_item.done"]
    assert done == steps[-1][1]["response"]["output"]
    if failing:
        assert [name for name, _ in steps[-2:]] == ["error", "response.failed"]
        return
    assert steps[-1][1]["response"] == msgspec.json.decode(document)
    assert _added_up(steps) == done


def _added_up(steps: list[tuple[str, Any]]) -> list[Any]:
    """The items as a client puts them together from the pieces alone, with what only their end can tell."""
    items: list[Any] = []
    item: Any
    for name, step in steps:
        item = items[step["output_index"]] if step.get("output_index", len(items)) < len(items) else None
        match name.removeprefix("response."):
            case "output_item.added":
                items.append(step["item"])
            case "content_part.added":
                item["content"].append(step["part"])
            case "output_text.delta":
                item["content"][step["content_index"]]["text"] += step["delta"]
            case "refusal.delta":
                item["content"][step["content_index"]]["refusal"] += step["delta"]
            case "reasoning_summary_part.added":
                item["summary"].append(step["part"])
            case "reasoning_summary_text.delta":
                item["summary"][0]["text"] += step["delta"]
            case "function_call_arguments.delta":
                item["arguments"] += step["delta"]
            case "custom_tool_call_input.delta":
                item["input"] += step["delta"]
            case "output_item.done":
                item |= {key: step["item"][key] for key in ("status", "encrypted_content") if key in step["item"]}
    return items
