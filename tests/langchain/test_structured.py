"""Structured output: checked where it can still be failed over, parsed by what checked it."""

from __future__ import annotations

import json
import socket
from typing import Any, Literal, TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field
from referencing.exceptions import Unresolvable

from segue.chat.events import FinishReason
from segue.errors import ConfigurationError, LLMServiceUnavailableError
from segue.langchain.backend import Backend
from segue.langchain.clients import LLMClient, OpenAIClient
from segue.langchain.structured import MustCall, Schema, StructuredCheck


class Question(BaseModel):
    """An interview question."""

    text: str
    difficulty: Literal["easy", "hard"]
    points: int = Field(ge=1, le=10)


class Asked(TypedDict):
    """An interview question."""

    text: str
    points: int


DOCUMENT = {
    "title": "question",
    "type": "object",
    "properties": {"text": {"type": "string"}, "points": {"type": "integer"}},
    "required": ["text", "points"],
}
GOOD = {"text": "Why?", "difficulty": "easy", "points": 3}
BAD = {"text": "Why?", "difficulty": "impossible", "points": 3}


def test_a_pydantic_class_gives_instances(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say(json.dumps(GOOD)))
    asked = llm.with_structured_output(Question).invoke("ask")
    assert asked == Question(**GOOD)  # type: ignore[arg-type]
    sent = far.asked[0][1].output
    assert sent.schema is not None
    assert set(sent.schema["properties"]) == {"text", "difficulty", "points"}


@pytest.mark.parametrize("schema", [Asked, DOCUMENT, {k: v for k, v in DOCUMENT.items() if k != "title"}])
def test_any_other_schema_gives_dicts(llm: LLMClient, far: Any, schema: Any) -> None:
    far.tell("gemini", far.say('{"text": "Why?", "points": 3}'))
    assert llm.with_structured_output(schema).invoke("ask") == {"text": "Why?", "points": 3}


def test_without_a_schema_json_mode_gives_any_object(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("[1]"))
    far.tell("openai", far.say('{"any": ["thing"]}'))
    assert llm.with_structured_output(None, method="json_mode").invoke("ask in JSON") == {"any": ["thing"]}
    assert far.order == ["gemini", "openai"]
    with pytest.raises(ConfigurationError, match="only method='json_mode'"):
        llm.with_structured_output(None)


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_an_answer_that_fails_its_schema_is_its_targets_failure(llm: LLMClient, far: Any, method: str) -> None:
    far.tell("gemini", far.say(json.dumps(BAD)))
    far.tell("openai", far.say("no JSON at all"))
    far.tell("claude", far.say(f"```json\n{json.dumps(GOOD)}\n```"))
    structured = llm.with_structured_output(Question, method=method)
    assert await structured.ainvoke("ask in JSON") == Question(**GOOD)  # type: ignore[arg-type]
    assert far.order == ["gemini", "openai", "claude"]


def test_when_every_answer_fails_the_schema_the_error_says_what_was_wrong(llm: LLMClient, far: Any) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.say(json.dumps(BAD)))
    with pytest.raises(LLMServiceUnavailableError, match="difficulty") as raised:
        llm.with_structured_output(Question).invoke("ask")
    assert [attempt.outcome for attempt in raised.value.attempts] == ["invalid"] * 3


def test_a_json_schema_is_enforced_as_a_pydantic_class_is(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say('{"text": "Why?", "points": "three"}'))
    far.tell("openai", far.say('{"text": "Why?", "points": 3}'))
    assert llm.with_structured_output(DOCUMENT).invoke("ask")["points"] == 3
    assert far.order == ["gemini", "openai"]


def test_function_calling_asks_for_the_call_and_gives_its_arguments(backend: Backend, far: Any) -> None:
    far.tell("openai", far.call("Question", json.dumps(GOOD)))
    llm = OpenAIClient(backend=backend)
    asked = llm.with_structured_output(Question, method="function_calling", strict=True).invoke("ask")
    assert asked == Question(**GOOD)  # type: ignore[arg-type]
    request = far.asked[0][1]
    assert request.tool_choice.name == "Question"
    assert request.tools[0].strict is True
    assert request.parallel_tool_calls is False


async def test_a_text_instead_of_the_call_is_the_targets_failure_also_in_a_stream(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say("I'd rather talk."))
    far.tell("openai", far.call("Question", json.dumps(GOOD)))
    structured = llm.with_structured_output(Question, method="function_calling")
    assert structured.invoke("ask") == Question(**GOOD)  # type: ignore[arg-type]
    assert [piece async for piece in structured.astream("ask")] == [Question(**GOOD)]  # type: ignore[arg-type]
    assert far.order == ["gemini", "openai"] * 2


def test_arguments_that_fail_the_schema_raise_what_was_wrong(backend: Backend, far: Any) -> None:
    far.tell("openai", far.call("Question", json.dumps(BAD)))
    with pytest.raises(OutputParserException, match="difficulty"):
        OpenAIClient(backend=backend).with_structured_output(Question, method="function_calling").invoke("ask")


