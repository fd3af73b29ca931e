"""The official SDK, speaking to our ingress codec in memory: what it sends, what it makes of our answers and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pydantic
import pytest
from openai.types.responses import (
    Response,
    ResponseCustomToolCall,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseReasoningItem,
    ResponseToolSearchCall,
)

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
    TopLogprob,
    UsageReport,
)
from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult
from segue.chat.request import ChatRequest, OutputSchema, Tool
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
from segue.wire.codec import Encoder, IngressRequest
from segue.wire.openai_responses.ingress.codec import Ingress

USAGE = Usage(input_tokens=5, cache_read_tokens=3, cache_write_1h_tokens=2, output_tokens=9, reasoning_tokens=4)
CALLS = (
    ToolCalled(0, ToolCall(id="call_1", name="weather", arguments='{"place": "Seoul"}')),
    ToolCalled(1, ToolCall(id="call_2", name="clock", arguments="{}")),
)
Speak = Callable[[Encoder], bytes]


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

    def client(self, retries: int = 0, *, strict: bool = True) -> openai.OpenAI:
        """`strict`: what the SDK reads is held to the SDK's own types, which it otherwise does not check."""
        http = httpx2.Client(transport=httpx2.MockTransport(self))
        return openai.OpenAI(
            api_key="k",
            base_url="http://127.0.0.1:1/v1",
            http_client=http,
            max_retries=retries,
            _strict_response_validation=strict,
        )


def saying(*events: ChatEvent) -> Server:
    return Server(lambda encoder: b"".join(encoder.feed(event) for event in [Started("u", "gpt-6-luna"), *events]))


def answered(server: Server, *, stream: bool, **asked: Any) -> Response:
    """The answer as the SDK has it in the end."""
    asked = {"model": "gpt-6-luna", "input": "Hi"} | asked
    if not stream:
        return server.client().responses.create(**asked)
    with server.client().responses.stream(**asked) as streamed:
        for event in streamed:
            last = event
    assert last.type in ("response.completed", "response.incomplete")
    return last.response


both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both
def test_an_answer_is_read(stream: bool) -> None:
    server = saying(
        ThinkingDelta("Hm"),
        ThinkingDelta("."),
        TextDelta("Hel"),
        TextDelta("lo"),
        UsageReport(USAGE),
        Finished(FinishReason.STOP),
    )
    answer = answered(server, stream=stream)
    assert server.asked[0].stream is stream
    assert (answer.id, answer.model, answer.created_at) == ("resp_abc", "gpt-6-luna", 1_790_000_000)
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert answer.output_text == "Hello"
    reasoning, message = answer.output
    assert isinstance(reasoning, ResponseReasoningItem)
    assert [part.text for part in reasoning.summary] == ["Hm."]
    assert isinstance(message, ResponseOutputMessage)
    assert (message.role, message.status, len(message.content)) == ("assistant", "completed", 1)
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (10, 9, 19)
    assert answer.usage.input_tokens_details.cached_tokens == 3
    assert answer.usage.input_tokens_details.cache_write_tokens == 2
    assert answer.usage.output_tokens_details.reasoning_tokens == 4


@both
def test_calls_go_round_with_the_items_of_the_answer(stream: bool) -> None:
    proof = ThinkingDelta(signature="rs_theirs:opaque==", dialect="openai_responses")
    server = saying(ThinkingDelta("Hm."), proof, TextDelta("Let me see."), *CALLS, Finished(FinishReason.TOOL_CALLS))
    answer = answered(server, stream=stream)
    calls = [item for item in answer.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.call_id, call.name, call.arguments, call.status) for call in calls] == [
        ("call_1", "weather", '{"place": "Seoul"}', "completed"),
        ("call_2", "clock", "{}", "completed"),
    ]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": call.name} for call in calls]
    history = [item.model_dump(exclude_none=True) for item in answer.output]
    answered(server, stream=stream, input=[{"role": "user", "content": "Hi"}, *history, *results])
    assert server.request.messages == (
        Message("user", (Text("Hi"),)),
        Message(
            "assistant",
            (
                Thinking(text="Hm.", signature="rs_theirs:opaque==", dialect="openai_responses"),
                Text("Let me see."),
                CALLS[0].call,
                CALLS[1].call,
            ),
        ),
        Message(
            "tool",
            (
                ToolResult(call_id="call_1", name="weather", content=(Text("weather"),)),
                ToolResult(call_id="call_2", name="clock", content=(Text("clock"),)),
            ),
        ),
    )


