"""What becomes of requests that the API would not take as they are."""

from __future__ import annotations

from typing import Any

import pytest

from segue.chat.messages import Image, Message, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.wire.claude.upstream.codec import Upstream
from segue.wire.claude.upstream.messages import GO_ON, OPENING
from segue.wire.claude.upstream.request import DEFAULT_MAX_TOKENS

from .harness import KEY, body_of, call, omitted

HI = user("hi")
TOOL = Tool(name="look", parameters={"type": "object", "properties": {"q": {"type": "string"}}})


def request(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (HI,), **fields)


def turns(*messages: Message, model: str = "claude-sonnet-4-6", **changes: Any) -> list[tuple[str, Any]]:
    return [(turn["role"], turn["content"]) for turn in body_of(request(*messages), model, **changes)["messages"]]


def test_the_key_is_in_a_header_and_nowhere_else() -> None:
    wire = Upstream().encode(request(), call(headers={"X-Team": "a"}))
    assert wire.url == "https://api.anthropic.com/v1/messages"
    assert wire.headers["x-api-key"] == KEY
    assert wire.headers["anthropic-version"] == "2023-06-01"
    assert wire.headers["x-team"] == "a"
    assert KEY not in repr(wire) + wire.url + wire.body.decode()


def test_a_quirk_sends_the_key_as_a_bearer_token() -> None:
    headers = Upstream().encode(request(), call(quirks={"bearer": True})).headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in headers


def test_the_models_are_listed_with_the_same_headers() -> None:
    wire = Upstream().list_models(call())
    assert (wire.method, wire.url) == ("GET", "https://api.anthropic.com/v1/models")
    assert wire.headers["x-api-key"] == KEY


def test_betas_go_to_their_header() -> None:
    wire = Upstream().encode(request(extra={"claude": {"betas": ["a-1", "b-2"]}}), call())
    assert wire.headers["anthropic-beta"] == "a-1,b-2"
    assert b"betas" not in wire.body


def test_a_compaction_is_not_asked_for_and_that_is_reported() -> None:
    clear, compact = {"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112", "pause_after_compaction": True}
    for edits, kept in (([clear, compact], {"edits": [clear]}), ([compact], None), ([clear], {"edits": [clear]})):
        asked = request(extra={"claude": {"context_management": {"edits": edits}}})
        assert body_of(asked).get("context_management") == kept
        assert omitted(asked, "claude-sonnet-4-6") == (("context_management.compact",) if compact in edits else ())


def test_a_target_that_does_not_stream_is_not_asked_to() -> None:
    assert body_of(request())["stream"] is True
    assert "stream" not in body_of(request(), stream=False)


def test_another_dialects_extras_stay_out_of_the_body() -> None:
    assert "logprobs" not in body_of(request(extra={"openai_chat": {"logprobs": True}}))


# --- turns


