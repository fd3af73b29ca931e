"""What judged answers teach of the line between light and hard requests."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import msgspec

from segue.catalog.prices import price_of, read_overrides
from segue.cli.display import console, notes, table, write_json
from segue.cli.route.evidence import answers_of, evidence_of
from segue.cli.route.simulate import DAY
from segue.cli.simulated import chain_names
from segue.errors import ConfigurationError
from segue.ledger.daily import Where
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.router import blended
from segue.routing import resolve
from segue.routing.feedback import FEEDBACK, Learned, Line, learn, line_for
from segue.routing.policy import Candidate, strong_ones
from segue.settings import Settings
from segue.settings_loading import load

PAST_FEEDBACK = FEEDBACK[:-1] + chr(ord(FEEDBACK[-1]) + 1)
"""The name that follows all names of feedback."""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """`line` is None where not even strong targets for everything would give the wanted share of good answers. `evidence` counts the words on
    answers by their source (evidence.py)."""

    learned: Learned
    line: Line | None
    requests: int
    evidence: dict[str, int]


def take_feedback(request_id: str, *, good: bool) -> None:
    """Raises `ConfigurationError` for a request that the ledger does not have."""
    store = ledger_of(load())
    if not store.records(where=Where(request_id=request_id), limit=1):
        raise ConfigurationError(f"the ledger has no request {request_id!r}: use an answer's request_id")
    store.save(f"{FEEDBACK}{request_id}", {"good": good})
    if not store.flush():
        raise ConfigurationError(
            f"the ledger could not be written: {store.status().problem or 'the disk takes too long'}"
        )
    notes.print(f"Noted: the answer to {request_id} was {'good' if good else 'bad'}.", markup=False, soft_wrap=True)


def show_training(*, wanted: float, days: float, chain: str | None, only_feedback: bool, as_json: bool) -> None:
    settings, since = load(), time.time() - days * DAY
    found = training(
        settings, ledger_of(settings), since=since, chain=chain, wanted=wanted, only_feedback=only_feedback
    )
    if as_json:
        write_json(found)
        return
    learned = found.learned
    console.print(f"Judged answers: {learned.judged_light} of light targets, {learned.judged_strong} of strong ones.")
    console.print("By: " + ", ".join(f"{source} {count}" for source, count in found.evidence.items()) + ".\n")
    if "feedback" not in found.evidence:
        notes.print(
            "No answer was judged by feedback: where answers fail is learned, but how many fail is an estimate. Judge some.",
            soft_wrap=True,
        )
    chances = table("", "complexity", "good, light targets", "good, strong targets", right=("complexity",))
    for step in range(0, 11, 2):
        at = step / 10
        chances.add_row(f"{at:.1f}", f"{learned.light.chance(at):.0%}", f"{learned.strong.chance(at):.0%}")
    console.print(chances)
    if found.line is None:
        console.print(f"\nNot even strong targets for every request would make {wanted:.0%} of the answers good.")
        return
    console.print(
        f"\nFor {wanted:.0%} good answers over {found.requests} requests set\n\n[policy]\nstrong_share = "
        f"{found.line.strong_share:.2f}\n\nwhich sends {found.line.calls:.0%} of them to strong targets first.",
        markup=False,
    )


def training(
    settings: Settings,
    store: LedgerStore,
    *,
    since: float,
    chain: str | None,
    wanted: float,
    only_feedback: bool = False,
) -> Training:
    """Raises `ConfigurationError` where there are too few judgements."""
    records = store.records(since=since, limit=None)
    words = {name.removeprefix(FEEDBACK): word for name, word in store.states(FEEDBACK, PAST_FEEDBACK).items()}
    evidence = evidence_of(records, words, only_feedback=only_feedback)
    strong = _strong(settings, chain) if evidence else frozenset()
    try:
        learned = learn([one.judged(strong) for one in evidence])
    except ValueError as error:
        raise ConfigurationError(f"{error}; use Segue.feedback or segue route feedback") from error
    complexities = [one.complexity for one in answers_of(records) if one.complexity is not None]
    return Training(
        learned=learned,
        line=line_for(learned, complexities, wanted),
        requests=len(complexities),
        evidence=dict(Counter(one.source for one in evidence).most_common()),
    )


def _strong(settings: Settings, chain: str | None) -> frozenset[str]:
    policy = settings.chains[chain].policy if chain in settings.chains else settings.policy
    overrides, now = read_overrides(settings.prices), datetime.now(UTC)
    candidates = []
    for name in chain_names(settings, chain):
        target = resolve.target(name, settings.target(name))
        prices = price_of(target.provider, target.model.id, now, overrides)
        candidates.append(Candidate(name=name, price=None if prices is None else blended(prices)))
    return strong_ones(candidates, policy.strong)
