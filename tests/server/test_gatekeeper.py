from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue import Sandbox
from segue.catalog.models import find_model
from segue.catalog.prices import UnitPrices
from segue.chat.messages import user
from segue.chat.request import ChatRequest
from segue.chat.usage import Usage
from segue.client import Segue
from segue.errors import InvalidRequestError
from segue.failover.engine import Job
from segue.failover.listener import AttemptEnd, AttemptStart
from segue.ledger.store import Where
from segue.ledger.stores.memory import MemoryStore
from segue.routing.target import Target
from segue.server.gatekeeper import Gatekeeper
from segue.server.keyfile import day_of, open_for_writing, spent_on
from segue.server.keys import KeyRing
from segue.server.spending import Spending
from segue.settings import load
from segue.wire.dialects import ingress

NOON = 1_780_056_000.0
"""2026-05-29 12:00 UTC."""
PRICES = {"gemini/*": UnitPrices(input=Decimal("0.01"), output=Decimal("0.1"))}
TARGET = Target(
    name="g", provider="gemini", dialect="gemini", model=find_model("gemini", "gemini-3.5-flash"), base_url="http://g"
)
_ids = itertools.count()


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys.sqlite3")


Make = Callable[..., Gatekeeper]


@pytest.fixture
def make(ring: KeyRing) -> Iterator[Make]:
    """Gatekeepers of several processes, as it were; each works the cost of 1 token in, 1 out out as $0.11."""
    made: list[Gatekeeper] = []

    def gatekeeper(**options: Any) -> Gatekeeper:
        spending = Spending(ring.path, overrides=PRICES, **{"gather": 0.005, **options})
        made.append(Gatekeeper(ring, spending=spending))
        return made[-1]

    yield gatekeeper
    for each in made:
        each.close()


@pytest.fixture
def keeper(make: Make) -> Gatekeeper:
    return make()


def admit(keeper: Gatekeeper, id: str, model: str = "auto", *, now: float = 0.0, wall: float = NOON) -> None:
    keeper.admit(id, model, now=now, wall=wall)


def refusal(keeper: Gatekeeper, id: str, model: str = "auto", **moment: float) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        admit(keeper, id, model, **moment)
    return caught.value


def start(key: str, *, wall: float = NOON, output: int | None = 10, **changes: Any) -> AttemptStart:
    values: dict[str, Any] = {
        "attempt_id": f"a{next(_ids)}",
        "request_id": "r",
        "target": TARGET,
        "chain": "default",
        "wall": wall,
        "prompt_tokens": 10,
        "max_tokens": output,
        "hedge": False,
        "continuation": False,
        "metadata": {"key": key},
    }
    return AttemptStart(**{**values, **changes})


def end(began: AttemptStart, *, output: int = 9) -> AttemptEnd:
    """$0.10 for 10 tokens in, $0.10 for each out."""
    usage = Usage(input_tokens=10, output_tokens=output)
    return AttemptEnd(start=began, outcome="ok", seconds=1.0, usage=usage, usage_is_final=True, status=200)


def spend(keeper: Gatekeeper, key: str, *, output: int = 9, wall: float = NOON) -> None:
    """$1 for 9 tokens out."""
    began = start(key, wall=wall)
    keeper.attempt_started(began)
    keeper.attempt_ended(end(began, output=output))


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.005)


def in_file(ring: KeyRing, key: str, wall: float = NOON) -> Decimal:
    return Decimal(spent_on(ring.path, day_of(wall)).get(key, 0)).scaleb(-12)


# Who it is, and what it may ask for.


def test_a_known_key_is_identified(ring: KeyRing, keeper: Gatekeeper) -> None:
    key, secret = ring.create("n")
    assert keeper.identify(secret.reveal()) == key.id


