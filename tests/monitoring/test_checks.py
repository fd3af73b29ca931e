"""Free health checks, over real sockets: what they find out, what they leave alone, and that they cost nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.conftest import served

from segue import Sandbox
from segue.chat.failure import Failure, FailureKind, Scope
from segue.client import Segue
from segue.health.book import HealthBook
from segue.health.target import HealthKeys
from segue.monitoring.checks import tells_of_the_key_or_the_way
from segue.policy import BreakerPolicy
from segue.settings import Settings
from segue.settings_loading import load

NARROW = "You have insufficient permissions for this operation. Missing scopes: api.model.read."


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(reply="numbered") as made:
        yield made


@pytest.fixture
def environ(box: Sandbox) -> dict[str, str]:
    for name in box.providers:
        box.heal(name)
    keys = {f"{name.upper()}_API_KEY": f"key-of-{name}" for name in ("gemini", "openai")}
    places = {f"{name.upper()}_BASE_URL": box.base_url(name) for name in ("gemini", "openai")}
    return {**keys, **places, "SEGUE_LEDGER": "none", "SEGUE_CHAIN": "gemini,openai"}


def settings_of(environ: dict[str, str], **more: str) -> Settings:
    return load({**environ, **more}, directory="/nonexistent")


async def test_a_refused_key_is_known_before_a_request_pays_for_it_and_used_again_once_it_works(
    environ: dict[str, str], box: Sandbox
) -> None:
    billed = len(box.bill)
    segue = Segue(settings_of(environ))
    box.break_provider("gemini", "auth")
    troubles = await segue.check_health()
    assert troubles["gemini"].startswith("auth: ")
    assert troubles["openai"] == ""
    assert [attempt.target for attempt in (await segue.acomplete("Hello")).attempts] == ["openai"]
    box.heal("gemini")
    assert await segue.check_health() == {"gemini": "", "openai": ""}
    assert [attempt.target for attempt in (await segue.acomplete("Hello")).attempts] == ["gemini"]
    await segue.aclose()
    assert len(box.bill) == billed + 2


async def test_an_address_that_cannot_be_reached_is_left_alone_and_a_sick_generation_is_none_of_its_business(
    environ: dict[str, str], box: Sandbox
) -> None:
    segue = Segue(settings_of(environ, GEMINI_BASE_URL="http://127.0.0.1:9"))
    for _ in range(BreakerPolicy().consecutive):
        assert (await segue.check_health())["gemini"].startswith("transport: ")
    box.break_provider("openai", "unavailable")
    assert (await segue.check_health())["openai"] == ""
    box.heal("openai")
    assert [attempt.target for attempt in (await segue.acomplete("Hello")).attempts] == ["openai"]
    await segue.aclose()


async def test_keys_are_checked_once_however_many_targets_share_one_and_stand_ins_never(
    environ: dict[str, str], box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    segue = Segue(settings_of(environ))
    twin = segue.targets["gemini"]
    twice = Segue(
        settings_of(environ),
        targets=[twin, _renamed(twin, "twin"), _renamed(twin, "stand-in", simulated=True)],
    )
    real = twice.runtime.engine.upstream

    def upstream(target: Any) -> Any:
        asked.append(target.name)
        return real(target)

    monkeypatch.setattr(twice.runtime.engine, "upstream", upstream)
    assert await twice.check_health() == {"gemini": "", "twin": ""}
    assert asked == ["gemini"]
    await twice.aclose()


def _renamed(target: Any, name: str, **changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(target, name=name, **changes)


@pytest.mark.parametrize(
    ("failure", "counts"),
    [
        (Failure(kind=FailureKind.AUTH, message="Incorrect API key", status=401), True),
        (Failure(kind=FailureKind.AUTH, message="API key not valid", status=400), True),
        (Failure(kind=FailureKind.AUTH, message=NARROW, status=401), False),
        (Failure(kind=FailureKind.AUTH, message="Country not supported", status=403), False),
        (Failure(kind=FailureKind.TRANSPORT, message="Name or service not known", scope=Scope.ENDPOINT), True),
        (Failure(kind=FailureKind.OVERLOAD, message="unavailable", status=503), False),
        (Failure(kind=FailureKind.RATE, message="slow down", status=429), False),
        (Failure(kind=FailureKind.MODEL_GONE, message="no such path", status=404), False),
        (Failure(kind=FailureKind.STALL, message="no answer to a free probe within 5 s"), False),
    ],
)
def test_only_a_refused_key_and_an_address_out_of_reach_say_anything(failure: Failure, counts: bool) -> None:
    assert tells_of_the_key_or_the_way(failure) is counts


KEYS = HealthKeys("https://host", "https://host#print", "model")


def test_a_check_takes_no_probes_place_and_closes_no_breaker() -> None:
    health = HealthBook(BreakerPolicy())
    for _ in range(3):
        health.failed(KEYS, Failure(kind=FailureKind.OVERLOAD, message="x"), 0.0)
    assert health.look(KEYS, 1.0).barred
    health.checked(KEYS, None, 1.0)
    assert health.look(KEYS, 1.0).barred
    health.admit(KEYS, 10.0)
    health.checked(KEYS, Failure(kind=FailureKind.AUTH, message="x", status=401), 10.0)
    health.checked(KEYS, None, 11.0)
    assert health.look(KEYS, 11.0).barred, "the probe is still out"
    health.checked(KEYS, Failure(kind=FailureKind.OVERLOAD, message="x"), 11.0)
    health.succeeded(KEYS, 12.0, started=10.0)
    assert health.look(KEYS, 12.0).probing


def test_the_gateway_checks_by_itself_and_can_be_set_not_to(environ: dict[str, str], box: Sandbox) -> None:
    box.break_provider("gemini", "auth")

    def state(address: str) -> str:
        targets = httpx.get(f"{address}/health/ready").json()["targets"]
        return next(target["state"] for target in targets if target["target"] == "gemini")

    with served(settings_of(environ, SEGUE_HEALTH_CHECK="0.05")) as address:
        assert _within(5.0, lambda: state(address) == "off")
        box.heal("gemini")
        assert _within(5.0, lambda: state(address) == "ready")
    box.break_provider("gemini", "auth")
    with served(settings_of(environ, SEGUE_HEALTH_CHECK="0")) as address:
        time.sleep(0.2)
        assert state(address) == "ready"


def _within(seconds: float, true: Any) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return False


async def test_a_check_that_is_interrupted_leaves_nothing_behind(environ: dict[str, str]) -> None:
    segue = Segue(settings_of(environ))
    check = asyncio.create_task(segue.check_health())
    await asyncio.sleep(0)
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert (await segue.acomplete("Hello")).target == "gemini"
    await segue.aclose()
