"""Who may ask for what: a key's validity, its models, its rate and its daily budget.

What a request is refused for, in this order, and never counted then:

    401 invalid_api_key       no key, an unknown or a revoked one
    403 model_not_allowed     the key may not ask for that model
    429 insufficient_quota    what the key spent today (UTC), with what its running requests will cost, has reached its budget
    429 rate_limit_exceeded   as many requests as the key may make were admitted in the last 60 s

The rate is counted by each process for itself; spending is shared by the processes of a machine (see `spending`). A budget is reached
by the request that crosses it: what is running then is answered to its end.
"""

from __future__ import annotations

from typing import Final

from segue.catalog.prices import Overrides
from segue.errors import InvalidRequestError
from segue.failover.listener import AttemptEnd, AttemptStart
from segue.health.minute import MinuteLog
from segue.server.keys import Key, KeyRing
from segue.server.selection import AUTO
from segue.server.spending import Spending

DAY: Final = 86400.0
SETTLING: Final = 5.0
"""Seconds to wait where only what is still running holds the rest of a budget: much of it will come free."""


class Gatekeeper:
    """Admits requests by the keys of `ring`; among the engine's listeners, it also sees what they cost.

    Attempts are booked on the key whose id is in their metadata as `key`; simulated ones cost nothing. `overrides` are the settings'
    prices. `close` writes what was spent last; the end of the process does so too.
    """

    def __init__(self, ring: KeyRing, *, overrides: Overrides | None = None, spending: Spending | None = None) -> None:
        self._ring = ring
        self._spending = spending or Spending(ring.path, overrides=overrides)
        self._minutes: dict[str, MinuteLog] = {}

    def identify(self, presented: str) -> str:
        """The id of the key that was presented. Raises `InvalidRequestError` (401)."""
        if (key := self._ring.find(presented)) is None:
            raise _unknown(presented)
        return key.id

    def admit(self, id: str, model: str, *, now: float, wall: float) -> None:
        """Lets a request for `model` pass and counts it. `now` is monotonic, `wall` epoch seconds.

        Raises `InvalidRequestError`: 401 for a key that was revoked meanwhile, 403 or 429.
        """
        key = self._ring.key(id)
        if key is None or key.revoked is not None:
            raise _unknown(id)
        _check_model(key, model)
        if key.daily_budget is not None:
            self._check_budget(key, wall)
        if key.rate is not None:
            self._count(key, key.rate, now)

    def _check_budget(self, key: Key, wall: float) -> None:
        spent, held = self._spending.total(key.id, wall)
        budget = key.daily_budget
        if budget is None or spent + held < budget:
            return
        if spent < budget:
            why, wait = f"${spent:f} is spent, and running requests may cost ${held:f}", SETTLING
        else:
            why, wait = f"${spent:f} is spent; it begins anew at midnight UTC", DAY - wall % DAY
        raise InvalidRequestError(
            f"the key {key.name!r} has a budget of ${budget:f} a day: {why}",
            status=429,
            code="insufficient_quota",
            retry_after=wait,
        )

    def _count(self, key: Key, rate: int, now: float) -> None:
        minute = self._minutes.get(key.id)
        if minute is None:
            minute = self._minutes[key.id] = MinuteLog()
        requests, _ = minute.used(now)
        if requests >= rate:
            raise InvalidRequestError(
                f"the key {key.name!r} may make {rate} requests a minute",
                status=429,
                code="rate_limit_exceeded",
                retry_after=minute.requests_leave_at(requests - rate + 1) - now,
            )
        minute.add(now, 0)

    # A listener of the engine.

    def attempt_started(self, start: AttemptStart) -> None:
        key = self._ring.key(start.metadata.get("key", "")) if not start.target.simulated else None
        if key is not None and key.daily_budget is not None:
            self._spending.hold(key.id, start)

    def attempt_ended(self, end: AttemptEnd) -> None:
        self._spending.book(end)

    def close(self) -> None:
        self._spending.close()


def _unknown(presented: str) -> InvalidRequestError:
    said = (
        "the API key is not known here, or was revoked: `segue keys list` shows which there are"
        if presented
        else "an API key is needed: send it as Authorization: Bearer, x-api-key or x-goog-api-key"
    )
    return InvalidRequestError(said, status=401, code="invalid_api_key")


def _check_model(key: Key, asked: str) -> None:
    """What counts is the model asked for, as it is written; whoever answers in its place is the chain's matter."""
    if key.models and (word := _plain(asked)) not in map(_plain, key.models):
        raise InvalidRequestError(
            f"the key {key.name!r} may not ask for {word!r}: use {' or '.join(key.models)}",
            param="model",
            status=403,
            code="model_not_allowed",
        )


def _plain(model: str) -> str:
    word = model.strip().removeprefix("models/")
    return "auto" if word in AUTO else word
