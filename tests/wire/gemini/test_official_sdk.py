"""The official SDK as judge: what it sends is read whole, what it is answered it understands. No network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from segue.catalog.models import find_model
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
from segue.chat.messages import Message, Text, ToolCall, ToolResult, user
from segue.chat.usage import Usage
from segue.errors import AttemptSummary, LLMServiceUnavailableError, SegueError, StreamInterruptedError
from segue.secret import Secret
from segue.wire.codec import Call, IngressRequest
from segue.wire.gemini.ingress.codec import Ingress
from segue.wire.gemini.schema import camel
from segue.wire.gemini.upstream.codec import Upstream

httpx = pytest.importorskip("httpx")
genai = pytest.importorskip("google.genai")
types = genai.types
errors = pytest.importorskip("google.genai.errors")

MODEL = "gemini-3.5-flash-lite"
STARTED = Started("x", MODEL)
DONE = Finished(FinishReason.STOP, "STOP")
TEXT: list[ChatEvent | SegueError] = [
    STARTED,
    ThinkingDelta("Hm"),
    TextDelta("Hello "),
    TextDelta("world"),
    ThinkingDelta(signature="c2ln", dialect="gemini"),
    UsageReport(Usage(input_tokens=5, cache_read_tokens=2, output_tokens=7, reasoning_tokens=3)),
    DONE,
]


class Server:
    """Answers with the next script; keeps what it was asked."""

    def __init__(self, *scripts: list[ChatEvent | SegueError] | SegueError) -> None:
        self.asked: list[IngressRequest] = []
        self.sent: list[Any] = []
        self._scripts = iter(scripts)
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.models = genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=client)).models

    def _answer(self, request: Any) -> Any:
        try:
            path, query = request.url.path, request.url.query.decode()
            asked = Ingress().decode(request.read(), path=path, query=query, headers=dict(request.headers))
        except SegueError as error:
            return self._error(error)
        self.asked.append(asked)
        self.sent.append(msgspec.json.decode(request.read()))
        if asked.options["action"] == "countTokens":
            return httpx.Response(200, content=Ingress().token_count(42))
        script = next(self._scripts)
        if isinstance(script, SegueError):
            return self._error(script)
        encoder = Ingress().encoder(asked, id="resp1", created=1)
        pieces = (encoder.fail(e) if isinstance(e, SegueError) else encoder.ping() + encoder.feed(e) for e in script)
        return httpx.Response(200, headers={"content-type": encoder.content_type}, content=b"".join(pieces))

    def _error(self, error: SegueError) -> Any:
        status, headers, body = Ingress().error(error)
        return httpx.Response(status, headers=headers, content=body)


@pytest.fixture
def no_warnings() -> Iterator[None]:
    """The SDK's own advice about its functions is not ours to heed."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_whole_answer_is_understood() -> None:
    server = Server(TEXT)
    config = types.GenerateContentConfig(
        system_instruction="be brief",
        temperature=0.5,
        max_output_tokens=100,
        stop_sequences=["X"],
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="low"),
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
    )
    answer = server.models.generate_content(model=MODEL, contents="hi", config=config)
    assert (answer.text, answer.response_id, answer.model_version) == ("Hello world", "resp1", MODEL)
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    thought, text = answer.candidates[0].content.parts
    assert (thought.thought, thought.text, text.thought_signature) == (True, "Hm", b"sig")
    used = answer.usage_metadata
    assert (used.prompt_token_count, used.cached_content_token_count) == (7, 2)
    assert (used.candidates_token_count, used.thoughts_token_count, used.total_token_count) == (4, 3, 14)
    request = server.asked[0].request
    assert [message.text for message in request.messages] == ["be brief", "hi"]
    assert (request.temperature, request.max_tokens, request.stop, request.effort) == (0.5, 100, ("X",), "low")
    assert request.extra["gemini"].keys() == {"safetySettings", "generationConfig"}


