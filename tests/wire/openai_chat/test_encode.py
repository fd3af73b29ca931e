"""What a request becomes on the wire, model by model and quirk by quirk."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from segue.catalog.models import ModelInfo, find_model
from segue.chat.messages import Image, Message, Part, Text, Thinking, ToolCall, ToolResult, assistant, system, user
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import InvalidRequestError
from segue.secret import Secret
from segue.wire.openai.tool_ids import tool_id
from segue.wire.openai.upstream_errors import EFFORT_BESIDE_TOOLS
from segue.wire.openai_chat.upstream.codec import Upstream

from .harness import KEY, PLAIN, body_of, call, omitted

CLOCK = Tool(name="clock")
ASKED = (user("?"),)


def asking(**fields: Any) -> ChatRequest:
    return ChatRequest(messages=ASKED, **fields)


def messages_of(*messages: Message, **changes: Any) -> Any:
    return body_of(ChatRequest(messages=messages), **changes)["messages"]


def model(**facts: Any) -> ModelInfo:
    return msgspec.structs.replace(PLAIN, **facts)


def test_the_request_goes_to_the_right_place_with_the_key_in_a_header_alone() -> None:
    wire = Upstream().encode(asking(), call(headers={"x-extra": "1"}))
    assert (wire.method, wire.url) == ("POST", "https://api.openai.com/v1/chat/completions")
    assert wire.headers == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "authorization": f"Bearer {KEY}",
        "x-extra": "1",
    }
    assert KEY.encode() not in wire.body
    assert KEY not in wire.url + repr(wire)


def test_without_a_key_no_authorization_is_sent() -> None:
    assert "authorization" not in Upstream().encode(asking(), call(key=Secret(""))).headers


def test_a_preset_may_name_the_keys_header() -> None:
    headers = Upstream().encode(asking(), call(quirks={"key_header": "api-key"})).headers
    assert headers["api-key"] == KEY
    assert "authorization" not in headers


def test_the_free_probe_lists_models() -> None:
    wire = Upstream().list_models(call())
    assert (wire.method, wire.url, wire.body) == ("GET", "https://api.openai.com/v1/models", b"")
    assert wire.headers["authorization"] == f"Bearer {KEY}"


def test_a_stream_asks_for_its_usage() -> None:
    assert body_of(asking())["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body_of(asking(), quirks={"no_stream_options": True})
    assert "stream_options" not in body_of(asking(), omit=frozenset({"stream_options"}))
    whole = body_of(asking(), stream=False)
    assert "stream" not in whole
    assert "stream_options" not in whole


LIMITS = [
    ("gpt-4.1", {}, "max_completion_tokens"),
    (PLAIN, {}, "max_tokens"),
    (PLAIN, {"quirks": {"max_tokens_param": "max_completion_tokens"}}, "max_completion_tokens"),
    (PLAIN, {"omit": frozenset({"max_tokens"})}, "max_completion_tokens"),
    ("gpt-4.1", {"omit": frozenset({"max_completion_tokens"})}, "max_tokens"),
]


@pytest.mark.parametrize(("name", "changes", "field"), LIMITS)
def test_the_output_limit_has_the_name_that_is_taken(name: str | ModelInfo, changes: Any, field: str) -> None:
    body = body_of(asking(max_tokens=50), name, **changes)
    assert {key: body[key] for key in body if "token" in key} == {field: 50}


def test_a_limit_refused_under_both_names_is_left_out() -> None:
    refused = frozenset({"max_tokens", "max_completion_tokens"})
    assert not {"max_tokens", "max_completion_tokens"} & set(body_of(asking(max_tokens=50), omit=refused))
    assert omitted(asking(max_tokens=50), omit=refused) == ("max_tokens",)


def test_a_limit_above_the_models_own_is_lowered_to_it() -> None:
    assert body_of(asking(max_tokens=10**6), "gpt-4o")["max_completion_tokens"] == 16384


SAMPLING: dict[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "stop": ("END",),
    "seed": 1,
    "top_k": 5,
}


def test_what_a_reasoning_model_does_not_take_is_left_out_and_named() -> None:
    request = asking(**SAMPLING)
    kept = {"temperature", "top_p", "frequency_penalty", "presence_penalty", "stop", "seed", "top_k"} & set(
        body_of(request, "o3")
    )
    assert kept == {"seed"}
    assert set(omitted(request, "o3")) == set(SAMPLING) - {"seed"}


def test_what_is_refused_only_while_reasoning_is_sent_when_it_does_not_reason() -> None:
    info = model(rejects_while_reasoning=("temperature",), efforts=("none", "low", "high"), effort_default="low")
    assert "temperature" not in body_of(asking(temperature=0.2), info)
    assert body_of(asking(temperature=0.2, effort="none"), info)["temperature"] == 0.2


def test_a_default_that_is_left_out_is_not_named() -> None:
    assert omitted(asking(temperature=1.0), "o3") == ()


def test_only_one_of_exclusive_parameters_is_sent() -> None:
    info = model(exclusive=("temperature", "top_p"))
    body = body_of(asking(temperature=0.5, top_p=0.5), info)
    assert "temperature" in body
    assert "top_p" not in body
    assert omitted(asking(temperature=0.5, top_p=0.5), info) == ("top_p",)


def test_top_k_is_sent_only_where_the_preset_says_so() -> None:
    assert omitted(asking(top_k=5)) == ("top_k",)
    assert body_of(asking(top_k=5), quirks={"top_k": True})["top_k"] == 5


def test_more_stops_than_the_dialect_takes_are_named() -> None:
    request = asking(stop=("a", "b", "c", "d", "e"))
    assert body_of(request)["stop"] == ["a", "b", "c", "d"]
    assert omitted(request) == ("stop[4:]",)


def test_a_field_refused_before_is_left_out_by_either_name() -> None:
    request = asking(effort="low", seed=1, extra={"openai_chat": {"store": True}})
    for names in ({"effort", "seed", "store"}, {"reasoning_effort", "seed", "store"}):
        body = body_of(request, omit=frozenset(names))
        assert not {"reasoning_effort", "seed", "store"} & set(body)
        assert set(omitted(request, omit=frozenset(names))) == {"effort", "seed", "store"}


def test_the_conversation_is_never_left_out() -> None:
    body = body_of(asking(), omit=frozenset({"messages", "model", "stream"}))
    assert {"messages", "model", "stream"} <= set(body)


EFFORTS = [
    ("gpt-5.6-sol", {"effort": "minimal"}, "low"),
    ("gpt-5.6-sol", {"effort": "none"}, "none"),
    ("gpt-5.6-sol", {"effort": "max"}, "max"),
    ("o3", {"effort": "max"}, "high"),
    ("o3", {"effort": "none"}, "low"),
    ("gpt-5", {"effort": "minimal"}, "minimal"),
    ("gpt-4.1", {"effort": "high"}, None),
    ("gpt-5.6-sol", {}, None),
    (PLAIN, {"effort": "minimal"}, "minimal"),
    (PLAIN, {"thinking_budget": 0}, "none"),
    (PLAIN, {"thinking_budget": 1024}, "low"),
    (PLAIN, {"thinking_budget": 8192}, "medium"),
    (PLAIN, {"thinking_budget": 8193}, "high"),
]


@pytest.mark.parametrize(("name", "fields", "word"), EFFORTS)
def test_effort_is_sent_in_the_models_own_words(name: str | ModelInfo, fields: Any, word: str | None) -> None:
    assert body_of(asking(**fields), name).get("reasoning_effort") == word


def test_an_effort_that_means_nothing_to_a_model_is_named() -> None:
    assert omitted(asking(effort="high"), "gpt-4.1") == ("effort",)
    assert omitted(asking(effort="none"), "gpt-4.1") == ()


@pytest.mark.parametrize("effort", [None, "low", "none"])
def test_gpt_6_takes_tools_in_this_dialect_only_without_reasoning(effort: Any) -> None:
    request = asking(tools=(CLOCK,), effort=effort, temperature=0.2)
    body = body_of(request, "gpt-6-luna")
    assert body["reasoning_effort"] == "none"
    assert body["temperature"] == 0.2
    assert omitted(request, "gpt-6-luna") == (("effort",) if effort == "low" else ())


def test_a_refusal_of_tools_beside_reasoning_is_cured_by_no_reasoning() -> None:
    learned = frozenset({EFFORT_BESIDE_TOOLS})
    assert body_of(asking(tools=(CLOCK,)), omit=learned)["reasoning_effort"] == "none"
    assert "reasoning_effort" not in body_of(asking(), omit=learned)


def test_thinking_is_switched_where_a_preset_needs_a_switch() -> None:
    quirks = {"thinking_switch": True}
    on = body_of(asking(effort="high"), quirks=quirks)
    assert (on["thinking"], on["reasoning_effort"]) == ({"type": "enabled"}, "high")
    off = body_of(asking(effort="none"), quirks=quirks)
    assert off["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in off
    assert "thinking" not in body_of(asking(), quirks=quirks)


def test_a_forced_tool_is_left_to_the_model_that_cannot_be_forced() -> None:
    request = asking(tools=(CLOCK,), tool_choice=ToolChoice(mode="required"))
    info = model(forced_tool_use=False)
    assert "tool_choice" not in body_of(request, info)
    assert omitted(request, info) == ("tool_choice",)
    assert body_of(request)["tool_choice"] == "required"


def test_tool_choice_without_tools_is_not_sent() -> None:
    body = body_of(asking(tool_choice=ToolChoice(mode="none"), parallel_tool_calls=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)


def test_a_tool_without_parameters_has_an_empty_schema() -> None:
    function = body_of(asking(tools=(CLOCK,)))["tools"][0]["function"]
    assert function == {"name": "clock", "parameters": {"type": "object", "properties": {}}}


def test_a_schema_becomes_an_instruction_where_the_model_knows_only_json_mode() -> None:
    request = ChatRequest(
        messages=(system("Be brief."), user("?")), output=OutputSchema(schema={"type": "object", "title": "T"})
    )
    info = model(json_schema=False)
    body = body_of(request, info)
    assert body["response_format"] == {"type": "json_object"}
    assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"].startswith("Be brief.\n\n")
    assert '{"type":"object","title":"T"}' in body["messages"][0]["content"]
    assert omitted(request, info) == ("output.schema",)


def test_json_mode_is_explained_to_the_model_unless_the_conversation_does() -> None:
    first = body_of(asking(output=OutputSchema()))["messages"][0]
    assert first["role"] == "system"
    assert "JSON" in first["content"]
    in_words = ChatRequest(messages=(user("Answer in json"),), output=OutputSchema())
    assert len(body_of(in_words)["messages"]) == 1


def test_a_schemas_name_is_made_to_fit() -> None:
    request = asking(output=OutputSchema(schema={"type": "object"}, name="나의 answer." + "x" * 80))
    name = body_of(request)["response_format"]["json_schema"]["name"]
    assert name.startswith("___answer_")
    assert len(name) == 64


def test_fields_of_other_dialects_are_ignored() -> None:
    request = asking(extra={"claude": {"betas": ["x"]}, "openai_chat": {"store": True, "messages": [], "model": "z"}})
    body = body_of(request)
    assert body["store"] is True
    assert "betas" not in body
    assert (body["model"], len(body["messages"])) == ("any-model", 1)


def test_a_presets_forbidden_fields_are_left_out_and_renamed_ones_renamed() -> None:
    request = asking(user="u", seed=3)
    body = body_of(request, quirks={"leave_out": ["user"], "seed_param": "random_seed"})
    assert "user" not in body
    assert body["random_seed"] == 3
    assert omitted(request, quirks={"leave_out": ["user"]}) == ("user",)


def test_empty_parts_and_empty_turns_are_dropped() -> None:
    assert messages_of(
        Message("user", (Text(""), Text("a"))), Message("user", ()), assistant(""), Message("assistant", (Text("b"),))
    ) == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


def test_nothing_to_say_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequestError, match="at least one message") as caught:
        messages_of(Message("user", (Text(""),)))
    assert caught.value.param == "messages"


def test_an_image_without_data_or_url_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        messages_of(user("a"), Message("user", (Image(),)))
    assert caught.value.param == "messages[1]"


def test_thinking_is_never_sent_to_a_caller_who_did_not_ask_for_it() -> None:
    turn = Message("assistant", (Thinking(text="t", signature="s", dialect="claude"), Text("a")))
    assert messages_of(user("?"), turn)[1] == {"role": "assistant", "content": "a"}


def test_a_turn_whose_thinking_is_another_dialects_gets_a_blank_where_thinking_must_be_sent() -> None:
    turn = Message("assistant", (Thinking(text="t", dialect="claude"), ToolCall(id="call_1", name="clock")))
    assert messages_of(user("?"), turn, quirks={"reasoning_field": "reasoning_content"})[1]["reasoning_content"] == " "


@pytest.mark.parametrize("dialect", ["", "openai_chat"])
def test_thinking_that_needs_no_proof_is_sent_back_where_it_must_be(dialect: str) -> None:
    turn = Message("assistant", (Thinking(text="t", dialect=dialect), Text("a")))
    assert messages_of(user("?"), turn, quirks={"reasoning_field": "reasoning_content"})[1]["reasoning_content"] == "t"


FOREIGN = "toolu_01AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
TOOL_TURNS = (
    user("?"),
    Message("assistant", (ToolCall(id=FOREIGN, name="clock"),)),
    Message("tool", (ToolResult(call_id=FOREIGN, content=(Text("noon"),)),)),
)


@pytest.mark.parametrize("length", [None, 9])
def test_an_id_of_another_provider_is_made_to_fit_in_call_and_result_alike(length: int | None) -> None:
    _, calling, result = messages_of(*TOOL_TURNS, quirks={"tool_id_length": length} if length else {})
    assert calling["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) <= (length or 40)


def test_fitting_ids_are_kept_and_different_ones_stay_different() -> None:
    assert tool_id("call_abc-1") == "call_abc-1"
    assert tool_id("abcDEF123", 9) == "abcDEF123"
    odd = ["", "a b", "a:b", "é", "x" * 41, "x" * 42]
    assert len({tool_id(one) for one in odd}) == len(odd)
    assert len({tool_id(one, 9) for one in odd}) == len(odd)
    assert all(tool_id(tool_id(one)) == tool_id(one) for one in odd)


def test_a_failed_result_says_so() -> None:
    calling = Message("assistant", (ToolCall(id="a", name="look"),))
    failed = Message("tool", (ToolResult(call_id="a", content=(Text("no such place"),), is_error=True),))
    assert messages_of(user("?"), calling, failed)[2]["content"] == "Error: no such place"
    silent = Message("tool", (ToolResult(call_id="a", is_error=True),))
    assert messages_of(user("?"), calling, silent)[2]["content"] == "Error: "


PICTURE = Image(data="aGk=", media_type="image/png")
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def test_pictures_of_tools_follow_when_all_results_are_sent() -> None:
    results = Message(
        "tool",
        (ToolResult(call_id="a", content=(Text("see"), PICTURE)), ToolResult(call_id="b", content=(PICTURE,))),
    )
    calling = Message("assistant", (ToolCall(id="a", name="look"), ToolCall(id="b", name="look")))
    assert messages_of(user("?"), calling, results, user("go on"))[2:] == [
        {"role": "tool", "tool_call_id": "a", "content": "see"},
        {"role": "tool", "tool_call_id": "b", "content": "The result is the image that follows."},
        {"role": "user", "content": [SHOWN, SHOWN]},
        {"role": "user", "content": "go on"},
    ]


def test_pictures_of_tools_stay_where_the_provider_takes_them() -> None:
    result = Message("tool", (ToolResult(call_id="a", content=(Text("see"), PICTURE)),))
    calling = Message("assistant", (ToolCall(id="a", name="look"),))
    [_, _, wire] = messages_of(user("?"), calling, result, quirks={"tool_images": True})
    assert wire["content"] == [{"type": "text", "text": "see"}, SHOWN]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_picture_where_none_can_be_sent_is_named(role: Any) -> None:
    parts: tuple[Part, ...] = (Text("a"), PICTURE)
    request = ChatRequest(messages=(user("?"), Message(role, parts)))
    assert body_of(request)["messages"][1]["content"] == "a"
    assert omitted(request) == ("messages[1].images",)


@pytest.mark.parametrize("prefill", [False, True])
def test_a_turn_of_the_models_at_the_end_is_marked_where_the_preset_has_a_mark(prefill: bool) -> None:
    """Mistral refuses one without: huggingface/smolagents#757, crewAIInc/crewAI#2194."""
    turns = (user("?"), assistant("The answer"))
    assert messages_of(*turns, prefill=prefill, quirks={"prefix": True})[-1]["prefix"] is True
    assert "prefix" not in messages_of(*turns, prefill=prefill)[-1]
    assert "prefix" not in messages_of(*turns, user("go on"), quirks={"prefix": True})[-1]


