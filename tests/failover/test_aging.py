"""Models age: warned of ahead, replaced by their successors when they are gone, with a notice."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from segue import Segue
from segue.errors import LLMServiceUnavailableError
from segue.health.quota import QuotaKey
from segue.ledger.stores.memory import MemoryStore
from segue.routing import aging
from segue.routing.resolve import target, with_notice
from segue.routing.target import Target
from segue.secret import Secret
from segue.settings import TargetSettings
from segue.settings_loading import load
from segue.transport.memory import MemoryTransport, Reply
from segue.wire.codec import WireRequest


def target_of(name: str, model: str, **settings: Any) -> Target:
    return target(name, TargetSettings(model=model, api_key=Secret("k"), **settings))


GPT = target_of("openai", "gpt-4.1")


def test_before_the_notice_there_is_nothing_to_say() -> None:
    assert aging.current(GPT, date(2026, 1, 1), replace=True) == GPT


def test_from_the_notice_on_a_sentence_tells_the_day_and_the_successor() -> None:
    aged = aging.current(GPT, date(2026, 11, 28), replace=True)
    assert (aged.model.id, aged.notice) == ("gpt-4.1", "gpt-4.1 shuts down on 2027-01-14: use gpt-6-luna")


def test_from_the_last_day_on_the_successor_is_asked_at_once_with_room_to_think() -> None:
    aged = aging.current(GPT, date(2027, 1, 14), replace=True)
    assert aged.model.id == "gpt-6-luna"
    assert aged.notice == "gpt-4.1 was shut down on 2027-01-14: use gpt-6-luna, which was asked in its place"
    assert (GPT.max_tokens, aged.max_tokens) == (1500, 8000)


GONE = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("provider", "model", "heir"),
    [
        ("openai", "text-davinci-003", "gpt-6-luna"),
        ("openai", "gpt-4-32k", "gpt-6-luna"),
        ("gemini", "gemini-pro", "gemini-3.5-flash-lite"),
        ("claude", "claude-instant-1.2", "claude-sonnet-5-5"),
        ("groq", "mixtral-8x7b-32768", "openai/gpt-oss-120b"),
        ("mistral", "open-mistral-7b", "mistral-small-latest"),
        ("xai", "grok-2-1212", "grok-4.6"),
    ],
)
def test_who_is_gone_without_a_successor_is_replaced_by_the_same_makers_default(
    provider: str, model: str, heir: str
) -> None:
    aged = aging.current(target_of(provider, model), GONE, replace=True)
    assert (aged.provider, aged.model.id) == (provider, heir)
    assert aged.notice.endswith(f": {heir}, the default of {provider}, was asked in its place")
    assert aged.notice.startswith(model)


def test_a_name_that_its_provider_does_not_know_is_replaced_by_the_default_at_home_only() -> None:
    replaced = aging.successor(target_of("openai", "gpt-nine"), GONE)
    assert replaced is not None
    assert replaced.model.id == "gpt-6-luna"
    assert replaced.notice == "gpt-nine is not known to openai: gpt-6-luna was asked in its place"
    assert aging.successor(target_of("openai", "gpt-nine", base_url="http://10.0.0.1/v1"), GONE) is None
    assert aging.successor(target_of("openai", "gpt-6-luna"), GONE) is None
    assert aging.successor(target_of("openai", "ft:gpt-4.1:acme::1"), GONE) is None


def test_the_successor_of_one_that_did_not_think_is_asked_not_to() -> None:
    aged = aging.current(target_of("xai", "grok-4-fast-non-reasoning"), GONE, replace=True)
    assert (aged.model.id, aged.effort, aged.max_tokens) == ("grok-4.3", "none", 1500)


def test_a_notice_that_was_there_before_stays() -> None:
    aged = aging.current(with_notice(GPT, "groq has no key"), date(2026, 11, 28), replace=True)
    assert aged.notice == "groq has no key; gpt-4.1 shuts down on 2027-01-14: use gpt-6-luna"


def test_a_limit_that_was_set_stays_set() -> None:
    tight = target_of("openai", "gpt-4.1", max_tokens=100)
    assert aging.current(tight, date(2027, 2, 1), replace=True).max_tokens == 100


@pytest.mark.parametrize("settings", [{"base_url": "http://10.0.0.1/v1"}])
def test_a_name_at_another_address_may_stand_for_anything(settings: dict[str, str]) -> None:
    aged = aging.current(target_of("openai", "gpt-4.1", **settings), date(2027, 2, 1), replace=True)
    assert (aged.model.id, aged.notice) == ("gpt-4.1", "gpt-4.1 was shut down on 2027-01-14: use gpt-6-luna")


def test_what_a_caller_has_trained_is_not_replaced_unasked() -> None:
    tuned = aging.current(target_of("openai", "ft:gpt-4.1:acme::1"), date(2027, 2, 1), replace=True)
    assert tuned.model.id == "ft:gpt-4.1:acme::1"


def test_no_model_is_replaced_against_the_policy() -> None:
    assert aging.current(GPT, date(2027, 2, 1), replace=False).model.id == "gpt-4.1"


def test_a_successor_that_is_gone_too_is_passed_over() -> None:
    old = target_of("gemini", "gemini-1.5-flash")
    assert aging.current(old, date(2026, 11, 28), replace=True).model.id == "gemini-3.5-flash-lite"
    heir = aging.successor(old, date(2026, 11, 28))
    assert heir is not None
    assert heir.notice == "gemini-1.5-flash is gone: gemini-3.5-flash-lite was asked in its place"


def test_at_a_provider_without_a_default_nothing_takes_a_models_place() -> None:
    unlisted = target_of("unknown", "no-such-model", dialect="openai_chat", base_url="http://10.0.0.1/v1")
    assert aging.successor(unlisted, date(2026, 11, 28)) is None


def says_its_model(gone: str = "") -> MemoryTransport:
    def answer(request: WireRequest) -> Reply:
        model = json.loads(request.body)["model"]
        headers = {"content-type": "application/json"}
        if model == gone:
            error = {"error": {"message": f"The model `{model}` does not exist", "code": "model_not_found"}}
            return Reply(status=404, headers=headers, steps=[json.dumps(error).encode()])
        choice = {"index": 0, "message": {"role": "assistant", "content": model}, "finish_reason": "stop"}
        return Reply(headers=headers, steps=[json.dumps({"choices": [choice]}).encode()])

    return MemoryTransport(answer)


def segue_on(day: date, place: Path, transport: MemoryTransport, model: str = "gpt-4.1") -> Segue:
    environ = {"SEGUE_CHAIN": "openai", "OPENAI_API_KEY": "k", "OPENAI_MODEL": model}
    segue = Segue(load(environ, directory=place), ledger=MemoryStore(), transport=transport)
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    segue.runtime.engine.wall = lambda: moment
    return segue


async def test_a_warning_comes_ahead_once_in_the_log_and_with_each_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segue = segue_on(date(2026, 12, 24), tmp_path, says_its_model())
    with caplog.at_level(logging.WARNING, "segue"):
        answers = [await segue.acomplete("hi") for _ in range(3)]
    notice = "gpt-4.1 shuts down on 2027-01-14: use gpt-6-luna"
    assert [(answer.text, answer.notices) for answer in answers] == [("gpt-4.1", (notice,))] * 3
    assert [record.message for record in caplog.records] == [f"openai: {notice}"]


async def test_a_process_that_lives_on_past_the_day_asks_the_successor(tmp_path: Path) -> None:
    segue = segue_on(date(2027, 1, 13), tmp_path, says_its_model(gone="gpt-6-of-unknown"))
    assert (await segue.acomplete("hi")).text == "gpt-4.1"
    segue.runtime.engine.wall = lambda: datetime(2027, 1, 14, tzinfo=UTC).timestamp()
    answer = await segue.acomplete("hi")
    assert (answer.text, answer.model) == ("gpt-6-luna", "gpt-6-luna")
    assert "was shut down on 2027-01-14" in answer.notices[0]
    assert [attempt.outcome for attempt in answer.attempts] == ["ok"], "no try was lost on the old one"
    chosen = await segue.acomplete("hi", model="gpt-4-1106-preview")
    assert chosen.model == "gpt-5.6-sol"


async def test_one_that_went_before_its_day_is_replaced_when_it_is_found_gone(tmp_path: Path) -> None:
    segue = segue_on(date(2026, 12, 1), tmp_path, says_its_model(gone="gpt-4.1"))
    answer = await segue.acomplete("hi")
    assert answer.model == "gpt-6-luna"
    assert answer.notices == ("gpt-4.1 is gone: gpt-6-luna was asked in its place",)


@pytest.mark.parametrize(
    ("provider", "model", "heir"),
    [
        ("groq", "llama-3.3-70b-versatile", "openai/gpt-oss-120b"),
        ("xai", "grok-4-fast-reasoning", "grok-4.3"),
        ("cerebras", "llama-3.3-70b", "gpt-oss-120b"),
        ("deepseek", "deepseek-chat", "deepseek-flash"),
    ],
)
def test_retired_models_of_the_presets_have_their_successors(provider: str, model: str, heir: str) -> None:
    aged = aging.current(target_of(provider, model), date(2026, 11, 28), replace=True)
    assert aged.model.id == heir
    assert f"{model} " in aged.notice


async def test_an_unknown_name_is_answered_by_its_makers_default_and_not_by_the_next_maker(
    tmp_path: Path,
) -> None:
    segue = segue_on(date(2026, 12, 1), tmp_path, says_its_model(gone="gpt-nine"), model="gpt-nine")
    for outcomes in (["model_gone", "ok"], ["ok"]):
        answer = await segue.acomplete("hi")
        assert answer.model == "gpt-6-luna"
        assert answer.notices == ("gpt-nine is not known to openai: gpt-6-luna was asked in its place",)
        assert [attempt.outcome for attempt in answer.attempts] == outcomes


async def test_a_model_that_is_gone_is_not_reported_as_recovering(tmp_path: Path) -> None:
    segue = segue_on(date(2026, 12, 1), tmp_path, says_its_model(gone="gpt-6-luna"), model="gpt-6-luna")
    for _ in range(2):
        with pytest.raises(LLMServiceUnavailableError) as caught:
            await segue.acomplete("hi")
        assert "may recover" not in str(caught.value)
        assert caught.value.retry_after is None


async def test_the_free_tiers_limits_are_those_of_the_model_that_is_asked(tmp_path: Path) -> None:
    environ = {
        "SEGUE_CHAIN": "gemini",
        "GEMINI_API_KEY": "k",
        "GEMINI_MODEL": "gemini-2.5-flash",
        "GEMINI_TIER": "free",
    }
    asked: list[str] = []

    def answer(request: WireRequest) -> Reply:
        asked.append(request.url.rpartition("/models/")[2].partition(":")[0])
        document = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
        return Reply(headers={"content-type": "application/json"}, steps=[json.dumps(document).encode()])

    segue = Segue(load(environ, directory=tmp_path), ledger=MemoryStore(), transport=MemoryTransport(answer))
    moment = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
    segue.runtime.engine.wall = lambda: moment
    await segue.acomplete("hi")
    target = segue.runtime.targets["gemini"]
    assert asked == ["gemini-3.5-flash-lite"]
    limits = segue.runtime.engine.quota.limits(QuotaKey(target.credential, asked[0]))
    assert (limits.requests_per_minute, limits.requests_per_day) == (15, 500)
    left = segue.runtime.engine.quota.left(QuotaKey(target.credential, asked[0]), 0.0, moment)
    assert left["day", "requests"] == 499


async def test_who_answers_for_a_model_that_its_own_address_does_not_have_says_so(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text(
        '[targets.own]\ndialect = "openai_chat"\nbase_url = "http://own.test/v1"\nmodel = "mine"'
    )
    environ = {"SEGUE_CHAIN": "own,openai", "OPENAI_API_KEY": "k"}
    segue = Segue(load(environ, directory=tmp_path), ledger=MemoryStore(), transport=says_its_model(gone="mine"))
    for _ in range(2):
        answer = await segue.acomplete("hi")
        assert (answer.target, answer.notices) == ("openai", ("own has no model mine",))