@both
def test_a_custom_tool_goes_round_as_a_function_of_one_text(stream: bool) -> None:
    patch = ToolCall(id="call_1", name="apply_patch", arguments='{"input": "*** Begin"}')
    server = saying(ToolCalled(0, patch), Finished(FinishReason.TOOL_CALLS))
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tool = {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": grammar}
    answer = answered(server, stream=stream, tools=[tool])
    [offered] = server.request.tools
    assert offered.name == "apply_patch"
    assert offered.description == "Edits.\n\nThe input follows this lark grammar:\nstart: /.+/"
    assert offered.parameters["required"] == ["input"]
    [call] = answer.output
    assert isinstance(call, ResponseCustomToolCall)
    assert (call.call_id, call.name, call.input) == ("call_1", "apply_patch", "*** Begin")
    result = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"}
    answered(server, stream=stream, tools=[tool], input=[call.model_dump(exclude_none=True), result])
    assert server.request.messages == (
        Message("assistant", (ToolCall(id="call_1", name="apply_patch", arguments='{"input":"*** Begin"}'),)),
        Message("tool", (ToolResult(call_id="call_1", name="apply_patch", content=(Text("done"),)),)),
    )


@both
def test_the_tools_of_a_namespace_go_round_with_their_namespace(stream: bool) -> None:
    server = saying(ToolCalled(0, ToolCall(id="call_1", name="crm__find")), Finished(FinishReason.TOOL_CALLS))
    group = {"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]}
    answer = answered(server, stream=stream, tools=[group])
    assert [tool.name for tool in server.request.tools] == ["crm__find"]
    [call] = answer.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.namespace, call.name) == ("crm", "find")
    answered(server, stream=stream, tools=[group], input=[call.model_dump(exclude_none=True)])
    assert server.request.messages[0].tool_calls == (ToolCall(id="call_1", name="crm__find"),)


@both
def test_a_search_for_tools_goes_round_and_what_it_finds_is_offered(stream: bool) -> None:
    search: Any = {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"a": 1}}
    wanted = ToolCall(id="call_1", name="tool_search", arguments='{"query": "mail"}')
    server = saying(ToolCalled(0, wanted), Finished(FinishReason.TOOL_CALLS))
    answer = answered(server, stream=stream, tools=[search])
    assert server.request.tools == (Tool(name="tool_search", description="Finds.", parameters={"a": 1}),)
    [call] = answer.output
    assert isinstance(call, ResponseToolSearchCall)
    assert (call.call_id, call.arguments, call.execution) == ("call_1", {"query": "mail"}, "client")
    group = {"type": "namespace", "name": "mail", "description": "d", "tools": [{"type": "function", "name": "send"}]}
    found = {"type": "tool_search_output", "call_id": "call_1", "execution": "client", "tools": [group]}
    answered(server, stream=stream, tools=[search], input=[call.model_dump(exclude_none=True), found])
    assert [tool.name for tool in server.request.tools] == ["tool_search", "mail__send"]
    text = Text("Tools that can be called now: mail__send")
    assert server.request.messages == (
        Message("assistant", (ToolCall(id="call_1", name="tool_search", arguments='{"query":"mail"}'),)),
        Message("tool", (ToolResult(call_id="call_1", name="tool_search", content=(text,)),)),
    )


@both
def test_a_refusal_is_read_as_one(stream: bool) -> None:
    answer = answered(
        saying(TextDelta("Well."), Finished(FinishReason.CONTENT_FILTER, "stop", "I won't.")), stream=stream
    )
    [message] = answer.output
    assert isinstance(message, ResponseOutputMessage)
    assert [part.refusal for part in message.content if part.type == "refusal"] == ["I won't."]
    assert (answer.status, answer.output_text) == ("completed", "Well.")


