"""The gateway's own keys, which programs present instead of a provider's.

A key's secret is shown once, when it is made; what is kept is its SHA-256. A fast hash is right here: 32 random bytes can't be
guessed, so there is nothing for a slow one to slow down, and every request is checked. What is presented is looked up by a part of its
hash and compared in constant time; the hash of a guess tells nothing of how near the guess was.

A `KeyRing` keeps them, in a file (`keyfile`) or in MongoDB (`keys_mongodb`); `keyrings` says which the settings mean.
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
"""What a key is for: to ask models; to read metrics and history, which tell everybody's costs; or both."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. Its `id` is public.

    `rate` is in requests a minute, `daily_budget` in US dollars a day, None is no limit; `models` are what it may ask for, all if
    empty. `created` and `revoked` are epoch seconds.
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
    """Keys, for one process of several. `place` is how people call where they are; `wall` is epoch seconds.

    Keeping keys (`create`, `listed`, `revoke`, `adopt`) waits for the place they are kept in, and raises `ConfigurationError` where it can't be
    used. Asking for them (`find`, `key`) is answered from memory, in an event loop too. How soon a key counts that was made or revoked by
    another process is said by each kind.
    """

    def __init__(self, place: str, wall: Callable[[], float] = time.time) -> None:
        self.place = place
        self._wall = wall
        self._by_id: dict[str, Key] = {}
        self._by_hash: dict[bytes, list[Hashed]] = {}

    # Keeping keys: for the command line.

    def create(
        self,
        name: str,
        *,
        rate: int | None = None,
        daily_budget: Decimal | None = None,
        models: Sequence[str] = (),
        scope: Scope = "calls",
    ) -> tuple[Key, Secret]:
        """Makes a key; the secret can't be had again. Raises `ConfigurationError` also for a limit that is none."""
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
        """Ends a key for good; once more is no mistake. Raises `ConfigurationError` for an unknown id, and says what there is."""
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
        """Takes over another ring's keys, which go on to work with the secrets they have, and its revocations; says how many keys were new."""
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

    # Asking for keys: for the gateway.

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
        """What whoever serves calls first: the keys there are, or None if that can't be known yet."""

    @property
    def readable(self) -> bool:
        """Whether it is known which keys there are."""
        return True

    @abc.abstractmethod
    def close(self) -> None:
        """Ends what `watch` began."""

    def _take(self, rows: Iterable[Hashed]) -> None:
        """These are the keys from now on."""
        by_id, by_hash = {}, dict[bytes, list[Hashed]]()
        for digest, key in rows:
            by_id[key.id] = key
            if key.revoked is None:
                by_hash.setdefault(digest[:_BUCKET], []).append((digest, key))
        self._by_id, self._by_hash = by_id, by_hash

    # What each kind does in its own way.

    @abc.abstractmethod
    def _add(self, key: Key, digest: bytes) -> None: ...

    @abc.abstractmethod
    def _end(self, id: str, moment: float) -> None:
        """Revokes a key that is not revoked."""

    @abc.abstractmethod
    def _rows(self) -> list[Hashed]:
        """All keys, the oldest first."""

    @abc.abstractmethod
    def _changed(self) -> None:
        """This process made or revoked a key: it counts at once."""

    @abc.abstractmethod
    def _refresh(self) -> None:
        """Somebody asks: what is known must be fresh enough, or an `InvalidRequestError` be raised."""

    @abc.abstractmethod
    def _explained(self) -> AbstractContextManager[None]:
        """Raises what goes wrong as `ConfigurationError`."""


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
