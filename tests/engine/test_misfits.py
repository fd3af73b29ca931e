"""An answer that does not fit what was asked for, of every kind, at every position, in every dialect, streamed and held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from segue.chat.events import Finished, FinishReason, TextDelta
from segue.chat.messages import ToolCall
from segue.chat.request import ChatRequest, OutputSchema, Tool, ToolChoice
from segue.errors import LLMServiceUnavailableError
from segue.failover.check import Check
from segue.failover.splice.splice import Splice
from segue.policy import Policy

from .answers import REFERENCES, Reference
from .cases import DIALECTS
from .faults import act
from .invariants import violations, violations_of
from .provider import Act, Provider, Scene, Strike
from .world import Outcome, World, run


class Asked(Reference, kw_only=True):
    """A reference that is asked for with more fields."""

    fields: dict[str, Any] = {}

    def request(self, number: int, *, padding: int = 0, **options: Any) -> ChatRequest:
        return msgspec.structs.replace(super().request(number, padding=padding, **options), **self.fields)


def asked(name: str, **fields: Any) -> Asked:
    return Asked(**{**msgspec.structs.asdict(REFERENCES[name]), "fields": fields})


def says(text: str = "", *calls: ToolCall) -> Reference:
    return Reference(name="wrong", text=text, calls=calls)


def instead(right: Reference, wrong: Reference) -> Asked:
    """The wrong answer to what asks for the right one: the prompt's tokens are the same."""
    fields = {"tools": right.request(0).tools}
    return Asked(name=right.name, output=right.output, text=wrong.text, calls=wrong.calls, fields=fields)


def call(name: str = "look_up", arguments: str = '{"key":"k0"}') -> ToolCall:
    return ToolCall(id="call_0", name=name, arguments=arguments)


TOOLS = (Tool(name="look_up"), Tool(name="look_away"))
ANY, NAMED = ToolChoice(mode="required"), ToolChoice(mode="tool", name="look_up")
KINDS: dict[str, tuple[Asked, Reference, str]] = {
    "prose for a schema": (asked("json"), says("I can't do that."), "is not JSON"),
    "JSON against its schema": (asked("json"), says('{"entries": []}'), "$ lacks items"),
    "JSON that stops early": (asked("json"), says('{"items": [1, 2'), "is not JSON"),
    "JSON among prose": (asked("json"), says('Here it is: {"items": []}'), "is not JSON"),
    "JSON's words that are none": (asked("json"), says('{"items": [NaN]}'), "is not JSON"),
    "prose for JSON": (asked("json", output=OutputSchema()), says("I can't do that."), "is not JSON"),
    "a number for JSON": (asked("json", output=OutputSchema()), says("12"), "is not a JSON object"),
    "prose for a call": (asked("bare tools", tool_choice=ANY), says("I would look."), "calls no tool"),
    "prose for a named call": (asked("bare tools", tool_choice=NAMED), says("I would look."), "calls no tool"),
    "another call than the named": (asked("bare tools", tool_choice=NAMED, tools=TOOLS), says("", call("look_away")), "was demanded"),
    "a call of no tool": (asked("bare tools"), says("", call("look_down")), "not offered"),
    "a call of no tool after text": (asked("tools"), says("I look: ", call("look_down")), "not offered"),
    "a call where no tool is": (asked("prose"), says("", call()), "not offered"),
    "a call where none may be": (asked("prose", tools=TOOLS, tool_choice=ToolChoice(mode="none")), says("", call()), "no call was allowed"),
    "arguments that are a list": (asked("bare tools"), says("", call(arguments="[1]")), "malformed"),
    "arguments that stop early": (asked("bare tools"), says("", call(arguments='{"key":')), "malformed"),
}  # fmt: skip
POSITIONS = {"first": (0,), "middle": (1,), "last": (2,), "all": (0, 1, 2)}


class Misfit(Provider):
    """Gives the wrong answer, whatever it is asked for."""

    def __init__(self, name: str, dialect: str, act: Act, wrong: Reference) -> None:
        super().__init__(name, dialect, act)
        self.wrong = wrong

    def _scene(self, request: Any, reference: Reference, continues: bool, start: int) -> Scene:
        return super()._scene(request, self.wrong, continues, start if continues else 0)


def cases(kind: str) -> Iterator[tuple[str, int, bool]]:
    for place, position in enumerate(POSITIONS):
        for turn in range(len(DIALECTS)):
            malformed = kind.startswith("arguments") and DIALECTS[turn] == "gemini"
            if not malformed:  # Gemini's calls are objects, never the text of one
                yield position, turn, (place + turn) % 2 == 0


