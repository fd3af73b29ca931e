"""In which order a chain's targets are asked: one pure function a policy, from values to an order and its reason.

| policy | order |
|---|---|
| `priority` | as written |
| `cost` | the cheapest for this request first; free quota before that, but kept for dear requests when it runs short |
| `latency` | the quickest to its first content first, by what was observed; one not measured yet is tried |
| `smart` | a hard request: strong targets first; a light one: the cheapest first; one of unknown difficulty: the middle one first |
| `weights` | drawn at random, by weight |

Hard constraints come before all of that: a target that can't take the request, or is not to be asked now, goes behind those that can,
whatever the policy. Ties and unknown values keep the written order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf, log
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from segue import plugins
from segue.errors import ConfigurationError, InvalidRequestError
from segue.health.latency import Ring

SAME = 0.9
"""Times to first content that differ by less than this factor are the same."""
EXPLORE = 0.02
"""The share of requests that `latency` sends to another than the quickest, so that an old measurement can be corrected."""
STRONGER = 1.5
"""Prices that differ by less than this factor say nothing of strength."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A target and what is known of it for one request.

    `barred` says why it can't be asked now, "" if it can. `cost` is what the request is expected to cost there, in US dollars, at its
    list price; `price` US dollars a million tokens, three in four of them input; both None where unknown. `free` is None where
    every token is paid for; else how far today's free requests go: the share of them that is left over the share of the day that is
    left, 1 or more where they last. `free_within` are the requests a day that are free, where it is assumed that they are: the
    target's tier is not set. `seconds` is the usual wait for its first content, None before the first. `draw` is a
    random number, 0 to 1, for `weights`.
    """

    name: str
    barred: str = ""
    cost: Decimal | None = None
    price: Decimal | None = None
    free: float | None = None
    free_within: int | None = None
    seconds: float | None = None
    weight: float = 1.0
    draw: float = 0.5


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the request.

    `complexity` is 0 to 1, None where it is unknown: `unknown` says what `smart` then does. `strong_share` is the share of requests that are to count as hard.
    `strong` names the strong targets, () where their prices are to tell. `dearness` is the share, 0 to 1, of the latest requests that
    would have cost less. `draw` is a random number, 0 to 1.
    """

    complexity: float | None = None
    strong_share: float = 0.4
    strong: tuple[str, ...] = ()
    unknown: Literal["middle", "light", "hard"] = "middle"
    dearness: float = 0.5
    draw: float = 0.5


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An order and why it is that: `order` has the targets' names."""

    policy: str
    order: tuple[str, ...]
    reason: str
    complexity: float | None = None


class Dearness:
    """Where a request stands among the latest 256, by what it would cost at the cheapest target that is paid for."""

    def __init__(self) -> None:
        self._costs = Ring()

    def rank(self, candidates: Sequence[Candidate]) -> float:
        """The share, 0 to 1, of the latest that would have cost less, and half of those that would have cost the same.

        1 where no price is paid. Counts the request among the latest.
        """
        paid = [float(one.cost) for one in candidates if one.free is None and one.cost is not None and not one.barred]
        if not paid:
            return 1.0
        due, costs = min(paid), self._costs.ordered
        rank = (bisect_left(costs, due) + bisect_right(costs, due)) / (2 * len(costs)) if costs else 0.5
        self._costs.add(due)
        return rank


Ordered = tuple[list[Candidate], str]
"""Those in order, and the reason."""


class Ordering(Protocol):
    """A policy. It is given those that can be asked, as written, at least one."""

    def __call__(self, candidates: Sequence[Candidate], situation: Situation, /) -> Ordered: ...


def find(policy: str) -> Ordering:
    """The policy of that name, Segue's own or a plug-in's. Raises `InvalidRequestError` if there is none."""
    ordering: Ordering | None = POLICIES.get(policy) or plugins.find("policies", policy)
    if ordering is None:
        raise InvalidRequestError(f"{policy!r} is not a policy: use {', '.join(names())}", param="policy")
    return ordering


def names() -> tuple[str, ...]:
    """Segue's own policies, then those of plug-ins."""
    return (*POLICIES, *plugins.names("policies"))


def register(name: str, ordering: Ordering) -> None:
    """Adds a policy to this process. Raises `ConfigurationError` for a name that can't be used."""
    if name in POLICIES:
        raise ConfigurationError(f"{name!r} is one of Segue's own policies: choose another name")
    plugins.register("policies", name, ordering)


def route(policy: str, candidates: Sequence[Candidate], situation: Situation) -> Route:
    """The order of a chain. Raises `InvalidRequestError` for an unknown policy."""
    ordering = find(policy)
    usable = [candidate for candidate in candidates if not candidate.barred]
    behind = [candidate for candidate in candidates if candidate.barred]
    ordered, reason = ordering(usable, situation) if usable else ([], "none can be asked now: as written")
    if behind and usable:
        reason += "; behind: " + ", ".join(f"{candidate.name} ({candidate.barred})" for candidate in behind)
    names = tuple(candidate.name for candidate in (*ordered, *behind))
    return Route(policy=policy, order=names, reason=reason, complexity=situation.complexity)