@both
@pytest.mark.parametrize(
    ("reason", "word"), [(FinishReason.LENGTH, "max_output_tokens"), (FinishReason.CONTENT_FILTER, "content_filter")]
)
def test_an_answer_that_was_cut_is_incomplete(stream: bool, reason: FinishReason, word: str) -> None:
    answer = answered(saying(TextDelta("Hel"), Finished(reason)), stream=stream)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == word
    [message] = answer.output
    assert isinstance(message, ResponseOutputMessage)
    assert (message.status, answer.output_text) == ("incomplete", "Hel")


class Pet(pydantic.BaseModel):
    name: str
    age: int


def test_a_pydantic_model_is_asked_for_and_read() -> None:
    server = saying(TextDelta('{"name": "Mia",'), TextDelta('"age": 3}'), Finished(FinishReason.STOP))
    question: Any = {"model": "m", "input": "a cat", "text_format": Pet}
    assert server.client().responses.parse(**question).output_parsed == Pet(name="Mia", age=3)
    output = server.request.output
    assert isinstance(output, OutputSchema)
    assert (output.name, output.strict) == ("Pet", True)
    assert output.schema is not None
    assert output.schema["required"] == ["name", "age"]
    with server.client().responses.stream(**question) as stream:
        assert stream.get_final_response().output_parsed == Pet(name="Mia", age=3)


