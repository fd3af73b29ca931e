"""Budgets in the library: what requests cost is taken from them, and the one that would overspend is not sent."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from segue import InvalidRequestError, Sandbox, Segue, load
from segue.budgets.admission import store_of
from segue.ledger.stores.memory import MemoryStore

SETTINGS = """
chain = ["openai"]
{everything}
[chains.fast]
targets = [{targets}]
daily_budget = {chain}
"""


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(reply="numbered")


def client(
    box: Sandbox, directory: Path, *, chain: str, everything: str = "", targets: str = '"gemini", "openai"'
) -> Segue:
    """Over the sandbox as if it were real: what it answers has a price."""
    (directory / "segue.toml").write_text(SETTINGS.format(chain=chain, everything=everything, targets=targets))
    environ = {"SEGUE_HOME": str(directory), "SEGUE_LEDGER": str(directory / "ledger.sqlite3")}
    for name in ("gemini", "openai"):
        environ |= {f"{name.upper()}_API_KEY": "k", f"{name.upper()}_BASE_URL": box.base_url(name)}
    return Segue(load(environ, directory=directory), ledger=MemoryStore())


def test_a_chain_stops_before_the_request_that_its_budget_does_not_have(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        segue = client(box, tmp_path, chain='"0.02"')
        spent = Decimal(0)
        with pytest.raises(InvalidRequestError, match=r"the chain 'fast' has a budget of \$0.02 a day") as caught:
            for _ in range(200):
                answer = segue.complete("go on", chain="fast", max_tokens=1000)
                assert answer.cost is not None
                spent += answer.cost
        assert (caught.value.status, caught.value.code) == (429, "insufficient_quota")
        assert 0 < spent <= Decimal("0.02")
        assert segue.complete("go on").target == "openai", "another chain has no budget"
        segue.close()
    total = Decimal(sum(store_of(segue.settings).spent(_today(segue)).values())).scaleb(-12)
    assert total == spent


def test_a_model_without_a_price_is_within_every_budget_too(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        segue = client(box, tmp_path, chain='"0.02"', targets='"openai"')
        with pytest.raises(InvalidRequestError, match=r"the chain 'fast' has a budget of \$0.02 a day"):
            for _ in range(200):
                answer = segue.complete("go on", chain="fast", model="gpt-6.9-sol", max_tokens=100)
                assert answer.cost is None
        segue.close()
    (spent,) = store_of(segue.settings).spent(_today(segue)).values()
    assert 0 < Decimal(spent).scaleb(-12) <= Decimal("0.02")


def test_failed_attempts_are_paid_from_the_budget_too(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        box.break_provider("gemini", "cut:after=5")
        segue = client(box, tmp_path, chain="1.0")
        answer = segue.complete("go on", chain="fast")
        segue.close()
    assert [attempt.target for attempt in answer.attempts] == ["gemini", "openai"]
    (spent,) = store_of(segue.settings).spent(_today(segue)).values()
    assert Decimal(spent).scaleb(-12) == answer.cost_bound, "Gemini bills what it was cut off from"
    assert answer.cost_bound > answer.cost


def test_one_budget_may_hold_for_everything(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        segue = client(box, tmp_path, chain="1.0", everything="daily_budget = 0.000001")
        with pytest.raises(InvalidRequestError, match="everything together has a budget of"):
            segue.complete("go on")
        assert box.bill == (), "it was sent all the same"
        segue.close()


def test_a_stream_that_is_left_early_gives_back_what_it_held(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        segue = client(box, tmp_path, chain='"0.02"', targets='"openai"')
        for _ in range(30):
            with segue.stream("go on", chain="fast", max_tokens=1000) as events:
                next(iter(events))
        segue.close()
    (spent,) = store_of(segue.settings).spent(_today(segue)).values()
    assert 0 < Decimal(spent).scaleb(-12) < Decimal("0.02")


def test_a_bill_beyond_all_measure_ends_the_budget_and_stays_countable(sandbox: Sandbox, tmp_path: Path) -> None:
    with sandbox as box:
        segue = client(box, tmp_path, chain="1.0", targets='"openai"')
        tell, booked = segue.runtime.budgets.attempt_booked, segue.runtime._recorder._callbacks
        booked[booked.index(tell)] = lambda end, record: tell(
            end, msgspec.structs.replace(record, cost=Decimal("1e20"))
        )
        segue.complete("go on", chain="fast")
        with pytest.raises(InvalidRequestError, match=r"of \$1 a day: \$1000000 is spent"):
            segue.complete("go on", chain="fast")
        segue.close()


def _today(segue: Segue) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(segue.runtime.engine.wall(), datetime.UTC).date().isoformat()
