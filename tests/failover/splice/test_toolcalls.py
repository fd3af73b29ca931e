from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.chat.events import ToolCallDelta
from segue.chat.messages import ToolCall
from segue.failover.splice.toolcalls import MalformedToolCallError, ToolCallCollector

WEATHER = '{"city":"Ulm"}'

NO_OBJECTS = [
    pytest.param("[1]", id="a list"),
    pytest.param('"Ulm"', id="a string"),
    pytest.param('{"city":"U', id="half an object"),
    pytest.param('{"city":"Ulm"}{"city":"Bonn"}', id="two objects"),
    pytest.param("{'city': 'Ulm'}", id="single quotes"),
    pytest.param('{"a":' * 100_000, id="brackets without end"),
]


def collector_with(*deltas: ToolCallDelta) -> ToolCallCollector:
    collector = ToolCallCollector()
    for delta in deltas:
        collector.add(delta)
    return collector


def one_call(arguments: str, name: str = "weather") -> ToolCallCollector:
    return collector_with(ToolCallDelta(0, id="c1", name=name, arguments=arguments))


def test_a_call_in_pieces_is_joined_with_the_latest_id_and_name() -> None:
    collector = collector_with(
        ToolCallDelta(0, id="made-up", name="wea"),
        ToolCallDelta(0, id="c1", name="weather", arguments=WEATHER[:5], signature="si"),
        ToolCallDelta(0, arguments=WEATHER[5:], signature="gned"),
    )
    assert collector.end(0) == [ToolCall(id="c1", name="weather", arguments=WEATHER, signature="signed")]


def test_id_and_name_may_come_after_the_arguments_have_begun() -> None:
    collector = collector_with(
        ToolCallDelta(0, arguments="{"), ToolCallDelta(0, id="c1", name="weather", arguments="}")
    )
    assert collector.end(0) == [ToolCall(id="c1", name="weather", arguments="{}")]


def test_the_arguments_are_given_out_as_they_came() -> None:
    arguments = ' {"b": 1.0, "a" : 123456789012345678901234567890, "a": null}\n'
    assert one_call(arguments).end(0) == [ToolCall(id="c1", name="weather", arguments=arguments)]


def test_calls_whose_pieces_are_mixed_are_kept_apart() -> None:
    collector = collector_with(
        ToolCallDelta(0, id="a", name="one", arguments='{"x":'),
        ToolCallDelta(1, id="b", name="two", arguments='{"y":'),
        ToolCallDelta(0, arguments="1}"),
        ToolCallDelta(1, arguments="2}"),
    )
    assert [call.arguments for call in collector.end(1) + collector.end(0)] == ['{"y":2}', '{"x":1}']


def test_the_end_of_a_call_that_never_began_gives_nothing() -> None:
    collector = ToolCallCollector()
    assert collector.end(3) == []
    assert collector.settle() == []
    assert collector.finish(cut=False) == []


def test_a_call_is_given_out_once() -> None:
    collector = one_call("{}")
    assert len(collector.end(0)) == 1
    assert collector.end(0) == collector.settle() == collector.finish(cut=False) == []


def test_the_number_of_an_ended_call_may_be_used_for_another() -> None:
    collector = one_call('{"n":1}')
    collector.end(0)
    collector.add(ToolCallDelta(0, id="c2", name="again", arguments='{"n":2}'))
    assert collector.end(0) == [ToolCall(id="c2", name="again", arguments='{"n":2}')]


def test_an_ended_call_without_arguments_waits_and_stands_for_an_empty_object_once_the_answer_goes_on() -> None:
    collector = one_call(" \n")
    assert collector.end(0) == []
    assert collector.settle() == [ToolCall(id="c1", name="weather", arguments="{}")]
    assert collector.settle() == []


@pytest.mark.parametrize("arguments", NO_OBJECTS)
def test_an_ended_call_whose_arguments_are_no_object_is_malformed_once_the_answer_goes_on(arguments: str) -> None:
    collector = one_call(arguments)
    assert collector.end(0) == []
    with pytest.raises(MalformedToolCallError, match="weather"):
        collector.settle()
    assert collector.settle() == []


@pytest.mark.parametrize("arguments", ["{}", ""])
def test_a_call_without_a_name_is_malformed_even_if_its_arguments_are_whole(arguments: str) -> None:
    collector = one_call(arguments, name="")
    assert collector.end(0) == []
    with pytest.raises(MalformedToolCallError):
        collector.settle()


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("arguments", NO_OBJECTS)
def test_a_clean_finish_finds_a_call_malformed_whether_it_was_ended_or_not(arguments: str, ended: bool) -> None:
    collector = one_call(arguments)
    if ended:
        collector.end(0)
    with pytest.raises(MalformedToolCallError):
        collector.finish(cut=False)


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("arguments", ["", '{"city":"U'])
def test_a_finish_for_lack_of_tokens_drops_a_call_that_is_not_whole_whether_it_was_ended_or_not(
    arguments: str, ended: bool
) -> None:
    collector = one_call(arguments)
    if ended:
        collector.end(0)
    assert collector.finish(cut=True) == []
    assert collector.finish(cut=False) == []


def test_a_finish_for_lack_of_tokens_gives_the_calls_that_are_whole_all_the_same() -> None:
    collector = collector_with(
        ToolCallDelta(0, id="a", name="one", arguments="{}"), ToolCallDelta(1, id="b", name="two", arguments="{")
    )
    assert collector.finish(cut=True) == [ToolCall(id="a", name="one")]


def test_a_clean_finish_gives_the_call_in_doubt_first_and_then_the_unended_ones_by_their_number() -> None:
    collector = collector_with(
        ToolCallDelta(2, id="c", name="three", arguments='{"n":3}'),
        ToolCallDelta(0, id="a", name="one", arguments="{}"),
        ToolCallDelta(1, id="b", name="two"),
    )
    collector.end(1)
    assert [call.id for call in collector.finish(cut=False)] == ["b", "a", "c"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


@given(OBJECTS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_any_object_is_whole_and_none_of_its_beginnings_is(
    value: dict[str, object], escaped: bool, sizes: list[int]
) -> None:
    arguments = json.dumps(value, ensure_ascii=escaped)
    collector, at, number = ToolCallCollector(), 0, 0
    while at < len(arguments):
        size = sizes[number % len(sizes)]
        assert one_call(arguments[:at]).finish(cut=True) == []
        collector.add(ToolCallDelta(0, id="c1", name="weather", arguments=arguments[at : at + size]))
        at, number = at + size, number + 1
    assert collector.end(0) == [ToolCall(id="c1", name="weather", arguments=arguments)]