def test_a_stream_has_every_step_of_every_item_and_numbers_them_without_gaps() -> None:
    server = saying(
        ThinkingDelta("Hm."), TextDelta("a"), TextDelta("b%"), *CALLS[:1], Finished(FinishReason.TOOL_CALLS)
    )
    events = list(server.client().responses.create(model="m", input="Hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "ab%"


def test_pings_at_any_moment_change_nothing() -> None:
    def speak(encoder: Encoder) -> bytes:
        events: list[ChatEvent] = [
            Started("u", "m"),
            TextDelta("a"),
            TextDelta("b"),
            *CALLS,
            Finished(FinishReason.STOP),
        ]
        emitted = [piece for event in events for piece in (encoder.ping(), encoder.feed(event))]
        return b"".join([*emitted, encoder.ping()])

    with Server(speak).client(strict=False).responses.stream(model="m", input="Hi") as stream:
        kinds = [getattr(event, "type", "") for event in stream]
        answer = stream.get_final_response()
    assert kinds.count("keepalive") == 5
    assert (answer.output_text, len(answer.output)) == ("ab", 3)


def test_an_error_inside_a_stream_is_raised() -> None:
    def speak(encoder: Encoder) -> bytes:
        emitted = encoder.feed(Started("u", "m")) + encoder.feed(TextDelta("a"))
        return emitted + encoder.fail(StreamInterruptedError("broke off", delivered="a")) + encoder.feed(TextDelta("b"))

    texts = []
    with pytest.raises(openai.APIError, match="broke off") as caught:
        for event in Server(speak).client().responses.create(model="m", input="Hi", stream=True):
            if event.type == "response.output_text.delta":
                texts.append(event.delta)
    assert texts == ["a"]
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
        server.client(retries=3).responses.create(model="m", input="Hi")
    assert len(server.asked) == 1
    assert (caught.value.status_code, caught.value.code) == (500, code)
    for part in ("gemini [gemini-x]: overload (HTTP 503): busy; may recover in 2 s", "no credit"):
        assert part in str(caught.value.body)


def test_the_callers_own_mistakes_keep_status_field_and_code() -> None:
    refused: list[tuple[InvalidRequestError, type[openai.APIStatusError], str]] = [
        (InvalidRequestError("no", param="top_p"), openai.BadRequestError, "invalid_request"),
        (InvalidRequestError("no", status=401, code="invalid_api_key"), openai.AuthenticationError, "invalid_api_key"),
        (InvalidRequestError("no", status=404, code="model_not_found"), openai.NotFoundError, "model_not_found"),
        (ContentRefusedError("no"), openai.BadRequestError, "content_filter"),
    ]
    for error, kind, code in refused:
        with pytest.raises(kind) as caught:
            Server(error).client().responses.create(model="m", input="Hi")
        assert (caught.value.status_code, caught.value.param, caught.value.code) == (error.status, error.param, code)


def test_what_stands_for_something_kept_elsewhere_is_refused_before_anything_is_asked() -> None:
    server = saying(Finished(FinishReason.STOP))
    with pytest.raises(openai.BadRequestError, match="send the conversation so far") as caught:
        server.client().responses.create(model="m", input="Hi", previous_response_id="resp_1")
    assert (caught.value.param, caught.value.code) == ("previous_response_id", "unsupported_parameter")
    assert server.asked == []


def test_what_the_sdk_sends_for_every_argument_is_understood_and_repeated() -> None:
    server = saying(TextDelta("{}"), Finished(FinishReason.STOP))
    tools: Any = [
        {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}, "strict": True},
        {"type": "function", "name": "b", "parameters": None, "strict": None},
        {"type": "web_search", "search_context_size": "low"},
    ]
    answer = server.client().responses.create(
        model="gpt-6-luna",
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "In English."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
                ],
            },
        ],
        tools=tools,
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "clock"}]},
        parallel_tool_calls=False,
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        reasoning={"effort": "xhigh", "summary": "auto"},
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        store=False,
        metadata={"a": "b"},
        include=["reasoning.encrypted_content"],
        truncation="auto",
        service_tier="flex",
        prompt_cache_key="k",
        user="kim",
        extra_body={"something_new": True},
    )
    request = server.request
    assert request == ChatRequest(
        messages=(
            Message("system", (Text("Be brief."),)),
            Message("system", (Text("In English."),)),
            Message("user", (Text("see"), Image(data="aGk=", media_type="image/png", detail="low"))),
        ),
        tools=request.tools,
        tool_choice=request.tool_choice,
        parallel_tool_calls=False,
        output=OutputSchema(),
        temperature=0.5,
        top_p=0.9,
        max_tokens=100,
        effort="max",
        user="kim",
        extra={
            "openai_responses": {
                "store": False,
                "metadata": {"a": "b"},
                "include": ["reasoning.encrypted_content"],
                "truncation": "auto",
                "service_tier": "flex",
                "prompt_cache_key": "k",
                "something_new": True,
                "reasoning": {"effort": "xhigh", "summary": "auto"},
                "text": {"verbosity": "low"},
            }
        },
    )
    assert [(tool.name, tool.strict) for tool in request.tools] == [("clock", True)]
    assert request.tool_choice is not None
    assert request.tool_choice.mode == "auto"
    assert (answer.instructions, answer.temperature, answer.metadata) == ("Be brief.", 0.5, {"a": "b"})
    assert [tool.type for tool in answer.tools] == ["function", "function", "web_search"]
    assert answer.reasoning is not None
    assert answer.reasoning.effort == "xhigh"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_sources_and_log_probabilities_are_put_together_by_the_sdk(stream: bool) -> None:
    source = Citation(url="https://a.example", title="A", start=0, end=5)
    likely = Logprobs((TokenLogprob("Hello", -0.5, None, (TopLogprob("Hello", -0.5), TopLogprob("Hi", -1.5))),))
    events: list[ChatEvent] = [Started("u", "m"), likely, TextDelta("Hello"), source, Finished(FinishReason.STOP)]
    client = Server(lambda encoder: b"".join(encoder.feed(event) for event in events)).client()
    if stream:
        with client.responses.stream(model="m", input="hi") as emitted:
            kinds = [event.type for event in emitted]
            answer: Any = emitted.get_final_response()
        assert kinds.count("response.output_text.annotation.added") == 1
    else:
        answer = client.responses.create(model="m", input="hi")
    (part,) = answer.output[0].content
    assert [(one.url, one.title, one.start_index, one.end_index) for one in part.annotations] == [
        ("https://a.example", "A", 0, 5)
    ]
    assert [(one.token, [top.token for top in one.top_logprobs]) for one in part.logprobs] == [
        ("Hello", ["Hello", "Hi"])
    ]