def play(kind: str, position: str, turn: int, hold: bool) -> tuple[Outcome, World, list[str]]:
    """The dialect number `turn` stands at the position; those before it are down."""
    reference, wrong, _ = KINDS[kind]
    places = POSITIONS[position]

    async def ask() -> tuple[Outcome, World, list[str]]:
        providers: list[Provider] = []
        for place, name in enumerate("abc"):
            dialect = DIALECTS[(turn + place - places[0]) % len(DIALECTS)]
            malformed = place in places and kind.startswith("arguments") and dialect == "gemini"
            if place in places and not malformed:
                provider: Provider = Misfit(name, dialect, act, instead(reference, wrong))
            elif place < places[0] or malformed:
                provider = Provider(name, dialect, act, lambda number, now: Strike("unavailable", "headers"))
            else:
                provider = Provider(name, dialect, act)
            providers.append(provider)
        world = World(*providers)
        outcome = await world.ask(reference, hold=hold, policy=Policy())
        await world.settle()
        answerable = position in ("first", "middle")
        return outcome, world, [*violations(world, outcome, must_answer=answerable), *violations_of(world)]

    return run(ask())


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_does_not_fit_is_its_targets_failure_and_the_next_is_asked(kind: str) -> None:
    reference, _, reason = KINDS[kind]
    wrong = []
    for case in cases(kind):
        outcome, _, found = play(kind, *case)
        misfits = [
            end.failure.message for _, end in outcome.ends if end.outcome in ("invalid", "broken") and end.failure
        ]
        if not misfits or any(reason not in message for message in misfits):
            found.append(f"the reasons are {misfits}")
        if outcome.answered and [called.call.arguments for called in outcome.calls] != [
            c.arguments for c in reference.calls
        ]:
            found.append(f"the calls are {outcome.calls}")
        if not outcome.answered and not isinstance(outcome.error, LLMServiceUnavailableError):
            found.append(f"raised {outcome.error!r}")
        wrong += [f"{case}: {sentence}" for sentence in found]
    assert not wrong, f"{len(wrong)} violations, among them:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize(
    "kind", ["prose for a schema", "prose for JSON", "prose for a named call", "a call of no tool"]
)
def test_where_no_answer_fits_each_target_is_asked_once_and_the_error_says_why(kind: str) -> None:
    outcome, world, _ = play(kind, "all", 0, False)
    assert outcome.tried == ["a", "b", "c"]
    assert str(outcome.error).splitlines()[0] == "All LLM providers failed: no answer fits what was asked for"
    assert str(outcome.error).count(KINDS[kind][2]) == 3
    assert outcome.events == []
    targets = [provider.target for provider in world.providers.values()]
    assert all(world.engine.healthy(target) for target in targets), (
        "a request that no answer fits puts no target to rest"
    )


def test_a_target_is_put_to_rest_once_others_have_shown_that_it_can_be_done() -> None:
    async def ask() -> list[list[str]]:
        world = World(Misfit("a", "openai_chat", act, says("I can't do that.")), Provider("b", "claude", act))
        return [(await world.ask(REFERENCES["json"])).tried for _ in range(4)]

    assert run(ask()) == [["a", "b"], ["a", "b"], ["a", "b"], ["b"]]


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}```\n", " ```JSON \n{}\n ```"])
def test_json_in_a_fence_fits_and_is_given_out_without_it(fence: str, hold: bool) -> None:
    text = REFERENCES["json"].text

    async def ask() -> Outcome:
        fenced = Misfit("a", "claude", act, says(fence.replace("{}", text)))
        return await World(fenced).ask(REFERENCES["json"], hold=hold)

    outcome = run(ask())
    assert outcome.text == text
    assert sum(isinstance(event, TextDelta) for event in outcome.events) == 1


def test_an_answer_that_its_token_limit_cut_is_given_out_with_its_reason() -> None:
    """What a caller's own limit cuts is no target's failure; it is marked as cut, and every target would cut it."""

    for fields in ({"output": OutputSchema()}, {"tools": TOOLS, "tool_choice": ANY}):
        splice = Splice(hold=True, check=Check(ChatRequest(messages=(), **fields)))
        shown = [*splice.feed(TextDelta('{"a": ')), *splice.feed(Finished(FinishReason.LENGTH))]
        assert shown[-1] == Finished(FinishReason.LENGTH)
        assert splice.failure is None


@pytest.mark.parametrize(
    ("tools", "name", "fits"),
    [
        ([{"type": "bash_20250124", "name": "bash"}], "bash", True),
        ([{"type": "bash_20250124", "name": "bash"}], "brush", False),
        ([{"computerUse": {}}], "click_at", True),
        ([{"name": "look_up", "cache_control": {}}], "look_away", True),
        ([{"name": "look_up", "cache_control": {}}], "look_down", False),
    ],
)
def test_a_providers_own_tools_are_offered_too(tools: list[dict[str, Any]], name: str, fits: bool) -> None:

    check = Check(ChatRequest(messages=(), tools=TOOLS, extra={"claude": {"tools": tools}}))
    assert (check.call(call(name)) is None) is fits


def test_a_demanded_use_of_a_providers_own_tool_may_be_answered_in_text() -> None:

    search = {"claude": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}}
    choice = ToolChoice(mode="tool", name="web_search")
    check = Check(ChatRequest(messages=(), tools=TOOLS, tool_choice=choice, extra=search))
    assert not check.whole
    assert check.text("What I found:", cut=False) is None
    own = {"claude": {"tools": [{"name": "look_up", "cache_control": {"type": "ephemeral"}}]}}
    check = Check(ChatRequest(messages=(), tools=TOOLS, tool_choice=ANY, extra=own))
    assert check.text("I would look.", cut=False) is not None, "a function with more fields is a function"
