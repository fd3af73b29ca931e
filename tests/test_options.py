"""The front door: what mypy refuses, and wrong values that no face lets through to a provider."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import mypy.api
import pytest

from segue import ChatRequest, ConfigurationError, InvalidRequestError, LLMClient, Policy, Segue
from segue.ledger.stores.memory import MemoryStore
from segue.options import CallOptions, check
from segue.policy import BreakerPolicy
from segue.runtime import Runtime
from segue.server.options import narrowed, policy_options
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport

ROOT = Path(__file__).parents[1]

REFUSED_BY_MYPY = """
from segue import LLMClient, Segue
segue = Segue()
segue.complete("hi", temprature=0.2)
segue.complete("hi", temperature="hot")
segue.stream("hi", deadline="soon")
segue.complete("hi", chain=42)
LLMClient(temprature=0.2)
LLMClient(temperature="hot")
LLMClient(deadline="soon")
LLMClient(chain=42)
LLMClient().with_options(hedge="no")
"""
ACCEPTED_BY_MYPY = """
segue.complete("hi", temperature=0.2, tools=[], stop="x", deadline=3, chain=["gemini"], round_wait=(1, 2))
LLMClient(temperature=0.2, deadline=3, chain=["gemini"], reasoning_effort="low", callbacks=[])
"""

WRONG: list[tuple[str, Any, str]] = [
    ("rounds", "3", "a whole number from 1"),
    ("rounds", 0, "a whole number from 1"),
    ("rounds", True, "a whole number from 1"),
    ("round_wait", 3.0, "2 values, each seconds, 0 or more"),
    ("round_wait", (1.0, -1.0), "2 values, each seconds, 0 or more"),
    ("hedge", "no", "true or false"),
    ("deadline", -5, "seconds, more than 0"),
    ("deadline", "soon", "seconds, more than 0"),
    ("deadline", float("inf"), "seconds, more than 0"),
    ("connect", -1, "seconds, more than 0"),
    ("continuations", "1", "a whole number from 0"),
    ("last_share", 7, "0 to 1"),
    ("complexity", 2, "0 to 1"),
    ("policy", "costt", "did you mean 'cost'?"),
    ("fallback", "perhaps", "true or false"),
    ("seam_chars", 1.5, "a whole number from 0"),
    ("linger", float("nan"), "seconds, 0 or more"),
]
"""Fields of a policy: an option of every face."""
WRONG_OF_A_REQUEST: list[tuple[str, Any, str]] = [
    ("temperature", "hot", "0 to 2"),
    ("temperature", 3, "0 to 2"),
    ("top_p", 1.5, "0 to 1"),
    ("max_tokens", 0, "a whole number from 1"),
    ("presence_penalty", -3, "-2 to 2"),
    ("effort", "hi", "low, max, medium"),
    ("stop", 3, "a list, each text"),
    ("chain", 42, "the name of a chain"),
    ("chain", [], "the name of a chain"),
]
MISSPELT = [("temprature", "temperature"), ("dedline", "deadline"), ("fallbck", "fallback"), ("chian", "chain")]


class Network:
    """Counts what is asked; answers nothing."""

    def __init__(self) -> None:
        self.transport = MemoryTransport([])

    @property
    def asked(self) -> int:
        return len(self.transport.requests)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def segue(network: Network) -> Iterator[Segue]:
    settings = load({"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}, directory="/nonexistent")
    with Segue(settings, ledger=MemoryStore(), transport=network.transport) as made:
        yield made


def test_mypy_refuses_misspelt_options_and_wrong_types_and_no_right_ones(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(REFUSED_BY_MYPY + ACCEPTED_BY_MYPY, encoding="utf-8")
    limit = sys.getrecursionlimit()
    try:
        report, trouble, _ = mypy.api.run(
            ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), str(snippet)]
        )
    finally:
        sys.setrecursionlimit(limit)  # mypy leaves a higher one
    assert not trouble
    refused = [line for line in report.splitlines() if ": error:" in line]
    lines = {int(line.rsplit("snippet.py:", 1)[1].split(":", 1)[0]) for line in refused}
    assert lines == set(range(4, 13)), report


def test_the_options_for_mypy_are_those_that_are_checked() -> None:
    fields = {*ChatRequest.__struct_fields__, *Policy.__struct_fields__} - {"messages"}
    own = {"chain", "model", "system", "validate", "metadata"}
    assert set(get_type_hints(CallOptions)) == fields | own


@pytest.mark.parametrize(("name", "value", "allowed"), [*WRONG, *WRONG_OF_A_REQUEST])
def test_a_wrong_keyword_is_refused_before_anything_is_asked(
    segue: Segue, network: Network, name: str, value: Any, allowed: str
) -> None:
    for call in (segue.complete, segue.stream):
        with pytest.raises(ConfigurationError) as caught:
            call("hi", **{name: value})  # type: ignore[operator]
        assert allowed in str(caught.value)
    assert network.asked == 0


@pytest.mark.parametrize(
    ("name", "value", "allowed"), [*WRONG, *(case for case in WRONG_OF_A_REQUEST if case[0] != "stop")]
)
def test_a_wrong_option_of_a_langchain_client_is_refused_when_it_is_made_bound_or_called(
    segue: Segue, network: Network, name: str, value: Any, allowed: str
) -> None:
    client = LLMClient(engine=segue)
    for refused in (
        lambda: LLMClient(engine=segue, **{name: value}),
        lambda: client.with_options(**{name: value}),
        lambda: client.invoke("hi", **{name: value}),
        lambda: client.bind(**{name: value}).invoke("hi"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            refused()
        assert allowed in str(caught.value)
        assert f"LLMClient: {name}" in str(caught.value) or name == "policy"
    assert network.asked == 0


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [case for case in WRONG if not isinstance(case[1], bool) and case[1] not in ("3", "1")],
)
def test_a_wrong_header_is_the_callers_mistake_and_names_the_header(name: str, value: Any, allowed: str) -> None:
    if (name == "rounds" and value == "3") or value is True or name == "continuations":
        pytest.skip("the same text is right in a header")
    header = f"x-segue-{name.replace('_', '-')}"
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    with pytest.raises(InvalidRequestError) as caught:
        policy_options({header: text})
    assert caught.value.param == header
    assert allowed in str(caught.value)


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_line_of_the_file_is_refused_with_its_place(
    tmp_path: Path, name: str, value: Any, allowed: str
) -> None:
    line = f"{name} = {_toml(value)}"
    for table in ("[policy]", '[chains.fast]\ntargets = ["openai"]'):
        (tmp_path / "segue.toml").write_text(f"{table}\n{line}\n", encoding="utf-8")
        with pytest.raises(ConfigurationError) as caught:
            load({}, directory=tmp_path)
        assert allowed in str(caught.value)
        assert f"{name}" in str(caught.value) or name == "policy"
        assert "segue.toml)" in str(caught.value)


def _toml(value: Any) -> str:
    return (
        json.dumps(list(value) if isinstance(value, tuple) else value).replace("Infinity", "inf").replace("NaN", "nan")
    )


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Policy(deadline=-5.0), "policy.deadline=-5.0 is out of range: use seconds, more than 0"),
        (Policy(last_share=7.0), "policy.last_share=7.0 is out of range: use 0 to 1"),
        (Policy(breaker=BreakerPolicy(ratio=2.0)), "policy.breaker.ratio=2.0 is out of range: use 0 to 1"),
    ],
)
def test_a_policy_made_in_code_is_checked_when_it_is_used(policy: Policy, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Runtime(Settings(policy=policy), ledger=MemoryStore())
    assert str(caught.value) == message


@pytest.mark.parametrize(("wrong", "right"), MISSPELT)
def test_a_misspelt_option_is_answered_with_the_right_one(segue: Segue, tmp_path: Path, wrong: str, right: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{wrong}' is not an option of Segue: did you mean '{right}'"):
        segue.complete("hi", **{wrong: 1})
    with pytest.raises(ConfigurationError, match=f"'{wrong}' is not an option of LLMClient: did you mean '{right}'"):
        LLMClient(engine=segue, **{wrong: 1})
    if right == "deadline":
        with pytest.raises(InvalidRequestError, match="did you mean 'x-segue-deadline'"):
            policy_options({f"x-segue-{wrong}": "1"})


def test_a_misspelt_target_is_named_wherever_it_stands(segue: Segue, tmp_path: Path) -> None:
    expected = "'gemni' is not a known provider: did you mean 'gemini'"
    with pytest.raises(ConfigurationError, match=expected):
        segue.complete("hi", chain="gemni")
    with pytest.raises(ConfigurationError, match=expected):
        segue.complete("hi", chain=["openai", "gemni"])
    with pytest.raises(ConfigurationError, match=expected):
        LLMClient(chain=("gemni", "openai")).invoke("hi")
    settings = load({"SEGUE_CHAIN": "gemni,openai", "OPENAI_API_KEY": "k"}, directory=tmp_path)
    with pytest.raises(ConfigurationError, match=expected), Segue(settings, ledger=MemoryStore()) as made:
        made.complete("hi")


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SEGUE_POLCY", "SEGUE_POLICY"),
        ("SEGUE_DAILY_BUDGT", "SEGUE_DAILY_BUDGET"),
        ("GEMINI_TEMPRATURE", "GEMINI_TEMPERATURE"),
        ("OPENAI_API_KEYS", "OPENAI_API_KEY"),
        ("CLAUDE_BASEURL", "CLAUDE_BASE_URL"),
    ],
)
def test_a_misspelt_variable_is_warned_of_once(
    variable: str, meant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.settings_loading._warned", set())
    (tmp_path / ".env").write_text(f"{variable}=1\n", encoding="utf-8")
    for _ in range(2):
        load({}, directory=tmp_path)
    assert [record.message for record in caplog.records] == [
        f"{variable} is not a variable of Segue: did you mean {meant}? (in .env)"
    ]


@pytest.mark.parametrize(
    "variable",
    ["OPENAI_ORG_ID", "OPENAI_API_BASE", "OPENAI_LOG", "SEGUE_PORT", "SEGUE_SERVICE_HOST", "CLAUDE_CODE_MAX", "PATH"],
)
def test_other_programs_variables_are_none_of_our_business(
    variable: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load({variable: "1"}, directory=tmp_path)
    assert not caplog.records


def test_every_field_of_a_policy_that_is_no_table_can_be_set_in_a_header() -> None:
    headers = {
        "x-segue-rounds": "3",
        "x-segue-round-wait": "1, 2",
        "x-segue-hedge": "FALSE",
        "x-segue-deadline": " 20 ",
    }
    assert policy_options(headers) == {"rounds": 3, "round_wait": (1.0, 2.0), "hedge": False, "deadline": 20.0}
    assert narrowed(Policy(), policy_options(headers)).round_wait == (1.0, 2.0)
    assert policy_options({"content-type": "x", "x-other": "y"}) == {}


def test_values_of_near_types_are_taken() -> None:
    given = {"temperature": 1, "stop": "END", "chain": ["a"], "regions": ["eu"], "tools": None, "deadline": None}
    assert check(given, "X") == {
        "temperature": 1.0,
        "stop": ("END",),
        "chain": ("a",),
        "regions": ("eu",),
        "tools": (),
        "deadline": None,
    }


def test_secrets_are_not_in_the_message_of_a_wrong_table(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text('[targets.openai]\nheaders = {authorization = "sk-secret", x = 1}\n')
    with pytest.raises(ConfigurationError) as caught:
        load({}, directory=tmp_path)
    assert "sk-secret" not in str(caught.value)


class Closing(MemoryTransport):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_client_is_closed_at_the_end_of_its_block(tmp_path: Path) -> None:
    transport, settings = Closing([]), load({"OPENAI_API_KEY": "k"}, directory=tmp_path)
    async with Segue(settings, ledger=MemoryStore(), transport=transport):
        assert transport.closed == 0
    assert transport.closed == 1
    with Segue(settings, ledger=MemoryStore(), transport=transport):
        pass
    assert transport.closed == 2