def test_system_texts_from_anywhere_stand_first() -> None:
    body = body_of(request(system("one"), HI, assistant("yes"), system("two"), user("go")))
    assert body["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]


def test_a_system_text_alone_is_put_to_the_model_as_the_users() -> None:
    body = body_of(request(system("Write a haiku.")))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": "Write a haiku."}]


def test_neighbouring_turns_of_one_role_become_one() -> None:
    assert turns(user("a"), user("b"), assistant("c"), assistant("d"), user("e")) == [
        ("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        ("assistant", [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]),
        ("user", "e"),
    ]


def test_blank_texts_and_turns_without_any_are_left_out() -> None:
    assert turns(user("a"), assistant(" \n"), Message("user", (Text(""), Text("b")))) == [
        ("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    ]


def test_a_conversation_that_begins_with_the_assistant_gets_a_user_turn_before_it() -> None:
    assert turns(assistant("Welcome!"), HI)[:2] == [("user", OPENING), ("assistant", "Welcome!")]


def test_a_request_with_nothing_in_it_is_refused_with_the_field_at_fault() -> None:
    with pytest.raises(InvalidRequestError, match="add a message with text") as caught:
        body_of(request(user("  ")))
    assert caught.value.param == "messages"


def test_half_a_surrogate_pair_is_refused_with_a_clear_word() -> None:
    with pytest.raises(InvalidRequestError, match="surrogate"):
        body_of(request(user("\ud83d")))


def test_tool_results_come_first_in_the_turn_after_their_calls() -> None:
    calls = Message("assistant", (ToolCall(id="a", name="look"), ToolCall(id="b", name="look")))
    results = [Message("tool", (ToolResult(call_id=id, content=(Text(id),)),)) for id in "ab"]
    content = turns(HI, calls, user("meanwhile"), *results, user("so?"))[-1][1]
    assert [block["type"] for block in content] == ["tool_result", "tool_result", "text", "text"]


def test_a_result_without_content_is_a_result() -> None:
    calls = Message("assistant", (ToolCall(id="a", name="look"),))
    content = turns(HI, calls, Message("tool", (ToolResult(call_id="a"),)))[-1][1]
    assert content == [{"type": "tool_result", "tool_use_id": "a"}]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["call_abc", "call_def"], ["call_abc", "call_def"]),
        (["chatcmpl-tool|x.y:1", "b"], ["chatcmpl-tool_x_y_1_613bf439", "b"]),
        (["a.b", "a|b"], ["a_b_2e7336dc", "a_b_0eab8a0a"]),
        (["", ""], ["call_0", "call_1"]),
        (["same", "same"], ["same", "same_2"]),
    ],
)
def test_ids_of_other_providers_are_made_fit_and_stay_with_their_results(ids: list[str], expected: list[str]) -> None:
    calls = Message("assistant", tuple(ToolCall(id=id, name="look") for id in ids))
    results = Message("tool", tuple(ToolResult(call_id=id, content=(Text(f"{n}"),)) for n, id in enumerate(ids)))
    _, made, answered = turns(HI, calls, results)
    assert [block["id"] for block in made[1]] == expected
    assert [(block["tool_use_id"], block["content"]) for block in answered[1]] == [
        (id, str(n)) for n, id in enumerate(expected)
    ]


def test_an_id_that_comes_back_in_a_later_turn_is_told_apart() -> None:
    calls = Message("assistant", (ToolCall(id="call_0", name="look"),))
    result = Message("tool", (ToolResult(call_id="call_0", content=(Text("x"),)),))
    expected = turns(HI, calls, result, calls, result)
    assert [block["id"] for role, content in expected if role == "assistant" for block in content] == [
        "call_0",
        "call_0_2",
    ]
    assert expected[-1][1][0]["tool_use_id"] == "call_0_2"


def test_arguments_that_are_no_object_are_shown_as_they_are() -> None:
    calls = Message(
        "assistant", (ToolCall(id="a", name="look", arguments='{"q": 1'), ToolCall(id="b", name="look", arguments=""))
    )
    assert [block["input"] for block in turns(HI, calls, user("?"))[1][1]] == [{"not_json": '{"q": 1'}, {}]


def test_thinking_of_another_dialect_or_without_proof_is_not_replayed() -> None:
    parts = (
        Thinking(text="a", signature="s", dialect="gemini"),
        Thinking(text="b", dialect="claude"),
        Thinking(text="c", signature="s"),
        Text("yes"),
    )
    assert turns(HI, Message("assistant", parts), HI)[1] == ("assistant", "yes")


@pytest.mark.parametrize(
    ("image", "source"),
    [
        (Image(data="/9j/4AAQ"), {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}),
        (
            Image(url="data:image/gif;base64,R0lGODlh"),
            {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"},
        ),
        (Image(url="https://a/b.png"), {"type": "url", "url": "https://a/b.png"}),
    ],
)
def test_a_picture_is_sent_as_its_data_or_its_address(image: Image, source: dict[str, str]) -> None:
    assert turns(Message("user", (image,))) == [("user", [{"type": "image", "source": source}])]


@pytest.mark.parametrize("image", [Image(), Image(data="????")])
def test_a_picture_that_is_none_is_refused_with_its_place(image: Image) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        body_of(request(HI, Message("user", (image,))))
    assert caught.value.param == "messages.1"


# --- a begun answer


def test_a_prefill_stays_last_and_loses_its_trailing_whitespace() -> None:
    expected = turns(HI, assistant("The answer is \n"), model="claude-sonnet-4-5", prefill=True)
    assert expected[-1] == ("assistant", "The answer is")


def test_a_model_that_takes_prefill_goes_on_with_a_callers_last_assistant_turn() -> None:
    assert turns(HI, assistant("{"), model="claude-sonnet-4-5")[-1] == ("assistant", "{")


def test_a_model_without_prefill_is_asked_to_go_on() -> None:
    assert turns(HI, assistant("{"), model="claude-sonnet-5-5")[-2:] == [("assistant", "{"), ("user", GO_ON)]


# --- what models don't take


@pytest.mark.parametrize(
    ("model", "fields", "kept", "left_out"),
    [
        ("claude-sonnet-4-5", {"temperature": 0.7}, {"temperature": 0.7}, ()),
        ("claude-sonnet-5-5", {"temperature": 0.7, "top_p": 0.5, "top_k": 3}, {}, ("temperature", "top_p", "top_k")),
        ("claude-sonnet-4-5", {"temperature": 0.7, "top_p": 0.5}, {"temperature": 0.7}, ("top_p",)),
        ("claude-sonnet-4-5", {"temperature": 1.5}, {}, ("temperature",)),
        (
            "claude-sonnet-4-5",
            {"temperature": 0.0, "thinking_budget": 2000, "max_tokens": 4000},
            {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
            ("temperature",),
        ),
        ("claude-sonnet-4-5", {"seed": 1, "frequency_penalty": 0.1}, {}, ("seed", "frequency_penalty")),
        ("claude-sonnet-4-5", {"stop": ("\n", "END")}, {"stop_sequences": ["END"]}, ("stop",)),
        ("claude-sonnet-4-5", {"stop": ("\n",)}, {}, ("stop",)),
        ("claude-sonnet-4-5", {"max_tokens": 10**6}, {"max_tokens": 64000}, ("max_tokens",)),
    ],
)
def test_what_a_model_is_known_not_to_take_is_left_out_and_named(
    model: str, fields: dict[str, Any], kept: dict[str, Any], left_out: tuple[str, ...]
) -> None:
    body = body_of(request(**fields), model)
    assert {key: body[key] for key in body.keys() - {"model", "messages", "stream", "max_tokens"} | kept.keys()} == kept
    assert omitted(request(**fields), model) == left_out


@pytest.mark.parametrize(
    ("model", "temperature"),
    [
        ("claude-3-5-sonnet-20241022", 0.7),
        ("claude-sonnet-4-5", 0.7),
        ("claude-sonnet-5-5", None),
        ("claude-fable-5-2", None),
        ("something-else", 0.7),
    ],
)
def test_the_guides_settings_work_on_every_generation(model: str, temperature: float | None) -> None:
    body = body_of(request(temperature=0.7, max_tokens=1500), model)
    assert (body["max_tokens"], body.get("temperature")) == (1500, temperature)


@pytest.mark.parametrize(
    "field",
    ["temperature", "top_k", "stop", "user", "effort", "thinking_budget", "parallel_tool_calls", "tool_choice"],
)
def test_what_a_target_has_refused_before_is_left_out_and_named(field: str) -> None:
    asked = request(
        temperature=0.5,
        top_k=3,
        stop=("END",),
        user="u",
        effort="low",
        thinking_budget=2000,
        parallel_tool_calls=False,
        tools=(TOOL,),
        tool_choice=ToolChoice(mode="required"),
    )
    wire_name = {
        "stop": "stop_sequences",
        "user": "metadata",
        "effort": "output_config",
        "thinking_budget": "thinking",
        "parallel_tool_calls": "disable_parallel_tool_use",
        "tool_choice": '"any"',
    }.get(field, field)
    plain = Upstream().encode(asked if field == "tool_choice" else request(**_only(asked, field)), call())
    bare = Upstream().encode(
        asked if field == "tool_choice" else request(**_only(asked, field)), call(omit=frozenset({field}))
    )
    assert wire_name in plain.body.decode()
    assert wire_name not in bare.body.decode()
    assert field in bare.omitted


def _only(asked: ChatRequest, field: str) -> dict[str, Any]:
    return {field: getattr(asked, field), "tools": asked.tools}


def test_thinking_that_was_refused_before_is_not_replayed() -> None:
    thought = Message("assistant", (Thinking(text="a", signature="s", dialect="claude"), Text("yes")))
    assert turns(HI, thought, HI, omit=frozenset({"thinking"}))[1] == ("assistant", "yes")
    assert omitted(request(HI, thought, HI), "claude-sonnet-5-5", omit=frozenset({"thinking"})) == ("thinking",)


def test_a_field_of_the_dialects_own_can_be_left_out_too() -> None:
    asked = request(extra={"claude": {"service_tier": "auto"}})
    assert "service_tier" not in body_of(asked, omit=frozenset({"service_tier"}))


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-sonnet-5-5", DEFAULT_MAX_TOKENS),
        ("claude-3-5-haiku-20241022", 8192),
        ("something-else", DEFAULT_MAX_TOKENS),
    ],
)
def test_there_is_always_a_limit_to_the_output(model: str, most: int) -> None:
    assert body_of(request(), model)["max_tokens"] == most


# --- thinking


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort", "left_out"),
    [
        ("claude-sonnet-4-5", {}, None, None, ()),
        ("claude-sonnet-4-5", {"effort": "low"}, {"type": "enabled", "budget_tokens": 2048}, None, ()),
        (
            "claude-sonnet-4-5",
            {"effort": "max", "max_tokens": 8000},
            {"type": "enabled", "budget_tokens": 6000},
            None,
            (),
        ),
        ("claude-sonnet-4-5", {"effort": "high", "max_tokens": 1000}, None, None, ("effort",)),
        ("claude-sonnet-4-5", {"thinking_budget": 500}, {"type": "enabled", "budget_tokens": 1024}, None, ()),
        (
            "claude-sonnet-4-5",
            {"thinking_budget": 9000, "max_tokens": 2000},
            {"type": "enabled", "budget_tokens": 1999},
            None,
            (),
        ),
        ("claude-sonnet-4-5", {"effort": "none"}, None, None, ()),
        ("claude-sonnet-4-5", {"thinking_budget": 0}, None, None, ()),
        ("claude-opus-4-5", {"effort": "max"}, {"type": "enabled", "budget_tokens": 12288}, "high", ()),
        ("claude-sonnet-4-6", {"effort": "minimal"}, {"type": "adaptive"}, "low", ()),
        ("claude-sonnet-4-6", {"thinking_budget": 8000}, {"type": "adaptive"}, "medium", ("thinking_budget",)),
        ("claude-sonnet-4-6", {"thinking_budget": -1}, {"type": "adaptive"}, None, ()),
        ("claude-sonnet-5", {"effort": "max"}, None, "max", ()),
        ("claude-sonnet-5", {"effort": "none"}, {"type": "disabled"}, None, ()),
        ("claude-sonnet-5-5", {"effort": "none"}, {"type": "between_tools"}, None, ()),
        ("claude-opus-5-5", {"effort": "none"}, None, "low", ("effort",)),
        ("claude-3-5-sonnet-20241022", {"effort": "low"}, None, None, ("effort",)),
        ("something-else", {"thinking_budget": 2000}, {"type": "enabled", "budget_tokens": 2000}, None, ()),
        ("something-else", {"effort": "low"}, None, "low", ()),
    ],
)
def test_a_wish_to_think_is_sent_as_the_model_takes_it(
    model: str, fields: dict[str, Any], thinking: Any, effort: str | None, left_out: tuple[str, ...]
) -> None:
    body = body_of(request(**fields), model)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert omitted(request(**fields), model) == left_out


