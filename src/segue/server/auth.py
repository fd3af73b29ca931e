"""Authorization of requests: a key's validity, its models, its rate and its daily budget.

A request is refused, checked in this order, with

    401 invalid_api_key       no key, an unknown or a revoked one
    403 scope_missing         the key lacks this scope: see `Scope`
    403 model_not_allowed     the key may not use that model
    429 rate_limit_exceeded   the key's requests a minute were used up in the last 60 s
    429 insufficient_quota    the key's daily budget has less left than the request may cost: see `budgets`
    503 keys_unavailable      the keys can't be read: see `keys.mongodb`

The rate is counted by each process for itself; budgets are shared.
"""

from __future__ import annotations

from segue.budgets.lease import Budget
from segue.errors import InvalidRequestError
from segue.health.minute import MinuteLog
from segue.ledger.stores.money import to_pico
from segue.server.keys.store import Key, KeyRing, Scope, budget_of
from segue.server.model_selection import AUTO, plain_name


class Gatekeeper:
    """Admits requests by the keys of `ring`."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._minutes: dict[str, MinuteLog] = {}

    @property
    def obstacle(self) -> str:
        """Why no key can be checked just now, usually ""."""
        return "" if self._ring.readable else f"the keys in {self._ring.place} can't be read"

    def identify(self, presented: str, scope: Scope = "calls") -> str:
        """The id of the key that was presented, if it is for `scope`. Raises `InvalidRequestError`: 401, 403 or 503."""
        if (key := self._ring.find(presented)) is None:
            raise _unknown(presented)
        if not key.may(scope):
            raise InvalidRequestError(
                f"the key {key.name!r} is for {key.scope}, not for {scope}: ask the operator of this gateway for one that is",
                status=403,
                code="scope_missing",
            )
        return key.id

    def find(self, presented: str) -> Key | None:
        """The key that was presented, whatever it is for; None if it is unknown or was revoked."""
        return self._ring.find(presented)

    def listed(self) -> tuple[Key, ...]:
        """All keys, revoked ones too, the oldest first. Waits for the place they are kept in."""
        return self._ring.listed()

    def allows(self, id: str, model: str) -> bool:
        """Whether the key may use that model, and so may see it in lists."""
        key = self._ring.key(id)
        return key is None or not key.models or _plain(model) in map(_plain, key.models)

    def admit(self, id: str, model: str, *, now: float) -> tuple[Budget, ...]:
        """Admits a request for `model` and counts it; returns the budget it must stay within, if the key has one. `now` is monotonic.

        Raises `InvalidRequestError`: 401 for a key that was revoked meanwhile, 403 or 429.
        """
        key = self._ring.key(id)
        if key is None or key.revoked is not None:
            raise _unknown(id)
        _check_model(key, model)
        if key.rate is not None:
            self._count(key, key.rate, now)
        if key.daily_budget is None:
            return ()
        return (Budget(name=budget_of(key), pico=to_pico(key.daily_budget), label=f"the key {key.name!r}"),)

    def close(self) -> None:
        self._ring.close()

    def _count(self, key: Key, rate: int, now: float) -> None:
        minute = self._minutes.get(key.id)
        if minute is None:
            minute = self._minutes[key.id] = MinuteLog()
        requests, _ = minute.used(now)
        if requests >= rate:
            raise InvalidRequestError(
                f"the key {key.name!r} may make {rate} requests a minute: wait as long as Retry-After says",
                status=429,
                code="rate_limit_exceeded",
                retry_after=minute.requests_leave_at(requests - rate + 1) - now,
            )
        minute.add(now, 0)


def _unknown(presented: str) -> InvalidRequestError:
    message = (
        "the API key is unknown or was revoked: ask the operator of this gateway for another one"
        if presented
        else "an API key is needed: send it as Authorization: Bearer, x-api-key, x-goog-api-key or api-key"
    )
    return InvalidRequestError(message, status=401, code="invalid_api_key")


def _check_model(key: Key, asked: str) -> None:
    """The requested name decides; the chain may answer with another model."""
    if key.models and (word := _plain(asked)) not in map(_plain, key.models):
        raise InvalidRequestError(
            f"the key {key.name!r} may not use {word!r}: use {' or '.join(key.models)}",
            param="model",
            status=403,
            code="model_not_allowed",
        )


def _plain(model: str) -> str:
    word = plain_name(model)
    return "auto" if word in AUTO else word
