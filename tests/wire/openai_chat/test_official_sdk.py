"""The official SDK, speaking to our ingress codec in memory: what it sends, what it makes of our answers and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from segue.chat.events import (
    ChatEvent,
    Citation,
    Finished,
    FinishReason,
    Logprobs,
    Started,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCalled,
    UsageReport,
)
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.errors import (
    AttemptSummary,
    AuthenticationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    SegueError,
    StreamInterruptedError,
)
from segue.wire.codec import IngressRequest
from segue.wire.openai_chat.ingress.codec import Ingress
from segue.wire.openai_chat.ingress.response import StreamEncoder, WholeEncoder

USAGE = Usage(input_tokens=5, cache_read_tokens=3, output_tokens=9, reasoning_tokens=4)
CALLS = (
    ToolCalled(0, ToolCall(id="call_1", name="weather", arguments='{"place": "Seoul"}')),
    ToolCalled(1, ToolCall(id="call_2", name="clock", arguments="{}")),
)
Speak = Callable[[StreamEncoder | WholeEncoder], bytes]


class Server:
    """Answers as our server would, and keeps what it was asked."""

    def __init__(self, speak: Speak | SegueError) -> None:
        self.speak = speak
        self.asked: list[IngressRequest] = []

    @property
    def request(self) -> ChatRequest:
        return self.asked[-1].request

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        ingress = Ingress()
        try:
            asked = ingress.decode(request.content, path=request.url.path, query="", headers=dict(request.headers))
            self.asked.append(asked)
            if isinstance(self.speak, SegueError):
                raise self.speak
        except SegueError as error:
            status, headers, body = ingress.error(error)
            return httpx2.Response(status, headers=headers, content=body)
        encoder = ingress.encoder(asked, id="abc", created=1_790_000_000)
        return httpx2.Response(200, headers={"content-type": encoder.content_type}, content=self.speak(encoder))

    def client(self, retries: int = 0) -> openai.OpenAI:
        http = httpx2.Client(transport=httpx2.MockTransport(self))
        return openai.OpenAI(api_key="k", base_url="http://127.0.0.1:1/v1", http_client=http, max_retries=retries)


def saying(*events: ChatEvent) -> Server:
    return Server(lambda encoder: b"".join(encoder.feed(event) for event in [Started("u", "gpt-6-luna"), *events]))


QUESTION: Any = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_whole_answer_is_read() -> None:
    server = saying(
        ThinkingDelta("Hm."), TextDelta("Hel"), TextDelta("lo"), UsageReport(USAGE), Finished(FinishReason.STOP)
    )
    answer = server.client().chat.completions.create(**QUESTION)
    assert not server.asked[0].stream
    assert (answer.id, answer.model, answer.created) == ("chatcmpl-abc", "gpt-6-luna", 1_790_000_000)
    message = answer.choices[0].message
    assert (message.role, message.content, message.refusal) == ("assistant", "Hello", None)
    assert message.model_extra == {"reasoning_content": "Hm."}
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (8, 9, 17)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 4


def test_calls_are_read() -> None:
    server = saying(*CALLS, Finished(FinishReason.TOOL_CALLS))
    answer = server.client().chat.completions.create(**QUESTION)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    calls = answer.choices[0].message.tool_calls or []
    assert all(isinstance(call, ChatCompletionMessageFunctionToolCall) for call in calls)
    assert [(call.id, call.function.name, call.function.arguments) for call in calls if call.type == "function"] == [
        ("call_1", "weather", '{"place": "Seoul"}'),
        ("call_2", "clock", "{}"),
    ]


def test_a_streamed_answer_is_put_together_by_the_sdk() -> None:
    server = saying(
        ThinkingDelta("Hm."),
        TextDelta("Hel"),
        TextDelta("lo"),
        *CALLS,
        UsageReport(USAGE),
        Finished(FinishReason.TOOL_CALLS),
    )
    with server.client().chat.completions.stream(**QUESTION, stream_options={"include_usage": True}) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_completion()
    assert server.asked[0].stream
    message = answer.choices[0].message
    assert (message.role, message.content) == ("assistant", "Hello")
    assert message.model_extra == {"reasoning_content": "Hm."}
    assert [(call.id, call.type, call.function.name, call.function.arguments) for call in message.tool_calls or []] == [
        ("call_1", "function", "weather", '{"place": "Seoul"}'),
        ("call_2", "function", "clock", "{}"),
    ]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 17
    assert kinds.count("tool_calls.function.arguments.done") == 2
    assert kinds.count("content.done") == 1


def test_usage_is_streamed_only_to_those_who_ask() -> None:
    server = saying(TextDelta("Hi"), UsageReport(USAGE), Finished(FinishReason.STOP))
    chunks = list(server.client().chat.completions.create(**QUESTION, stream=True))
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_read_as_one(stream: bool) -> None:
    server = saying(Finished(FinishReason.CONTENT_FILTER, "stop", "I won't."))
    if stream:
        with server.client().chat.completions.stream(**QUESTION) as streamed:
            answer = streamed.get_final_completion()
        assert answer.choices[0].message.refusal == "I won't."
    else:
        whole = server.client().chat.completions.create(**QUESTION)
        assert whole.choices[0].message.refusal == "I won't."
        assert whole.choices[0].finish_reason == "stop"


def test_pings_at_any_moment_change_nothing() -> None:
    def speak(encoder: StreamEncoder | WholeEncoder) -> bytes:
        events: list[ChatEvent] = [Started("u", "m"), TextDelta("a"), *CALLS, Finished(FinishReason.TOOL_CALLS)]
        sent = [piece for event in events for piece in (encoder.ping(), encoder.feed(event))]
        return b"".join([*sent, encoder.ping()])

    with Server(speak).client().chat.completions.stream(**QUESTION) as stream:
        message = stream.get_final_completion().choices[0].message
    assert (message.role, message.content, len(message.tool_calls or [])) == ("assistant", "a", 2)


def test_an_error_inside_a_stream_is_raised() -> None:
    def speak(encoder: StreamEncoder | WholeEncoder) -> bytes:
        sent = encoder.feed(Started("u", "m")) + encoder.feed(TextDelta("a"))
        return sent + encoder.fail(StreamInterruptedError("broke off", delivered="a")) + encoder.feed(TextDelta("b"))

    texts = []
    with pytest.raises(openai.APIError, match="broke off") as caught:
        for chunk in Server(speak).client().chat.completions.create(**QUESTION, stream=True):
            texts.append(chunk.choices[0].delta.content)
    assert texts == ["", "a"]
    assert caught.value.code == "stream_interrupted"


ATTEMPTS = (
    AttemptSummary(target="gemini", model="gemini-x", outcome="overload", reason="busy", status=503, recovers_in=2.0),
    AttemptSummary(target="openai", model="gpt-6-luna", outcome="money", reason="no credit", status=429),
)
UNAVAILABLE: list[tuple[LLMServiceUnavailableError, str]] = [
    (LLMServiceUnavailableError(attempts=ATTEMPTS, retry_after=1.2), "all_targets_failed"),
    (RateLimitError(attempts=ATTEMPTS, retry_after=1.2), "rate_limit_exceeded"),
    (AuthenticationError(attempts=ATTEMPTS, retry_after=1.2), "upstream_authentication_failed"),
    (DeadlineExceededError(attempts=ATTEMPTS, retry_after=1.2), "deadline_exceeded"),
]


@pytest.mark.parametrize(("error", "code"), UNAVAILABLE, ids=lambda value: type(value).__name__)
def test_when_all_targets_failed_the_sdk_raises_at_once_and_shows_each_reason(
    error: LLMServiceUnavailableError, code: str
) -> None:
    server = Server(error)
    with pytest.raises(openai.InternalServerError) as caught:
        server.client(retries=3).chat.completions.create(**QUESTION)
    assert len(server.asked) == 1
    assert (caught.value.status_code, caught.value.code) == (500, code)
    for part in ("gemini [gemini-x]: overload (HTTP 503): busy; may recover in 2 s", "no credit"):
        assert part in str(caught.value.body)
    assert caught.value.response.headers["retry-after"] == "2"


def test_the_callers_own_mistakes_keep_status_field_and_code() -> None:
    refused: list[tuple[InvalidRequestError, type[openai.APIStatusError], str]] = [
        (InvalidRequestError("no", param="top_p"), openai.BadRequestError, "invalid_request"),
        (InvalidRequestError("no", status=401, code="invalid_api_key"), openai.AuthenticationError, "invalid_api_key"),
        (InvalidRequestError("no", status=404, code="model_not_found"), openai.NotFoundError, "model_not_found"),
        (InvalidRequestError("no", status=429, code="budget_spent"), openai.RateLimitError, "budget_spent"),
        (ContentRefusedError("no"), openai.BadRequestError, "content_filter"),
    ]
    for error, kind, code in refused:
        with pytest.raises(kind) as caught:
            Server(error).client().chat.completions.create(**QUESTION)
        assert (caught.value.status_code, caught.value.param, caught.value.code) == (error.status, error.param, code)


def test_what_the_sdk_sends_for_every_argument_is_understood() -> None:
    server = saying(TextDelta('{"age": 3}'), Finished(FinishReason.STOP))
    server.client().chat.completions.create(
        model="gpt-6-luna",
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "name": "kim", "content": "now?"},
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": ""}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "noon"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        ],
        tools=[{"type": "function", "function": {"name": "clock"}}, {"type": "function", "function": {"name": "b"}}],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "clock"}}]},
        },
        response_format={"type": "text"},
        max_completion_tokens=10,
        max_tokens=5,
        n=1,
        stop="END",
        modalities=["text"],
        logit_bias=None,
        verbosity="low",
        reasoning_effort="none",
        prompt_cache_key="k",
        extra_body={"top_k": 4, "something_new": True},
    )
    request = server.request
    assert [message.role for message in request.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert [message.text for message in request.messages] == ["Be brief.", "now?", "", "", "No.", ""]
    assert request.messages[2].tool_calls == (ToolCall(id="call_1", name="clock"),)
    assert [tool.name for tool in request.tools] == ["clock"]
    assert request.tool_choice is not None
    assert request.tool_choice.mode == "required"
    assert (request.max_tokens, request.stop, request.effort, request.top_k) == (10, ("END",), "none", 4)
    assert request.extra == {
        "openai_chat": {"verbosity": "low", "prompt_cache_key": "k", "something_new": True},
    }


SOURCES = [Citation(url="https://a.example", title="A", start=0, end=5), Citation(url="https://b.example", title="B")]
LIKELY = [Logprobs((TokenLogprob(text, -0.5),)) for text in ("Hel", "lo")]
DETAILS = [
    ThinkingDelta(signature='[{"type":"reasoning.text","text":"hm","index":0}]', dialect="openai_chat"),
    ThinkingDelta(signature='[{"type":"reasoning.encrypted","data":"c2ln","index":1}]', dialect="openai_chat"),
]
CITED = [DETAILS[0], LIKELY[0], TextDelta("Hel"), *SOURCES, LIKELY[1], TextDelta("lo"), DETAILS[1]]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_sources_log_probabilities_and_details_of_reasoning_are_put_together_by_the_sdk(stream: bool) -> None:
    client = saying(*CITED, Finished(FinishReason.STOP)).client()
    if stream:
        with client.chat.completions.stream(**QUESTION) as events:
            answer: Any = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**QUESTION)
    (choice,) = answer.choices
    message = choice.message
    assert [one.url_citation.url for one in message.annotations] == ["https://a.example", "https://b.example"]
    assert [one.token for one in choice.logprobs.content] == ["Hel", "lo"]
    assert [one["type"] for one in message.model_extra["reasoning_details"]] == [
        "reasoning.text",
        "reasoning.encrypted",
    ]