@pytest.mark.parametrize(
    ("model", "expected", "thinking", "effort"),
    [
        (
            "claude-sonnet-4-5",
            {"type": "adaptive", "display": "omitted"},
            {"type": "enabled", "budget_tokens": 12288, "display": "omitted"},
            None,
        ),
        ("claude-opus-4-8", {"type": "adaptive"}, {"type": "adaptive"}, "xhigh"),
        ("claude-sonnet-4-6", {"type": "adaptive"}, {"type": "adaptive"}, "high"),
        ("claude-sonnet-4-6", None, None, "high"),
    ],
)
def test_a_callers_own_wording_is_translated_for_another_generation(
    model: str, expected: Any, thinking: Any, effort: str | None
) -> None:
    extra = {"claude": {"thinking": expected, "output_config": {"effort": "xhigh"}}}
    body = body_of(request(effort="high", extra=extra), model)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_a_forced_tool_goes_before_thinking() -> None:
    asked = request(thinking_budget=2000, tools=(TOOL,), tool_choice=ToolChoice(mode="required"))
    body = body_of(asked, "claude-sonnet-4-5")
    assert "thinking" not in body
    assert body["tool_choice"] == {"type": "any"}
    assert omitted(asked, "claude-sonnet-4-5") == ("thinking_budget",)


