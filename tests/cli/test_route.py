"""`segue route`: the explanation of a prompt's order, and the ledger's requests under every policy."""

from __future__ import annotations

import json
import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from segue.chat.usage import Usage
from segue.ledger.record import AttemptRecord, Settlement
from segue.ledger.stores.factory import shared_store

from .conftest import Run

TOML = """
chain = ["small", "large"]
[targets.small]
provider = "openai"
model = "small-1"
[targets.large]
provider = "openai"
model = "large-1"
[prices.small-1]
input = "1"
output = "1"
[prices.large-1]
input = "10"
output = "10"
"""
HARD = "Implement an algorithm in Python that returns the number of subarrays whose sum is divisible by k. Prove each step."


@pytest.fixture
def toml(bare: Path) -> Path:
    path = bare / "segue.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_an_explanation_names_the_score_what_weighs_and_every_policys_order(run: Run, toml: Path) -> None:
    shown = run("route", "explain", HARD).stdout
    assert "hard (smart draws the line at 0.60)" in shown
    assert "more code" in shown
    assert "large > small" in shown
    assert "strong targets first (large)" in shown


def test_the_explanation_as_json_agrees_with_the_policies(run: Run, toml: Path) -> None:
    document = json.loads(run("route", "explain", "-", "--json", input="Hello, how are you today?").stdout)
    assert document["complexity"] < document["threshold"]
    assert {
        route["policy"]: route["order"][0] for route in document["routes"] if route["policy"] != "weights"
    } == dict.fromkeys(("priority", "cost", "latency", "smart"), "small")


def test_a_chain_that_does_not_exist_is_named(run: Run, toml: Path) -> None:
    ended = run("route", "explain", "hi", "--chain", "nowhere")
    assert ended.exit_code == 2
    assert "nowhere" in ended.stderr


def book(id: str, *, complexity: str | None, tokens: int = 1_000_000, **more: Any) -> None:
    store = shared_store(os.environ["SEGUE_LEDGER"])
    usage, price = Usage(input_tokens=tokens), Decimal(10)
    fields: dict[str, Any] = {
        "target": "large", "model": "large-1", "outcome": "ok", "shown": True, "first_content": 0.4, "cost": price * tokens / 1_000_000,
    }  # fmt: skip
    noted = more.pop("noted", {})
    record = AttemptRecord(
        attempt_id=id,
        request_id=more.pop("request_id", id),
        started=time.time() - 3600 + more.pop("later", len(id)),
        provider="openai",
        settlement=Settlement.SETTLED,
        usage=usage,
        metadata=noted | ({} if complexity is None else {"segue_complexity": complexity}),
        **fields | more,
    )
    store.settle(record)