def test_a_stream_with_pings_is_understood() -> None:
    server = Server(TEXT)
    chunks = list(server.models.generate_content_stream(model=MODEL, contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello world"
    assert chunks[-1].usage_metadata.total_token_count == 14
    assert server.asked[0].options["sse"] is True


def test_tools_are_called_and_their_results_come_back(no_warnings: None) -> None:
    called: list[str] = []

    def weather(city: str, days: int = 1) -> dict[str, int]:
        """Tells the weather."""
        called.append(city)
        return {"celsius": 20}

    calls = [ToolCall(id="a", name="weather", arguments='{"city":"Seoul"}', signature="c2ln")]
    calls += [ToolCall(id="b", name="weather", arguments='{"city":"Paris"}')]
    script = [STARTED, *(ToolCalled(i, call) for i, call in enumerate(calls)), Finished(FinishReason.TOOL_CALLS)]
    server = Server(script, TEXT)
    config = types.GenerateContentConfig(tools=[weather])
    assert server.models.generate_content(model=MODEL, contents="hi", config=config).text == "Hello world"
    assert called == ["Seoul", "Paris"]
    request = server.asked[1].request
    assert request.messages[:2] == (user("hi"), Message("assistant", tuple(calls)))
    assert [(part.call_id, part.content) for part in request.messages[2].parts if isinstance(part, ToolResult)] == [
        ("a", (Text('{"result":{"celsius":20}}'),)),
        ("b", (Text('{"result":{"celsius":20}}'),)),
    ]
    assert request.tools[0].parameters["properties"]["city"] == {"type": "string"}


def test_the_sdks_own_schema_is_read_as_json_schema() -> None:
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int | None
        tags: list[str]

    text = '{"name":"a","age":null,"tags":[]}'
    server = Server([STARTED, TextDelta(text), DONE])
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Person)
    answer = server.models.generate_content(model=MODEL, contents="hi", config=config)
    assert answer.parsed == Person(name="a", age=None, tags=[])
    output = server.asked[0].request.output
    assert output is not None
    assert output.schema is not None
    assert output.schema["properties"]["age"]["type"] == ["integer", "null"]
    assert output.schema["required"] == ["name", "age", "tags"]


def test_failures_become_the_sdks_errors_with_their_reasons() -> None:
    attempt = AttemptSummary(target="claude", model="m", outcome="rate", reason="slow down", status=429)
    server = Server(
        LLMServiceUnavailableError(attempts=[attempt], retry_after=3), [STARTED, StreamInterruptedError("cut")]
    )
    with pytest.raises(errors.ServerError) as caught:
        server.models.generate_content(model=MODEL, contents="hi")
    assert (caught.value.code, caught.value.status) == (500, "INTERNAL")
    assert "claude [m]: rate (HTTP 429): slow down" in caught.value.message
    with pytest.raises(errors.ServerError, match="cut"):
        list(server.models.generate_content_stream(model=MODEL, contents="hi"))
    with pytest.raises(errors.ClientError, match="candidateCount"):
        server.models.generate_content(
            model=MODEL, contents="hi", config=types.GenerateContentConfig(candidate_count=2)
        )


def test_tokens_are_counted() -> None:
    assert Server().models.count_tokens(model=MODEL, contents="hi").total_tokens == 42


def names(value: Any, where: str = "") -> set[str]:
    """The paths of all fields, in camelCase: the SDK mixes both spellings."""
    if isinstance(value, list):
        return {name for item in value for name in names(item, where)}
    if not isinstance(value, dict):
        return set()
    return {name for key, inner in camel(value).items() for name in {f"{where}.{key}"} | names(inner, f"{where}.{key}")}


def test_what_we_send_upstream_has_the_sdks_own_field_names() -> None:
    server = Server(TEXT)
    function = types.FunctionDeclaration(
        name="f", description="d", parameters_json_schema={"type": "object", "properties": {"q": {"type": "string"}}}
    )
    config = types.GenerateContentConfig(
        system_instruction="s",
        temperature=1,
        top_p=0.5,
        top_k=3,
        seed=1,
        frequency_penalty=0.5,
        presence_penalty=0.5,
        max_output_tokens=9,
        stop_sequences=["x"],
        response_mime_type="application/json",
        response_json_schema={"type": "object"},
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="low"),
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        tools=[types.Tool(function_declarations=[function])],
    )
    image = types.Part.from_bytes(data=b"x", mime_type="image/png")
    far_image = types.Part.from_uri(file_uri="https://a.example/b.png", mime_type="image/png")
    server.models.generate_content(model=MODEL, contents=[image, far_image, "hi"], config=config)
    info = msgspec.structs.replace(find_model("gemini", MODEL), rejects=(), ignores=())
    call = Call(model=info, base_url=Upstream.base_url, key=Secret("k"))
    ours = msgspec.json.decode(Upstream().encode(server.asked[0].request, call).body)
    assert names(server.sent[0]) - names(ours) == {".systemInstruction.role"}
    assert names(ours) - names(server.sent[0]) == set()


def test_sources_and_log_probabilities_are_read_by_the_sdk() -> None:
    source = Citation(url="https://a.example", title="A", start=3, end=8)
    likely = Logprobs((TokenLogprob("서울 Hello", -0.5),))
    script: list[ChatEvent | SegueError] = [STARTED, likely, TextDelta("서울 Hello"), source, DONE]
    answer = Server(script).models.generate_content(model=MODEL, contents="hi")
    (candidate,) = answer.candidates
    (chunk,), (support,) = (
        candidate.grounding_metadata.grounding_chunks,
        candidate.grounding_metadata.grounding_supports,
    )
    assert (chunk.web.uri, chunk.web.title, support.grounding_chunk_indices) == ("https://a.example", "A", [0])
    assert (support.segment.start_index, support.segment.end_index, support.segment.text) == (7, 12, "Hello")
    assert [one.token for one in candidate.logprobs_result.chosen_candidates] == ["서울 Hello"]