def test_a_budget_is_dropped_where_the_transcripts_tool_calls_were_made_without_thinking() -> None:
    calls = Message("assistant", (ToolCall(id="a", name="look"),))
    result = Message("tool", (ToolResult(call_id="a", content=(Text("x"),)),))
    thought = Message("assistant", (Thinking(text="t", signature="s", dialect="claude"), *calls.parts))
    assert "thinking" not in body_of(request(HI, calls, result, thinking_budget=2000), "claude-sonnet-4-5")
    assert "thinking" in body_of(request(HI, thought, result, thinking_budget=2000), "claude-sonnet-4-5")


def test_a_prefill_goes_before_thinking() -> None:
    body = body_of(request(HI, assistant("{"), thinking_budget=2000), "claude-sonnet-4-5", prefill=True)
    assert "thinking" not in body


# --- tools and JSON


def test_a_forced_tool_becomes_an_instruction_where_the_model_can_not_be_forced() -> None:
    asked = request(tools=(TOOL,), tool_choice=ToolChoice(mode="tool", name="look"))
    body = body_of(asked, "claude-sonnet-5-5")
    assert body["tool_choice"] == {"type": "auto"}
    assert "`look`" in body["system"]
    assert omitted(asked, "claude-sonnet-5-5") == ("tool_choice",)


