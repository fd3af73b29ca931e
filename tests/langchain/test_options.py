"""Names, types and ranges of options."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from segue.chat.request import ChatRequest
from segue.errors import ConfigurationError
from segue.langchain.options import PLAIN, ModelOptions, checked, named, refuse_unknown, settled
from segue.policy import Policy


def test_every_option_of_the_engine_is_an_option_of_a_client() -> None:
    structured = {"messages", "tools", "tool_choice", "output"}
    assert set(ChatRequest.__struct_fields__) - structured <= PLAIN
    assert set(Policy.__struct_fields__) <= PLAIN


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("temperature", 1, 1.0),
        ("stop", "END", ("END",)),
        ("stop", ["a", "b"], ("a", "b")),
        ("stop", None, ()),
        ("deadline", None, None),
        ("deadline", 5, 5.0),
        ("round_wait", [1, 2], (1.0, 2.0)),
        ("effort", "low", "low"),
    ],
)
def test_values_take_the_type_that_the_option_has(name: str, value: Any, known: Any) -> None:
    result = checked(name, value, "X")
    assert result == known
    assert type(result) is type(known)


@pytest.mark.parametrize("key", ["secret", SecretStr("secret")])
def test_a_key_may_be_text_or_secret_and_is_kept_secret(key: Any) -> None:
    known = checked("api_key", key, "X")
    assert isinstance(known, SecretStr)
    assert known.get_secret_value() == "secret"


def test_an_empty_key_is_none_and_no_text_is_refused_without_being_shown() -> None:
    assert checked("api_key", "", "X") is None
    with pytest.raises(ConfigurationError) as raised:
        checked("api_key", 12345, "X")
    assert "12345" not in str(raised.value)


def test_the_nearest_known_name_is_suggested_else_all_are_shown() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'deadline'"):
        refuse_unknown(["dedline"], PLAIN, "X")
    with pytest.raises(ConfigurationError, match=r"use one of .*temperature"):
        refuse_unknown(["zzzzzz"], PLAIN, "X")


def test_aliases_are_translated_and_doubles_refused() -> None:
    assert named({"max_output_tokens": 5, "reasoning_effort": "low"}) == {"max_tokens": 5, "effort": "low"}
    with pytest.raises(ConfigurationError):
        named({"max_tokens": 5, "max_output_tokens": 5})


def test_what_is_no_field_is_kept_among_the_options() -> None:
    known = settled({"temperature": 0.5, "deadline": 3, "chain": ["a"]}, {"temperature", "chain", "options"}, "X")
    assert known == {"temperature": 0.5, "options": {"deadline": 3.0}, "chain": ("a",)}


def test_a_request_holds_neither_addresses_nor_retries_but_rounds() -> None:
    values = {"temperature": 0.5, "timeout": 3.0, "base_url": "u", "api_key": SecretStr("k"), "max_retries": 0}
    options = ModelOptions({}).changed(values)
    assert options.request() == {"temperature": 0.5, "rounds": 1}
    assert (options.address().base_url, options.address().timeout) == ("u", 3.0)
    assert options.public() == {"temperature": 0.5, "base_url": "u", "timeout": 3.0, "max_retries": 0}
    assert ModelOptions({}).changed({"max_retries": None}).request() == {}
    assert ModelOptions({}).changed({"max_retries": 1, "rounds": 5}).request() == {"rounds": 5}


def test_options_of_a_call_replace_the_clients_and_extra_fields_are_merged() -> None:
    client = ModelOptions({}).changed({"temperature": 0.5, "extra": {"claude": {"betas": ["a"]}}, "timeout": 3.0})
    call = client.changed({"temperature": 0.1, "extra": {"gemini": {"x": 1}}, "timeout": None})
    assert call.call == {"temperature": 0.1, "extra": {"claude": {"betas": ["a"]}, "gemini": {"x": 1}}}
    assert (client.call["temperature"], client.timeout, call.timeout) == (0.5, 3.0, None)
