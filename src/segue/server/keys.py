"""The gateway's own keys, which programs present instead of a provider's.

A key's secret is shown once, when it is made; the file has its SHA-256. A fast hash is right here: 32 random bytes can't be
guessed, so there is nothing for a slow one to slow down, and every request is checked. What is presented is looked up by a part of its
hash and compared in constant time; the hash of a guess tells nothing of how near the guess was.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from segue.errors import ConfigurationError
from segue.secret import Secret
from segue.server.keyfile import keys_path as keys_path
from segue.server.keyfile import open_for_writing, reading

logger = logging.getLogger("segue.server")

PREFIX: Final = "sk-segue-"
FRESH: Final = 1.0
"""Seconds after which it is looked whether another process made or revoked a key."""

_BUCKET: Final = 8
"""Bytes of a hash that keys are looked up by."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. Its `id` is public.

    `rate` is in requests a minute, `daily_budget` in US dollars a UTC day, None is no limit; `models` are what it may ask for, all if
    empty. `created` and `revoked` are epoch seconds.
    """

    id: str
    name: str
    rate: int | None = None
    daily_budget: Decimal | None = None
    models: tuple[str, ...] = ()
    created: float
    revoked: float | None = None


class KeyRing:
    """The keys in the file `path`, for one process of several. `clock` is monotonic, `wall` epoch seconds.

    `find` and `key` answer from memory, and look into the file at most once a second (`FRESH`), for a fraction of a millisecond:
    a key made or revoked elsewhere counts from then on. Should the file be unreadable, what was known stands.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._state: tuple[int, ...] = ()
        self._by_id: dict[str, Key] = {}
        self._by_hash: dict[bytes, list[tuple[bytes, Key]]] = {}
        self._troubled = False

    # Keeping keys: for the command line.

    def create(
        self,
        name: str,
        *,
        rate: int | None = None,
        daily_budget: Decimal | None = None,
        models: Sequence[str] = (),
    ) -> tuple[Key, Secret]:
        """Makes a key; the secret can't be had again. Raises `ConfigurationError` for a limit that is none, or an unusable file."""
        _check(name, rate, daily_budget, models)
        secret = PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id=f"key_{secrets.token_hex(6)}",
            name=name,
            rate=rate,
            daily_budget=daily_budget,
            models=tuple(models),
            created=self._wall(),
        )
        with self._explained(), contextlib.closing(open_for_writing(self.path)) as connection:
            connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _to_row(key, _hash(secret)))
        self._looked = None
        return key, Secret(secret)

    def listed(self) -> tuple[Key, ...]:
        """All keys, revoked ones too, the oldest first, as the file has them now. Raises `ConfigurationError` if it is unreadable."""
        with self._explained(), reading(self.path) as connection:
            return () if connection is None else tuple(key for _, key in _rows(connection))

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
        with self._explained(), contextlib.closing(open_for_writing(self.path)) as connection:
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (self._wall(), id))
        self._looked = None
        return next(key for key in self.listed() if key.id == id)

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

    def _refresh(self) -> None:
        if self._fresh():
            return
        with self._lock:
            if self._fresh():
                return
            try:
                with reading(self.path) as connection:
                    self._take(connection)
                self._troubled = False
            except (sqlite3.Error, OSError, msgspec.ValidationError) as error:
                if not self._troubled:
                    logger.error("the keys in %s can't be read, what was known of them stands: %s", self.path, error)
                self._troubled = True
            self._looked = self._clock()

    def _fresh(self) -> bool:
        looked = self._looked
        return looked is not None and self._clock() - looked < FRESH

    def _take(self, connection: sqlite3.Connection | None) -> None:
        """Reads the keys if any was made or revoked: no key is ever changed otherwise, or removed."""
        state: tuple[int, ...] = ()
        if connection is not None:
            counts = connection.execute("SELECT COUNT(*), COUNT(revoked) FROM keys").fetchone()
            state = (self.path.stat().st_ino, *counts)
        if state == self._state:
            return
        rows = [] if connection is None else list(_rows(connection))
        by_hash: dict[bytes, list[tuple[bytes, Key]]] = {}
        for digest, key in rows:
            if key.revoked is None:
                by_hash.setdefault(digest[:_BUCKET], []).append((digest, key))
        self._by_id, self._by_hash, self._state = {key.id: key for _, key in rows}, by_hash, state

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.ValidationError) as error:
            raise ConfigurationError(f"the keys in {self.path} can't be used: {error} (set SEGUE_KEYS)") from error


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[bytes, Key]]:
    fields = "id, name, rate, daily_budget, models, created, revoked"
    for digest, *values in connection.execute(f"SELECT hash, {fields} FROM keys ORDER BY created, id"):
        row: dict[str, Any] = dict(zip(fields.split(", "), values, strict=True))
        yield digest, msgspec.convert({**row, "models": msgspec.json.decode(row["models"])}, Key)


def _to_row(key: Key, digest: bytes) -> tuple[Any, ...]:
    budget = None if key.daily_budget is None else str(key.daily_budget)
    models = msgspec.json.encode(key.models).decode()
    return key.id, key.name, digest, key.rate, budget, models, key.created, key.revoked


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
