"""The gateway's own keys, which programs present instead of a provider's.

A key's secret is shown once, when it is created; its SHA-256 is stored. A fast hash is right here: 32 random bytes
can't be guessed, so a slow one would protect nothing, and every request is checked. A secret is looked up by a part of its hash
and compared in constant time; the hash of a guess does not reveal how close the guess was.

A `KeyRing` stores them, in a file (`keys.sqlite`) or in MongoDB (`keys.mongodb`); `keys.factory` chooses by the settings.
"""

from __future__ import annotations

import abc
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from segue.errors import ConfigurationError
from segue.secret import Secret

PREFIX: Final = "sk-segue-"
_BUCKET: Final = 8
"""Bytes of a hash that keys are looked up by."""


Scope: TypeAlias = Literal["calls", "metrics", "admin"]
"""What a key may do: use models; read metrics and history, which show all callers' costs; or both."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. Its `id` is public.

    `rate` is in requests a minute, `daily_budget` in US dollars a day, None is no limit; `models` are those that it may use,
    all if empty. `created` and `revoked` are epoch seconds.
    """

    id: str
    name: str
    rate: int | None = None
    daily_budget: Decimal | None = None
    models: tuple[str, ...] = ()
    scope: Scope = "calls"
    created: float
    revoked: float | None = None

    def may(self, scope: Scope) -> bool:
        return self.scope in (scope, "admin")


def budget_of(key: Key) -> str:
    """The name of a key's budget, where budgets are shared."""
    return f"key:{key.id}"


Hashed: TypeAlias = tuple[bytes, Key]
"""A key and the hash of its secret."""


class KeyRing(abc.ABC):
    """The keys, for one process of several. `place` names where they are stored, for messages; `wall`

    is epoch seconds. Managing keys (`create`, `listed`, `revoke`, `adopt`) waits for the storage, and raises `ConfigurationError` if it
    can't be used. Looking them up (`find`, `key`) is answered from memory, in an event loop too. Each kind documents how soon a key that
    another process created or revoked takes effect.
    """

    def __init__(self, place: str, wall: Callable[[], float] = time.time) -> None:
        self.place = place
        self._wall = wall
        self._by_id: dict[str, Key] = {}
        self._by_hash: dict[bytes, list[Hashed]] = {}

    # Managing keys: for the command line.

    def create(
        self,
        name: str,
        *,
        rate: int | None = None,
        daily_budget: Decimal | None = None,
        models: Sequence[str] = (),
        scope: Scope = "calls",
    ) -> tuple[Key, Secret]:
        """Creates a key; the secret can't be shown again. Raises `ConfigurationError` also for an invalid limit."""
        _check(name, rate, daily_budget, models)
        if scope not in get_args(Scope):
            raise ConfigurationError(f"a key's scope can't be {scope!r}: use {', '.join(get_args(Scope))}")
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id=f"key_{secrets.token_hex(6)}",
            name=name,
            rate=rate,
            daily_budget=daily_budget,
            models=tuple(models),
            scope=scope,
            created=self._wall(),
        )
        with self._explained():
            self._add(key, _hash(secret))
            self._changed()
        return key, Secret(secret)

    def listed(self) -> tuple[Key, ...]:
        """All keys, revoked ones too, the oldest first, as they are now."""
        with self._explained():
            return tuple(key for _, key in self._rows())

    def revoke(self, id: str) -> Key:
        """Revokes a key permanently; repeating it is not an error. Raises `ConfigurationError` for an unknown id, and names the valid ones."""
        known = {key.id: key for key in self.listed()}
        if id not in known:
            there = ", ".join(f"{key.id} ({key.name})" for key in known.values() if key.revoked is None)
            raise ConfigurationError(
                f"there is no key {id!r}: {f'use one of {there}' if there else 'no key is in use'}"
            )
        if known[id].revoked is not None:
            return known[id]
        with self._explained():
            self._end(id, self._wall())
            self._changed()
        return next(key for key in self.listed() if key.id == id)

    def adopt(self, other: KeyRing) -> int:
        """Copies another ring's keys, which stay valid with the same secrets, and its revocations; returns how many keys were new."""
        known = {key.id: key for key in self.listed()}
        with other._explained():
            rows = other._rows()
        with self._explained():
            for digest, key in rows:
                if key.id not in known:
                    self._add(key, digest)
                elif key.revoked is not None and known[key.id].revoked is None:
                    self._end(key.id, key.revoked)
            self._changed()
        return sum(key.id not in known for _, key in rows)

    # Looking up keys: for the gateway.

    def find(self, presented: str) -> Key | None:
        """The key whose secret this is; None if there is none or it was revoked."""
        self._refresh()
        digest = _hash(presented)
        for known, key in self._by_hash.get(digest[:_BUCKET], ()):
            if hmac.compare_digest(known, digest):
                return key
        return None

    def key(self, id: str) -> Key | None:
        """The key of that id, revoked or not."""
        self._refresh()
        return self._by_id.get(id)

    @abc.abstractmethod
    def watch(self) -> tuple[Key, ...] | None:
        """To be called before serving: the existing keys, or None if they can't be read yet."""

    @property
    def readable(self) -> bool:
        """Whether the keys have been read."""
        return True

    @abc.abstractmethod
    def close(self) -> None:
        """Stops what `watch` started."""

    def _take(self, rows: Iterable[Hashed]) -> None:
        """Replaces the keys."""
        by_id, by_hash = {}, dict[bytes, list[Hashed]]()
        for digest, key in rows:
            by_id[key.id] = key
            if key.revoked is None:
                by_hash.setdefault(digest[:_BUCKET], []).append((digest, key))
        self._by_id, self._by_hash = by_id, by_hash

    # For each kind to implement.

    @abc.abstractmethod
    def _add(self, key: Key, digest: bytes) -> None: ...

    @abc.abstractmethod
    def _end(self, id: str, moment: float) -> None:
        """Revokes a key that is not revoked yet."""

    @abc.abstractmethod
    def _rows(self) -> list[Hashed]:
        """All keys, the oldest first."""

    @abc.abstractmethod
    def _changed(self) -> None:
        """This process created or revoked a key: it takes effect immediately."""

    @abc.abstractmethod
    def _refresh(self) -> None:
        """Called before a look-up: raises `InvalidRequestError` if the known keys are too old."""

    @abc.abstractmethod
    def _explained(self) -> AbstractContextManager[None]:
        """Raises errors of the storage as `ConfigurationError`."""


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _check(name: str, rate: int | None, daily_budget: Decimal | None, models: Sequence[str]) -> None:
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise ConfigurationError("a key's name must be 1 to 100 printable characters")
    if rate is not None and not 1 <= rate <= 1_000_000:
        raise ConfigurationError(f"a key's rate can't be {rate}: use 1 to 1000000 requests a minute, or leave it out")
    if daily_budget is not None and not (daily_budget.is_finite() and 0 < daily_budget <= 1_000_000):
        raise ConfigurationError(
            f"a key's daily budget can't be {daily_budget}: use US dollars, more than 0 and up to 1000000, or leave it out"
        )
    if not all(model.strip() == model != "" and model.isprintable() for model in models):
        raise ConfigurationError(
            "a key's models must be names without spaces around them, such as auto or openai/gpt-6-luna"
        )