def test_results_and_a_users_turn_are_kept_apart_where_a_preset_wants_it() -> None:
    """Mistral: NousResearch/hermes-agent#20154, charmbracelet/crush#279."""
    turns = (user("?"), Message("assistant", (ToolCall(id="a", name="f"),)), user("never mind"))
    roles = [turn["role"] for turn in messages_of(*turns, quirks={"assistant_after_tools": True})]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert [turn["role"] for turn in messages_of(*turns)] == ["user", "assistant", "tool", "user"]


MARKS = {"continue_final_message": True, "add_generation_prompt": False}


@pytest.mark.parametrize("prefill", [False, True])
@pytest.mark.parametrize(("quirk", "marks"), [(True, {}), (MARKS, MARKS), (None, {})])
def test_a_prefilled_body_has_the_fields_that_its_server_wants(prefill: bool, quirk: Any, marks: Any) -> None:
    quirks = {} if quirk is None else {"prefill": quirk}
    request = ChatRequest(messages=(user("?"), assistant("The answer")))
    sent = body_of(request, quirks=quirks, prefill=prefill)
    assert sent == body_of(request) | (marks if prefill else {})


def test_turns_alternate_where_a_chat_template_wants_them_to() -> None:
    turns = (
        user("a"),
        system("s"),
        Message("user", (Text("b"), PICTURE)),
        assistant("c"),
        assistant("d"),
        Message("assistant", (ToolCall(id="x", name="clock"), ToolCall(id="y", name="clock"))),
        Message("tool", (ToolResult(call_id="x", content=(Text("1"),)), ToolResult(call_id="y"))),
    )
    wire = messages_of(*turns, quirks={"alternate": True})
    assert [turn["role"] for turn in wire] == ["system", "user", "assistant", "tool", "tool"]
    assert wire[1]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, SHOWN]
    assert wire[2]["content"] == "c\n\nd"
    assert wire[2]["tool_calls"][0]["id"] == "x"