def strong_ones(candidates: Sequence[Candidate], names: Sequence[str]) -> frozenset[str]:
    """The names of the strong targets: those `names`, else those whose price is above the middle, by its logarithm, of all prices.

    Empty where nothing tells them apart.
    """
    if names:
        return frozenset(names).intersection(candidate.name for candidate in candidates)
    prices = {candidate.name: candidate.price for candidate in candidates if candidate.price is not None}
    least, most = min(prices.values(), default=Decimal(0)), max(prices.values(), default=Decimal(0))
    if most <= least * Decimal(STRONGER):
        return frozenset()
    return frozenset(name for name, price in prices.items() if price * price >= least * most and price > least)


def _priority(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    return [*candidates], "as written"


def _cost(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    kept = [one for one in candidates if one.free is not None and not _spends(one, situation)]
    ordered = sorted([one for one in candidates if one not in kept], key=_due)
    ordered[1:1] = kept  # should the cheapest fail, they are there before dearer ones
    first = ordered[0]
    if first.free_within is not None:
        reason = f"{first.name} is free within {first.free_within} requests a day, else {_dollars(first.cost)}: its tier is not set, free is assumed"
    elif _due(first)[0] == 0:
        reason = f"{first.name} is free"
    elif first.cost is None:
        reason = "no price is known: as written"
    else:
        reason = f"{first.name} is expected to cost least, {_dollars(first.cost)}"
    if kept and first not in kept:
        reason += f"; the free quota of {', '.join(one.name for one in kept)} is kept for dearer requests"
    return ordered, reason


def _dollars(cost: Decimal | None) -> str:
    return "an unknown price" if cost is None else f"${cost:.6f}"


def _due(candidate: Candidate) -> tuple[int, Decimal]:
    """What a candidate is sorted by: free, paid, unknown."""
    if candidate.free is not None or candidate.cost == 0:
        return 0, Decimal(0)
    return (2, Decimal(0)) if candidate.cost is None else (1, candidate.cost)


def _spends(candidate: Candidate, situation: Situation) -> bool:
    """Whether this request is dear enough for what is left of a free quota.

    A free request is worth what it would have cost elsewhere. With quota for half of the requests to come, it goes to the dearer half.
    """
    return candidate.free is not None and situation.dearness >= 1.0 - candidate.free


def _latency(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    new = [candidate for candidate in candidates if candidate.seconds is None]
    known = sorted([one for one in candidates if one.seconds is not None], key=lambda one: one.seconds or 0.0)
    if new:
        return [*new, *known], f"{new[0].name} has not been measured yet"
    best = known[0].seconds or 0.0
    near = [candidate for candidate in candidates if (candidate.seconds or 0.0) * SAME <= best]
    ordered = near + [candidate for candidate in known if candidate not in near]
    reason = f"{ordered[0].name} usually speaks after {ordered[0].seconds:.2f} s"
    if situation.draw < EXPLORE and len(ordered) > 1:
        place = 1 + int(situation.draw / EXPLORE * (len(ordered) - 1))
        reason = f"{ordered[place].name} is measured again"
        ordered.insert(0, ordered.pop(place))
    return ordered, reason


def _smart(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    strong = strong_ones(candidates, situation.strong)
    if not strong:
        return [*candidates], "no target is known to be stronger than another: as written"
    threshold = 1.0 - situation.strong_share
    if situation.complexity is None:
        value = "complexity unknown"
        if situation.unknown == "middle":
            ordered = _middle_first(candidates)
            return ordered, f"{value}: {ordered[0].name} is of middle price"
        value, hard = f"{value}, taken as {situation.unknown}", situation.unknown == "hard"
    else:
        hard = situation.complexity >= threshold
        value = (
            f"complexity {situation.complexity:.2f}, {threshold:.2f} or more"
            if hard
            else (f"complexity {situation.complexity:.2f}, below {threshold:.2f}")
        )
    if not hard:
        ordered, why = _cost(candidates, situation)
        return ordered, f"{value}: {why}"
    first = [candidate for candidate in candidates if candidate.name in strong]
    rest = [candidate for candidate in candidates if candidate.name not in strong]
    rest.sort(key=lambda candidate: candidate.price or Decimal(0), reverse=True)
    return (
        first + rest,
        f"{value}: strong targets first ({', '.join(one.name for one in first)})",
    )


def _middle_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The target of middle price, of two the cheaper one, then the others as written. Without two known prices, as written."""
    priced = sorted((one for one in candidates if one.price is not None), key=lambda one: one.price or Decimal(0))
    if len(priced) < 2:
        return [*candidates]
    middle = priced[(len(priced) - 1) // 2]
    return [middle, *(one for one in candidates if one is not middle)]


def _weights(candidates: Sequence[Candidate], situation: Situation) -> Ordered:
    def rank(candidate: Candidate) -> float:
        """Exponential waiting times: the least of them falls to each with a probability in proportion to its weight."""
        return -log(max(candidate.draw, 1e-300)) / candidate.weight if candidate.weight > 0 else inf

    return sorted(candidates, key=rank), "drawn by weight"


POLICIES: Mapping[str, Ordering] = MappingProxyType(
    {"priority": _priority, "cost": _cost, "latency": _latency, "smart": _smart, "weights": _weights}
)
