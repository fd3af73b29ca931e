"""Tools in every form that LangChain takes, and how a call of one is asked for."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from segue import Sandbox, Segue
from segue.chat.request import OutputSchema, ToolChoice
from segue.errors import ConfigurationError
from segue.langchain.backend import Backend
from segue.langchain.clients import LLMClient, OpenAIClient
from segue.langchain.tools import engine_choice, engine_tools, offered, openai_tool, output_schema


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def multiply(a: int, b: int) -> int:
    """Multiplies two numbers."""
    return a * b


class Look(BaseModel):
    """Looks something up."""

    key: str = Field(description="what to look for")


class Find(TypedDict):
    """Finds something."""

    key: str


SCHEMA = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (add, "add"),
        (multiply, "multiply"),
        (Look, "Look"),
        (Find, "Find"),
        ({"title": "look", "description": "Looks.", **SCHEMA}, "look"),
        ({"name": "look", "description": "Looks.", "parameters": SCHEMA}, "look"),
        ({"type": "function", "function": {"name": "look", "parameters": SCHEMA}}, "look"),
        ({"type": "function", "name": "look", "parameters": SCHEMA}, "look"),
        ({"name": "look", "description": "Looks.", "input_schema": SCHEMA}, "look"),
    ],
)
def test_every_form_of_a_tool_becomes_a_function(given: Any, name: str) -> None:
    (known,) = engine_tools([given])
    assert known.name == name
    assert known.parameters["type"] == "object"
    assert known.parameters["properties"]
    assert known.strict is None
    assert engine_tools([given], strict=True)[0].strict is True


def test_a_tool_without_parameters_has_an_empty_object_of_them() -> None:
    def ping() -> str:
        """Pings."""
        return "pong"

    assert engine_tools([ping])[0].parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    "given",
    [{"type": "web_search_preview"}, {"type": "code_interpreter"}, {"type": "web_search_20250305", "name": "w"}, 5, {}],
)
def test_what_runs_at_one_provider_only_or_is_no_tool_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        openai_tool(given)


@pytest.mark.parametrize(
    ("wish", "choice"),
    [
        (None, None),
        (False, None),
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("any", ToolChoice(mode="required")),
        ("required", ToolChoice(mode="required")),
        (True, ToolChoice(mode="required")),
        ("add", ToolChoice(mode="tool", name="add")),
        ({"type": "function", "function": {"name": "add"}}, ToolChoice(mode="tool", name="add")),
        ({"type": "tool", "name": "add"}, ToolChoice(mode="tool", name="add")),
        ({"type": "any"}, ToolChoice(mode="required")),
    ],
)
def test_every_way_to_choose_a_tool_is_understood(wish: Any, choice: ToolChoice | None) -> None:
    assert engine_choice(wish, ["add", "look"]) == choice


def test_a_tool_named_like_a_mode_is_meant_itself() -> None:
    assert engine_choice("any", ["any"]) == ToolChoice(mode="tool", name="any")


@pytest.mark.parametrize("wish", ["subtract", 5, {"type": "function", "function": {"name": "subtract"}}])
def test_a_choice_of_no_tool_is_refused_when_it_is_bound(llm: LLMClient, wish: Any) -> None:
    with pytest.raises(ConfigurationError, match="tool_choice"):
        llm.bind_tools([add], tool_choice=wish)


def test_bound_tools_reach_the_provider_with_their_choice(backend: Backend, far: Any) -> None:
    far.tell("openai", far.call("Look", '{"where": "here"}'))
    bound = OpenAIClient(backend=backend).bind_tools(
        [add, Look], tool_choice="Look", parallel_tool_calls=False, temperature=0.5
    )
    assert isinstance(bound, RunnableBinding)
    bound.invoke("x")
    request = far.asked[0][1]
    assert [known.name for known in request.tools] == ["add", "Look"]
    assert request.tools[0].description == "Adds two numbers."
    assert request.tool_choice == ToolChoice(mode="tool", name="Look")
    assert request.temperature == 0.5


@pytest.mark.parametrize("choice", ["any", "add"])
async def test_a_text_where_a_call_was_demanded_is_its_targets_failure(llm: LLMClient, far: Any, choice: str) -> None:
    far.tell("gemini", far.say("I would rather talk."))
    far.tell("openai", far.call("add", '{"a": 1, "b": 2}'))
    bound = llm.bind_tools([add], tool_choice=choice)
    for answer in (bound.invoke("x"), await anext(bound.astream("x"))):
        assert isinstance(answer, AIMessage)
        assert (answer.content, len(answer.tool_calls)) == ("", 1)
    assert far.order == ["gemini", "openai"] * 2


def test_without_a_choice_none_is_sent(llm: LLMClient, far: Any) -> None:
    llm.bind_tools([add]).invoke("x")
    assert far.asked[0][1].tool_choice in (None, ToolChoice(mode="auto"))


@pytest.mark.parametrize(
    ("wish", "output"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputSchema()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
            OutputSchema(schema=SCHEMA, name="n", strict=True),
        ),
        (OutputSchema(name="x"), OutputSchema(name="x")),
    ],
)
def test_agents_ask_for_structure_in_openais_words(wish: Any, output: OutputSchema | None) -> None:
    assert output_schema(wish) == output


def test_an_unknown_response_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="with_structured_output"):
        output_schema({"type": "yaml"})


SERVER_TOOLS: list[tuple[dict[str, Any], str]] = [
    ({"type": "web_search_20250305", "name": "web_search"}, "claude"),
    ({"type": "code_execution_20250825", "name": "code_execution"}, "claude"),
    ({"type": "mcp_toolset", "mcp_server_name": "a"}, "claude"),
    ({"type": "web_search_preview"}, "openai_responses"),
    ({"type": "image_generation"}, "openai_responses"),
    ({"type": "code_interpreter", "container": {"type": "auto"}}, "openai_responses"),
    ({"google_search": {}}, "gemini"),
    ({"urlContext": {}}, "gemini"),
]


@pytest.mark.parametrize(("tool", "dialect"), SERVER_TOOLS)
def test_a_tool_that_runs_at_its_provider_is_kept_for_that_provider(tool: dict[str, Any], dialect: str) -> None:
    bound = offered([tool, {"type": "function", "function": {"name": "f"}}])
    assert [each["function"]["name"] for each in bound.functions] == ["f"]
    assert bound.hosted == {dialect: {"tools": [tool]}}


def test_schemas_and_functions_in_every_form_are_none_of_those() -> None:
    schema = {"title": "f", "description": "d", "type": "object", "properties": {}}
    claude = {"name": "g", "input_schema": {"type": "object", "properties": {}}}
    flat = {"type": "function", "name": "h", "parameters": {"type": "object", "properties": {}}}
    bound = offered([schema, claude, flat])
    assert ([each["function"]["name"] for each in bound.functions], bound.hosted) == (["f", "g", "h"], {})


def test_the_next_target_answers_without_and_says_so() -> None:
    with Sandbox() as box:
        client = LLMClient(engine=Segue(box.settings()), chain="openai").bind_tools([{"google_search": {}}])
        message = client.invoke("hi")
    assert message.response_metadata["omitted"] == ["tools.google_search"]
    assert message.text
