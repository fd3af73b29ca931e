"""The official SDK as judge: what it sends is read whole, what it is answered it understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.usage import Usage
from segue.errors import AttemptSummary, LLMServiceUnavailableError, SegueError
from segue.wire.claude.ingress.codec import Ingress
from segue.wire.codec import IngressRequest

anthropic = pytest.importorskip("anthropic", minversion="2")
httpx2 = pytest.importorskip("httpx2")

ASKED: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": "hi"}],
}

ANSWER: tuple[ChatEvent, ...] = (
    Started("theirs", "gemini-3.5-flash-lite"),
    ThinkingDelta("hm"),
    ThinkingDelta(signature="c2ln", dialect="claude"),
    TextDelta("Hel"),
    TextDelta("lo 😀"),
    ToolCalled(0, ToolCall(id="call_1", name="look", arguments='{"q": "é"}')),
    UsageReport(Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7, reasoning_tokens=3)),
    Finished(FinishReason.TOOL_CALLS, "STOP"),
)


class Server:
    """Answers every request with the same events, or with an error."""

    def __init__(self, events: tuple[ChatEvent, ...] = ANSWER, error: SegueError | None = None) -> None:
        self.events = events
        self.error = error
        self.asked: list[IngressRequest] = []

    def __call__(self, request: Any) -> Any:
        codec = Ingress()
        try:
            asked = codec.decode(request.content, path=request.url.path, query="", headers=request.headers)
            self.asked.append(asked)
            if self.error is not None:
                raise self.error
        except SegueError as error:
            status, headers, body = codec.error(error)
            return httpx2.Response(status, headers=headers, content=body)
        encoder = codec.encoder(asked, id="1", created=0)
        body = b"".join(encoder.feed(event) for event in self.events)
        return httpx2.Response(200, headers={"content-type": encoder.content_type}, content=body)


def client(answer: Callable[[Any], Any]) -> Any:
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="k", base_url="http://segue", http_client=http)


def check(message: Any) -> None:
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "gemini-3.5-flash-lite", "tool_use")
    thought, text, call = message.content
    assert (thought.thinking, thought.signature, text.text) == ("hm", "c2ln", "Hello 😀")
    assert (call.id, call.name, call.input) == ("call_1", "look", {"q": "é"})
    assert (message.usage.input_tokens, message.usage.output_tokens, message.usage.cache_read_input_tokens) == (5, 7, 2)
    assert message.usage.output_tokens_details.thinking_tokens == 3


def test_the_sdk_reads_a_whole_answer() -> None:
    with client(Server()) as sdk:
        check(sdk.messages.create(**ASKED))


def test_the_sdk_puts_a_streamed_answer_together() -> None:
    server = Server()
    with client(server) as sdk, sdk.messages.stream(**ASKED) as stream:
        assert "".join(stream.text_stream) == "Hello 😀"
        check(stream.get_final_message())
    assert server.asked[0].stream


def test_the_sdk_reads_a_refusal() -> None:
    refused = (Started(), Finished(FinishReason.CONTENT_FILTER, "SAFETY", "not that"))
    with client(Server(refused)) as sdk:
        message = sdk.messages.create(**ASKED)
    assert (message.stop_reason, message.stop_details.explanation) == ("refusal", "not that")


def test_what_the_sdk_sends_back_of_an_answer_is_read_as_it_was_given() -> None:
    server = Server()
    with client(server) as sdk:
        answer = sdk.messages.create(**ASKED)
        result = {"type": "tool_result", "tool_use_id": answer.content[-1].id, "content": "found"}
        turns = [*ASKED["messages"], answer.to_param(), {"role": "user", "content": [result]}]
        sdk.messages.create(**ASKED | {"messages": turns})
    _, again, found = server.asked[1].request.messages
    assert again.text == "Hello 😀"
    assert again.tool_calls == (ToolCall(id="call_1", name="look", arguments='{"q":"é"}'),)
    assert found.parts[0].name == "look"  # type: ignore[union-attr]


def test_the_sdk_does_not_try_again_when_all_targets_failed() -> None:
    attempt = AttemptSummary(target="gemini", model="g", outcome="overload", reason="busy")
    server = Server(error=LLMServiceUnavailableError(attempts=(attempt,)))
    with client(server) as sdk, pytest.raises(anthropic.InternalServerError, match="gemini"):
        sdk.messages.create(**ASKED)
    assert len(server.asked) == 1


def test_the_sdk_raises_what_breaks_off_a_stream() -> None:
    codec = Ingress()

    def answer(request: Any) -> Any:
        asked = codec.decode(request.content, path="", query="", headers={})
        encoder = codec.encoder(asked, id="1", created=0)
        body = encoder.feed(Started()) + encoder.feed(TextDelta("Hel")) + encoder.ping()
        body += encoder.fail(LLMServiceUnavailableError("the answer broke off"))
        return httpx2.Response(200, headers={"content-type": encoder.content_type}, content=body)

    with (
        client(answer) as sdk,
        sdk.messages.stream(**ASKED) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        stream.get_final_message()
    assert caught.value.type == "api_error"
    assert caught.value.api_message == "the answer broke off"


def test_the_sdks_tool_runner_goes_on_without_a_thread() -> None:
    done = (Started(), TextDelta("done"), Finished(FinishReason.STOP))
    server = Server()
    answered = []

    def answer(request: Any) -> Any:
        response = server(request)
        answered.append(response.status_code)
        if response.status_code == 200:
            server.events = done
        return response

    @anthropic.beta_tool  # type: ignore[untyped-decorator]
    def look(q: str) -> str:
        """Looks."""
        return f"saw {q}"

    with client(answer) as sdk:
        runner = sdk.beta.messages.tool_runner(**ASKED, tools=[look])
        assert runner.until_done().content[0].text == "done"
    assert answered == [400, 200, 200]
    first, second = server.asked
    assert len(first.request.messages) == 1
    assert [message.role for message in second.request.messages] == ["user", "assistant", "tool"]


CITED: tuple[ChatEvent, ...] = (
    Started("theirs", "m"),
    TextDelta("Hello"),
    Citation(url="https://a.example", title="A", quote="all is well"),
    Citation(url="https://b.example"),
    TextDelta(" More."),
    Finished(FinishReason.STOP),
)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_sources_are_put_together_by_the_sdk(stream: bool) -> None:
    messages = client(Server(CITED)).messages
    if stream:
        with messages.stream(**ASKED) as streamed:
            answer = streamed.get_final_message()
    else:
        answer = messages.create(**ASKED)
    first, second = answer.content
    assert [(one.url, one.title, one.cited_text) for one in first.citations] == [
        ("https://a.example", "A", "all is well"),
        ("https://b.example", None, ""),
    ]
    assert (first.text, second.text, second.citations) == ("Hello", " More.", None)