def test_several_texts_are_one_string_where_a_preset_wants_strings() -> None:
    turn = Message("user", (Text("a"), Text("b")))
    assert messages_of(turn, quirks={"plain_content": True}) == [{"role": "user", "content": "a\n\nb"}]


def test_system_messages_take_the_role_a_preset_names() -> None:
    assert messages_of(system("s"), user("?"), quirks={"system_role": "developer"})[0]["role"] == "developer"


def test_gemini_behind_this_dialect_gets_its_signatures_back() -> None:
    info = model(signatures=True)
    turns = (
        user("?"),
        Message("assistant", (ToolCall(id="a", name="f", signature="sig"), ToolCall(id="b", name="g"))),
        Message("tool", (ToolResult(call_id="a"), ToolResult(call_id="b"))),
        Message("assistant", (ToolCall(id="c", name="f"),)),
        Message("tool", (ToolResult(call_id="c"),)),
    )
    wire = body_of(ChatRequest(messages=turns), info)["messages"]
    signatures = [call.get("extra_content") for turn in wire for call in turn.get("tool_calls", ())]
    assert signatures == [
        {"google": {"thought_signature": "sig"}},
        None,
        {"google": {"thought_signature": "skip_thought_signature_validator"}},
    ]
    assert "extra_content" not in str(messages_of(*turns))


