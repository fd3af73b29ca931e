"""What judged answers teach of the line between light and hard requests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from segue.catalog.prices import price_of, read_overrides
from segue.cli.display import console, notes, table, write_json
from segue.cli.route.simulate import DAY, complexity_of
from segue.cli.simulated import chain_names
from segue.errors import ConfigurationError
from segue.ledger.daily import Where
from segue.ledger.record import AttemptRecord
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.router import blended
from segue.routing import resolve
from segue.routing.feedback import FEEDBACK, Judged, Learned, Line, learn, line_for
from segue.routing.policy import Candidate, strong_ones
from segue.settings import Settings
from segue.settings_loading import load

AFTER = FEEDBACK[:-1] + chr(ord(FEEDBACK[-1]) + 1)
"""The name that follows all names of feedback."""


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """`line` is None where not even strong targets for everything would give the wanted share of good answers."""

    learned: Learned
    line: Line | None
    requests: int


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


def show_training(*, wanted: float, days: float, chain: str | None, as_json: bool) -> None:
    settings = load()
    found = training(settings, ledger_of(settings), since=time.time() - days * DAY, chain=chain, wanted=wanted)
    if as_json:
        write_json(found)
        return
    learned = found.learned
    console.print(f"Judged answers: {learned.judged_light} of light targets, {learned.judged_strong} of strong ones.\n")
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


def training(settings: Settings, store: LedgerStore, *, since: float, chain: str | None, wanted: float) -> Training:
    """Raises `ConfigurationError` where there are too few judgements."""
    answers = _answers(store.records(since=since, limit=None))
    value = store.states(FEEDBACK, AFTER)
    strong = _strong(settings, chain) if value else frozenset()
    try:
        learned = learn(_judged(answers, value, strong))
    except ValueError as error:
        raise ConfigurationError(f"{error}; use Segue.feedback or segue route feedback") from error
    complexities = [complexity for _, complexity in answers.values()]
    return Training(learned=learned, line=line_for(learned, complexities, wanted), requests=len(complexities))


def _answers(records: Iterable[AttemptRecord]) -> dict[str, tuple[str, float]]:
    """The target that gave each request's answer, and the request's complexity, where it is known."""
    found = {}
    for record in records:
        complexity = complexity_of(record)
        if record.outcome == "ok" and record.shown and not record.simulated and complexity is not None:
            found[record.request_id] = record.target, complexity
    return found


def _judged(
    answers: Mapping[str, tuple[str, float]], fields: Mapping[str, Mapping[str, Any]], strong: frozenset[str]
) -> list[Judged]:
    judged = []
    for request_id, (target, complexity) in answers.items():
        if (word := fields.get(FEEDBACK + request_id)) is not None:
            judged.append(Judged(complexity, target in strong, word.get("good") is True))
    return judged


def _strong(settings: Settings, chain: str | None) -> frozenset[str]:
    policy = settings.chains[chain].policy if chain in settings.chains else settings.policy
    overrides, now = read_overrides(settings.prices), datetime.now(UTC)
    candidates = []
    for name in chain_names(settings, chain):
        target = resolve.target(name, settings.target(name))
        prices = price_of(target.provider, target.model.id, now, overrides)
        candidates.append(Candidate(name=name, price=None if prices is None else blended(prices)))
    return strong_ones(candidates, policy.strong)