def test_a_tool_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in body_of(request(tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False))


def test_a_tool_without_parameters_gets_an_empty_object() -> None:
    (tool,) = body_of(request(tools=(Tool(name="now"),)))["tools"]
    assert tool["input_schema"] == {"type": "object", "properties": {}}


def test_parallel_calls_are_forbidden_within_the_choice() -> None:
    body = body_of(request(tools=(TOOL,), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_strict_tool_that_can_not_be_enforced_is_sent_without_the_promise() -> None:
    asked = request(
        tools=(
            Tool(name="put", parameters={"type": "object", "additionalProperties": {"type": "string"}}, strict=True),
        )
    )
    (tool,) = body_of(asked)["tools"]
    assert "strict" not in tool
    assert omitted(asked, "claude-sonnet-4-6") == ("strict",)


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    body = body_of(request(system("be brief"), HI, output=OutputSchema()))
    assert body["system"][0]["text"] == "be brief"
    assert "one JSON object" in body["system"][1]["text"]


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        ("claude-3-5-haiku-20241022", {"type": "object", "properties": {"n": {"type": "integer"}}}),
        ("claude-sonnet-5-5", {"type": "object", "additionalProperties": {"type": "integer"}}),
    ],
)
def test_a_schema_that_can_not_be_enforced_is_asked_for_in_words(model: str, schema: dict[str, Any]) -> None:
    asked = request(output=OutputSchema(schema=schema))
    body = body_of(asked, model)
    assert "output_config" not in body
    assert '"integer"' in body["system"]
    assert omitted(asked, model) == ("output",)
