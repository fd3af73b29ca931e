"""How a target stands by what was written of it, and what its attempts come to."""

from __future__ import annotations

from typing import Any

import pytest

from segue.chat.failure import Scope
from segue.health.target import HealthKeys
from segue.ledger.record import AttemptRecord, Settlement
from segue.monitoring.history import Change, thing_of
from segue.monitoring.overview import READY, RUNNING, STALE, failovers, standing, traffic

KEYS = HealthKeys("https://host", "https://host#print", "model")
NOW = 1_780_056_000.0


def change(
    after: str, *, scope: Scope = Scope.MODEL, ago: float = 10.0, until: float | None = None, keys: HealthKeys = KEYS
) -> Change:
    ends = None if until is None else NOW + until
    return Change(
        at=NOW - ago,
        target="x",
        scope=scope,
        thing=thing_of(keys, scope),
        before="?",
        after=after,
        reason="why",
        until=ends,
    )


@pytest.mark.parametrize(
    ("past", "state"),
    [
        ([], "ready"),
        ([change("open", until=5.0)], "open"),
        ([change("open", until=-5.0)], "half open"),
        ([change("open", ago=STALE + 9, until=-STALE - 1)], "ready"),
        ([change("open", until=-5.0), change("half_open", ago=4.0)], "half open"),
        ([change("half_open", ago=STALE + 1)], "ready"),
        ([change("closed", ago=1.0), change("open", until=5.0)], "ready"),
        ([change("rate", until=5.0)], "cooling"),
        ([change("rate", until=-1.0)], "ready"),
        ([change("money", scope=Scope.CREDENTIAL, ago=86400.0, until=86400.0)], "off"),
        ([change("auth", scope=Scope.CREDENTIAL)], "off"),
        ([change("auth", scope=Scope.CREDENTIAL), change("ready", scope=Scope.CREDENTIAL, ago=1.0)], "ready"),
        ([change("rate", until=5.0), change("open", until=5.0)], "open"),
        ([change("auth", scope=Scope.CREDENTIAL), change("closed", ago=1.0)], "off"),
        ([change("open", scope=Scope.ENDPOINT, until=5.0, keys=KEYS._replace(model="another"))], "open"),
        ([change("open", until=5.0, keys=KEYS._replace(model="another"))], "ready"),
    ],
)
def test_a_target_stands_by_the_gravest_of_the_latest_changes_of_its_things(past: list[Change], state: str) -> None:
    found = standing(KEYS, past, NOW)
    assert found.state == state
    assert (found == READY) is (state == "ready")


def record(name: str, outcome: str = "ok", *, target: str = "gemini", at: float = 0.0, **fields: Any) -> AttemptRecord:
    settlement = Settlement.RESERVED if outcome == "pending" else Settlement.SETTLED
    values: dict[str, Any] = {"provider": target, "model": "m", "seconds": 1.0, "reason": "because", **fields}
    return AttemptRecord(
        attempt_id=f"{name}{at}",
        request_id=name,
        started=NOW - 100 + at,
        target=target,
        outcome=outcome,
        settlement=settlement,
        **values,
    )


def test_attempts_are_counted_and_their_waits_are_exact() -> None:
    found = traffic(
        [
            *(record(f"a{n}", first_content=n / 10, seconds=n) for n in range(1, 21)),
            record("b", "overload", seconds=99.0),
            record("c", "cancelled", seconds=99.0),
            record("d", "pending"),
            record("e", "pending", at=-RUNNING),
            record("f", target="openai"),
            record("g", simulated=True),
        ],
        NOW,
    )
    gemini, openai = found["gemini", False], found["openai", False]
    assert (gemini.attempts, gemini.failed, gemini.running) == (22, 1, 1)
    assert (gemini.first_p50, gemini.first_p95) == (1.0, 1.9)
    assert (gemini.seconds_p50, gemini.seconds_p95) == (10, 19)
    assert (openai.attempts, openai.first_p50) == (1, None)
    assert found["gemini", True].attempts == 1


def test_a_failover_is_an_attempt_that_follows_anothers_failure() -> None:
    found = failovers(
        [
            record("r1", "overload", at=1.0),
            record("r1", "overload", at=2.0),
            record("r1", target="openai", at=3.0),
            record("r2", "cancelled", at=1.0),
            record("r2", target="openai", at=2.0),
            record("r3", "stall", at=1.0),
            record("r3", target="openai", at=5.0, hedge=True),
            record("r4", "rate", at=4.0, target="openai"),
            record("r4", target="claude", at=4.5),
        ]
    )
    assert [(each.request_id, each.left, each.went_to, each.outcome) for each in found] == [
        ("r4", "openai", "claude", "rate"),
        ("r1", "gemini", "openai", "overload"),
    ]
    assert found[0].reason == "because"