async def test_a_stream_of_a_structured_answer_gives_the_value_once(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say('{"text": "W', 'hy?", "points": 3}'))
    structured = llm.with_structured_output(DOCUMENT)
    assert list(structured.stream("ask")) == [{"text": "Why?", "points": 3}]
    assert [piece async for piece in structured.astream("ask")] == [{"text": "Why?", "points": 3}]


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_the_raw_message_comes_with_the_value(llm: LLMClient, far: Any, method: str) -> None:
    far.tell("gemini", far.say(json.dumps(GOOD)))
    structured = llm.with_structured_output(Question, include_raw=True, method=method)
    for both in (structured.invoke("ask in JSON"), await structured.ainvoke("ask in JSON")):
        assert isinstance(both["raw"], AIMessage)
        assert both["raw"].response_metadata["target"] == "gemini"
        assert both["parsed"] == Question(**GOOD)  # type: ignore[arg-type]
        assert both["parsing_error"] is None


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_with_the_raw_message_a_refused_answer_is_returned_not_raised(
    llm: LLMClient, far: Any, method: str
) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.say(f"{name}: no"))
    structured = llm.with_structured_output(Question, include_raw=True, method=method)
    for both in (structured.invoke("ask"), await structured.ainvoke("ask")):
        assert both["raw"].content == "claude: no"
        assert both["parsed"] is None
        assert isinstance(both["parsing_error"], OutputParserException)


def test_with_the_raw_message_providers_that_are_down_still_raise(llm: LLMClient, far: Any) -> None:
    for name in ("gemini", "openai", "claude"):
        far.tell(name, far.fail(503))
    with pytest.raises(LLMServiceUnavailableError):
        llm.with_structured_output(Question, include_raw=True).invoke("ask")


def test_an_answer_cut_by_its_limit_says_which_limit(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say('{"text": "Wh', reason=FinishReason.LENGTH))
    with pytest.raises(LLMServiceUnavailableError, match="cut off by its token limit"):
        OpenAIClient(backend=backend).with_structured_output(Question).invoke("ask")


def test_a_declined_answer_says_so(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say("", reason=FinishReason.CONTENT_FILTER, refusal="Not this."))
    with pytest.raises(OutputParserException, match=r"declined to answer: Not this\."):
        OpenAIClient(backend=backend).with_structured_output(Question).invoke("ask")


def test_a_schema_need_not_be_an_object(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say('{"a": 1}'))
    far.tell("openai", far.say("[1, 2]"))
    numbers = {"title": "numbers", "type": "array", "items": {"type": "integer"}}
    assert llm.with_structured_output(numbers).invoke("count") == [1, 2]


def test_an_openai_function_is_a_schema_too(llm: LLMClient, far: Any) -> None:
    far.tell("gemini", far.say('{"text": "Why?", "points": 3}'))
    function = {"name": "question", "parameters": {k: v for k, v in DOCUMENT.items() if k != "title"}}
    for schema in (function, {"type": "function", "function": function}):
        assert llm.with_structured_output(schema).invoke("ask") == {"text": "Why?", "points": 3}


def test_options_of_the_calls_go_along(backend: Backend, far: Any) -> None:
    far.tell("openai", far.say(json.dumps(GOOD)))
    OpenAIClient(backend=backend).with_structured_output(Question, temperature=0.1, strict=True).invoke("ask")
    assert far.asked[0][1].temperature == 0.1
    assert far.asked[0][1].output.strict is True


@pytest.mark.parametrize(
    ("schema", "options", "message"),
    [
        (Question, {"method": "telepathy"}, "telepathy"),
        (5, {}, "no schema"),
        ({}, {}, "no schema"),
        ({"title": "x", "type": "nonsense"}, {}, "JSON Schema"),
        ({"title": "x", "properties": 3}, {"strict": True}, "no schema"),
        ({"title": "x", "type": "object", "default": object()}, {}, "no schema"),
    ],
)
def test_what_is_no_schema_or_method_is_refused_at_once(
    llm: LLMClient, schema: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        llm.with_structured_output(schema, **options)


def test_an_unknown_option_is_refused_when_called(llm: LLMClient) -> None:
    with pytest.raises(ConfigurationError, match="temprature"):
        llm.with_structured_output(Question, temprature=1).invoke("x")


def test_what_a_schema_refers_to_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        schema = Schema({"title": "x", "$ref": f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"})
        with pytest.raises(Unresolvable):
            schema.parsed("{}")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (json.dumps(GOOD), None),
        (f"```json\n{json.dumps(GOOD)}\n```", None),
        (f"```\n{json.dumps(GOOD)}\n```\n", None),
        (f"Here you are: {json.dumps(GOOD)}", "Expecting value"),
        (json.dumps(GOOD)[:-1], "Expecting"),
        (json.dumps({**GOOD, "points": 11}), "points: Input should be less than or equal to 10"),
        ("[" * 100_000, "schema"),
        ("", "Expecting value"),
    ],
)
def test_the_check_says_what_is_wrong_in_a_line(text: str, wrong: str | None) -> None:
    problem = StructuredCheck(Schema(Question))(text)
    assert (problem is None) == (wrong is None)
    assert wrong is None or wrong in str(problem)
    assert "\n" not in str(problem)


def test_caches_know_equal_checks_as_equal() -> None:
    assert repr(StructuredCheck(Schema(Question))) == repr(StructuredCheck(Schema(Question)))
    assert repr(StructuredCheck(Schema(Question))) != repr(StructuredCheck(Schema(DOCUMENT)))
    assert repr(MustCall()) == repr(MustCall(refused=[]))