def test_every_openai_model_of_the_catalogue_can_be_asked() -> None:
    request = asking(tools=(CLOCK,), max_tokens=1500, temperature=0.7, effort="high", output=OutputSchema())
    for name in ("gpt-4.1", "gpt-4-1106-preview", "gpt-4o", "o3", "gpt-5", "gpt-5.6-sol", "gpt-6-luna", "gpt-9"):
        wire = Upstream().encode(request, call(find_model("openai", name)))
        assert msgspec.json.decode(wire.body)["model"] == name


def test_query_parameters_are_added_to_every_url() -> None:
    azure = call(base_url="https://r.test/openai", quirks={"query": {"api-version": "2024-10-21"}})
    assert Upstream().encode(asking(), azure).url == "https://r.test/openai/chat/completions?api-version=2024-10-21"
    assert Upstream().list_models(azure).url == "https://r.test/openai/models?api-version=2024-10-21"


def test_only_a_prefilled_request_goes_to_the_path_of_its_own() -> None:
    quirks = {"prefix": True, "prefix_path": "/beta"}
    begun = ChatRequest(messages=(user("?"), assistant("The ans")))
    for prefill, url in ((True, "https://d.test/beta/chat/completions"), (False, "https://d.test/v1/chat/completions")):
        wire = Upstream().encode(begun, call(base_url="https://d.test/v1", quirks=quirks, prefill=prefill))
        assert wire.url == url
        assert (b'"prefix":true' in wire.body) is prefill