@pytest.mark.parametrize(("presented", "said"), [("", "Authorization: Bearer"), ("sk-segue-guess", "not known here")])
def test_any_other_is_refused_without_repeating_it(keeper: Gatekeeper, presented: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        keeper.identify(presented)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert not presented or presented not in str(caught.value)


def test_a_key_that_is_revoked_while_its_request_is_read_is_refused(ring: KeyRing, keeper: Gatekeeper) -> None:
    key, secret = ring.create("n")
    assert keeper.identify(secret.reveal()) == key.id
    ring.revoke(key.id)
    assert refusal(keeper, key.id).status == 401
    assert refusal(keeper, "key_unheard_of").status == 401


def test_a_key_for_some_models_may_ask_for_no_other(ring: KeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("ci", models=["default", "openai/gpt-6-luna"])[0].id
    for allowed in ("", "auto", "default", "openai/gpt-6-luna", "models/openai/gpt-6-luna"):
        admit(keeper, id, allowed)
    refused = refusal(keeper, id, "gpt-6-luna")
    assert (refused.status, refused.param, refused.code) == (403, "model", "model_not_allowed")
    assert "use default or openai/gpt-6-luna" in str(refused)


def test_a_key_without_models_may_ask_for_all(ring: KeyRing, keeper: Gatekeeper) -> None:
    admit(keeper, ring.create("n")[0].id, "anything")


# The rate.


def test_no_more_than_the_rate_is_admitted_in_any_sixty_seconds(ring: KeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("n", rate=3)[0].id
    admitted: list[float] = []
    for tenth in range(3000):
        now = tenth / 10
        try:
            admit(keeper, id, now=now)
            admitted.append(now)
        except InvalidRequestError:
            assert sum(before > now - 60 for before in admitted) == 3
    assert len(admitted) == 15
    assert all(sum(moment <= other < moment + 60 for other in admitted) <= 3 for moment in admitted)


def test_a_refusal_for_the_rate_says_when_to_come_again_and_that_is_true(ring: KeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("n", rate=2)[0].id
    admit(keeper, id, now=0.0)
    admit(keeper, id, now=15.0)
    refused = refusal(keeper, id, now=20.0)
    assert (refused.status, refused.code, refused.retry_after) == (429, "rate_limit_exceeded", 40.0)
    admit(keeper, id, now=60.0)
    assert refusal(keeper, id, now=60.0).retry_after == 15.0


def test_each_key_has_a_rate_of_its_own_and_refused_requests_do_not_count(ring: KeyRing, keeper: Gatekeeper) -> None:
    id = ring.create("n", rate=1, models=["auto"])[0].id
    for _ in range(3):
        assert refusal(keeper, id, "other").status == 403
    admit(keeper, id)
    admit(keeper, ring.create("m", rate=1)[0].id)
    assert refusal(keeper, id).status == 429


# The budget.


def test_a_budget_is_used_up_by_what_attempts_cost_until_midnight_utc(ring: KeyRing, keeper: Gatekeeper) -> None:
    key = ring.create("ci", daily_budget=Decimal(2))[0]
    spend(keeper, key.id)
    eventually(lambda: in_file(ring, key.id) == 1)
    admit(keeper, key.id)
    spend(keeper, key.id)
    eventually(lambda: in_file(ring, key.id) == 2)
    refused = refusal(keeper, key.id)
    assert (refused.status, refused.code, refused.retry_after) == (429, "insufficient_quota", 43200.0)
    assert "budget of $2 a day: $2 is spent" in str(refused)
    admit(keeper, key.id, wall=NOON + 43200)


def test_running_attempts_hold_their_estimate_once_the_price_is_known(ring: KeyRing, keeper: Gatekeeper) -> None:
    key = ring.create("ci", daily_budget=Decimal("2.05"))[0]
    spend(keeper, key.id)
    eventually(lambda: in_file(ring, key.id) == 1)
    running = start(key.id)
    keeper.attempt_started(running)
    refused = refusal(keeper, key.id)
    assert (refused.status, refused.code, refused.retry_after) == (429, "insufficient_quota", 5.0)
    assert "$1 is spent, and running requests may cost $1.1" in str(refused)
    keeper.attempt_ended(AttemptEnd(start=running, outcome="unreachable", seconds=0.1, sent=False))
    eventually(lambda: _admitted(keeper, key.id))
    assert in_file(ring, key.id) == 1


def _admitted(keeper: Gatekeeper, id: str) -> bool:
    try:
        admit(keeper, id)
    except InvalidRequestError:
        return False
    return True


def test_what_a_key_spends_here_another_process_knows_within_a_second(ring: KeyRing, make: Make) -> None:
    here, there, clock = make(), make(clock=lambda: now), 0.0
    now = clock
    key = ring.create("ci", daily_budget=Decimal(1))[0]
    admit(there, key.id)
    spend(here, key.id)
    eventually(lambda: in_file(ring, key.id) == 1)
    now = 1.0
    assert refusal(there, key.id).code == "insufficient_quota"
    assert refusal(here, key.id).code == "insufficient_quota"


def test_processes_add_to_what_others_spent(ring: KeyRing, make: Make) -> None:
    key = ring.create("ci", daily_budget=Decimal(100))[0]
    keepers = [make(), make()]
    workers = [threading.Thread(target=lambda k=k: [spend(k, key.id) for _ in range(50)]) for k in keepers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for keeper in keepers:
        keeper.close()
    assert in_file(ring, key.id) == 100
    assert refusal(make(), key.id).code == "insufficient_quota"


def test_a_new_process_takes_up_what_was_spent_today(ring: KeyRing, make: Make) -> None:
    key = ring.create("ci", daily_budget=Decimal(1))[0]
    before = make(gather=60.0)
    spend(before, key.id)
    before.close()
    assert refusal(make(), key.id).code == "insufficient_quota"


def test_what_cannot_be_written_counts_nevertheless_and_is_written_later(
    ring: KeyRing, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = make()
    key = ring.create("ci", daily_budget=Decimal(1))[0]
    admit(keeper, key.id)
    monkeypatch.setattr("segue.server.keyfile.BUSY", 0.01)
    other = open_for_writing(ring.path)
    other.execute("BEGIN IMMEDIATE")
    spend(keeper, key.id)
    eventually(lambda: not _admitted(keeper, key.id))
    assert in_file(ring, key.id) == 0
    other.execute("COMMIT")
    other.close()
    eventually(lambda: in_file(ring, key.id) == 1)
    assert refusal(keeper, key.id).code == "insufficient_quota"


def test_simulated_attempts_and_keys_without_a_budget_are_not_counted(ring: KeyRing, keeper: Gatekeeper) -> None:
    free, limited = ring.create("free")[0], ring.create("limited", daily_budget=Decimal(1))[0]
    simulated = Target(**{**{name: getattr(TARGET, name) for name in TARGET.__struct_fields__}, "simulated": True})
    spend(keeper, free.id)
    for began in (start(limited.id, target=simulated), start("", metadata={})):
        keeper.attempt_started(began)
        keeper.attempt_ended(end(began))
    keeper.close()
    connection = sqlite3.connect(ring.path)
    assert connection.execute("SELECT COUNT(*) FROM spend").fetchone() == (0,)
    connection.close()


def test_an_attempt_without_a_price_counts_nothing(ring: KeyRing, keeper: Gatekeeper) -> None:
    key = ring.create("ci", daily_budget=Decimal("0.01"))[0]
    nobody = Target(
        name="x", provider="nobody", dialect="openai_chat", model=find_model("nobody", "m"), base_url="http://x"
    )
    began = start(key.id, target=nobody)
    keeper.attempt_started(began)
    keeper.attempt_ended(end(began))
    keeper.close()
    admit(keeper, key.id)


async def test_the_engines_attempts_are_booked_on_the_key_with_the_ledgers_cost(ring: KeyRing, tmp_path: Path) -> None:
    key = ring.create("ci", daily_budget=Decimal("0.000001"))[0]
    keeper, ledger = Gatekeeper(ring), MemoryStore()
    with Sandbox(reply="numbered") as box:
        environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": box.base_url("openai"), "SEGUE_CHAIN": "openai"}
        segue = Segue(load(environ, directory=tmp_path), ledger=ledger, listeners=[keeper])
        chain, targets, policy = segue.chain(None)
        request = ChatRequest(messages=(user("hello"),))
        wall = time.time()
        keeper.admit(key.id, "auto", now=0.0, wall=wall)
        relay = segue.start(
            Job(request=request, targets=targets, policy=policy, hold=True, chain=chain, metadata={"key": key.id})
        )
        while await relay.next():
            pass
        relay.close()
        keeper.close()
        await segue.aclose()
    eventually(lambda: ledger.records(where=Where(key=key.id))[0].cost is not None)
    (record,) = ledger.records(where=Where(key=key.id))
    assert in_file(ring, key.id, wall) == record.cost != 0
    assert refusal(keeper, key.id, wall=wall).code == "insufficient_quota"


# Told in each dialect.


@pytest.mark.parametrize(
    ("dialect", "kinds"),
    [
        ("openai_chat", ["invalid_request_error", "invalid_request_error", "rate_limit_error"]),
        ("claude", ["authentication_error", "permission_error", "rate_limit_error"]),
        ("gemini", ["UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"]),
    ],
)
def test_refusals_have_their_dialects_kind_and_the_time_to_wait(
    ring: KeyRing, keeper: Gatekeeper, dialect: str, kinds: list[str]
) -> None:
    import msgspec

    id = ring.create("n", rate=1, models=["auto"])[0].id
    admit(keeper, id)
    refused = [refusal(keeper, "?"), refusal(keeper, id, "m"), refusal(keeper, id, now=18.5)]
    answers = [ingress(dialect).error(error) for error in refused]
    errors = [msgspec.json.decode(body)["error"] for _, _, body in answers]
    assert [error.get("status" if dialect == "gemini" else "type") for error in errors] == kinds
    assert [status for status, _, _ in answers] == [401, 403, 429]
    assert [headers.get("retry-after") for _, headers, _ in answers] == [None, None, "42"]
    assert not any("x-should-retry" in headers for _, headers, _ in answers)


@pytest.mark.parametrize("dialect", ["openai_chat", "claude", "gemini"])
def test_who_would_wait_for_hours_is_told_not_to_try_again(dialect: str) -> None:
    error = InvalidRequestError("spent", status=429, code="insufficient_quota", retry_after=43200.0)
    _, headers, _ = ingress(dialect).error(error)
    assert (headers["retry-after"], headers["x-should-retry"]) == ("43200", "false")