@pytest.fixture
def history(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four requests that the large target answered: one hard, two easy, one unknown."""
    from segue.ledger.stores.memory import MemoryStore

    store = MemoryStore()
    monkeypatch.setattr("segue.cli.route.simulate.ledger_of", lambda where=None: store)
    monkeypatch.setattr(f"{__name__}.shared_store", lambda where=None: store)
    book("a", complexity="0.90")
    book("b", complexity="0.10")
    book("c", complexity="0.59", request_id="c")
    book("c-first", complexity="0.59", request_id="c", outcome="overload", shown=False, cost=Decimal(0))
    book("d", complexity=None)
    book("e", complexity="0.9", simulated=True)
    book("f", complexity="0.9", outcome="overload", shown=False, cost=Decimal(0))


def test_a_simulation_tells_what_each_policy_would_have_cost(run: Run, history: None) -> None:
    document = json.loads(run("route", "simulate", "--json").stdout)
    assert (document["requests"], document["scored"], Decimal(document["actual"])) == (4, 3, Decimal(40))
    by_policy = {row["policy"]: row for row in document["outcomes"]}
    assert {name: Decimal(row["cost"]) for name, row in by_policy.items() if name not in ("weights", "latency")} == {
        "priority": Decimal(4),
        "cost": Decimal(4),
        "smart": Decimal(13),
        "small alone": Decimal(4),
        "large alone": Decimal(40),
    }
    assert by_policy["smart"]["strong"] == 0.25
    assert by_policy["large alone"]["strong"] == 1.0
    assert by_policy["smart"]["asked"] == {"small": 3, "large": 1}


def test_a_simulation_says_how_many_requests_have_no_complexity(run: Run, history: None) -> None:
    shown = run("route", "simulate").stdout
    assert "4 answered requests" in shown
    assert "1 of them carry no complexity" in shown


def test_a_simulated_free_quota_runs_out(run: Run, history: None, toml: Path) -> None:
    toml.write_text(TOML + '[targets.large.quota]\ntier = "free"\nrequests_per_day = 3\n', encoding="utf-8")
    document = json.loads(run("route", "simulate", "--json").stdout)
    rows = {row["policy"]: row for row in document["outcomes"]}
    assert (
        Decimal(rows["large alone"]["cost"]) == 20
    )  # nine tenths of the quota are two requests; the other two are paid for


def test_an_empty_ledger_is_reported_as_empty(run: Run, toml: Path) -> None:
    assert "no answered request" in run("route", "simulate").stderr


def test_judged_answers_teach_where_the_line_belongs(run: Run, toml: Path) -> None:
    store = shared_store(os.environ["SEGUE_LEDGER"])
    for place in range(60):
        book(f"{place:03}", complexity=f"{place / 60:.3f}", target="small", model="small-1", cost=Decimal(1))
    store.flush()
    for place in range(60):
        good = place < 40 or place % 3 == 0
        assert run("route", "feedback", f"{place:03}", "--good" if good else "--bad").exit_code == 0
    shown = run("route", "train", "--wanted", "0.9").stdout
    assert "60 of light targets, 0 of strong ones" in shown
    document = json.loads(run("route", "train", "--wanted", "0.8", "--json").stdout)
    assert document["learned"]["light"]["slope"] < -1
    strong_share, calls = document["line"]
    assert 0.05 < strong_share < 0.6
    assert 0.05 < calls < 0.6
    assert json.loads(run("route", "train", "--wanted", "0.999", "--json").stdout)["line"] is None


def test_training_says_what_it_lacks_and_feedback_which_request_it_does_not_know(run: Run, toml: Path) -> None:
    ended = run("route", "train")
    assert ended.exit_code == 2
    assert "there are 0 judged answers" in ended.stderr
    assert "segue route feedback" in ended.stderr
    unknown = run("route", "feedback", "unknown", "--good")
    assert unknown.exit_code == 2
    assert "no request 'unknown'" in unknown.stderr


def test_without_feedback_the_ledgers_signs_teach_and_the_output_says_that_they_are_signs(run: Run, toml: Path) -> None:
    small: dict[str, Any] = {"target": "small", "model": "small-1", "cost": Decimal(1)}
    for place in range(80):
        verdict = "bad" if place > 50 and place % 2 == 0 else "on"
        book(f"{place:03}", complexity=f"{place / 80:.3f}", noted={"segue_turn": f"{place:08x}"}, **small)
        after = {"segue_turn": f"{place + 1000:08x}", "segue_after": f"{place:08x} {verdict}"}
        book(f"{place:03}-next", complexity=None, later=60.0, noted=after, **small)
    shared_store(os.environ["SEGUE_LEDGER"]).flush()
    ended = run("route", "train", "--wanted", "0.8")
    assert "went on 66, complaint 14" in ended.stdout
    assert "how many fail is an estimate" in ended.stderr
    document = json.loads(run("route", "train", "--wanted", "0.8", "--json").stdout)
    assert document["learned"]["light"]["slope"] < -1
    assert run("route", "train", "--only-feedback").exit_code == 2
