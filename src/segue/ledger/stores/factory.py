"""Which books are meant: by path, by URL, or the ones of this user."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from segue import plugins
from segue.errors import ConfigurationError
from segue.ledger.store import LedgerStore
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.settings import Settings

if TYPE_CHECKING:
    from segue.ledger.stores.outbox import OutboxStore

Opener: TypeAlias = Callable[[str], LedgerStore]
"""Opens the store at a URL, for a whole process. Raises `ConfigurationError` for a URL that is wrong; does no I/O that can fail later."""

logger = logging.getLogger("segue.ledger")

FILE_NAME = "ledger.sqlite3"


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """`$SEGUE_HOME/ledger.sqlite3`, else `$XDG_DATA_HOME/segue/ledger.sqlite3`, else the same under `~/.local/share`.

    Raises `ConfigurationError` where there is no home directory. A relative `XDG_DATA_HOME` is ignored, as its specification asks.
    """
    if home := environ.get("SEGUE_HOME"):
        return Path(home).expanduser() / FILE_NAME
    data_home = Path(environ.get("XDG_DATA_HOME", ""))
    if not data_home.is_absolute():
        try:
            data_home = Path.home() / ".local" / "share"
        except RuntimeError as error:
            raise ConfigurationError(
                "there is no home directory for the ledger: set SEGUE_HOME to a directory"
            ) from error
    return data_home / "segue" / FILE_NAME


def open_store(where: str | os.PathLike[str] | None = None) -> LedgerStore:
    """A store of the caller's own: None is `default_path()`, "none" and ":memory:" are memory, else a path, `sqlite:///path`, or a URL
    whose scheme names a plug-in.

    Raises `ConfigurationError` for any other URL. No file is opened or made yet: that is the writer's work, see `stores.sqlite`.
    """
    if (opener := _plugin(where)) is not None:
        return opener(os.fspath(where or ""))
    path = place_of(where)
    return MemoryStore() if path is None else SqliteStore(path)


def shared_store(where: str | os.PathLike[str] | None = None) -> LedgerStore:
    """Like `open_store`, but one store for all in this process who ask for the same place.

    Don't close it before the process ends: a closed one is replaced by a new one for later callers.
    """
    if (opener := _plugin(where)) is not None:
        with _lock:
            url = os.fspath(where or "")
            return _plugged.get(url) or _plugged.setdefault(url, opener(url))
    path = place_of(where)
    with _lock:
        if path is None:
            memory = _in_memory[-1]
            if memory.closed:
                memory = _in_memory[-1] = MemoryStore()
            return memory
        store = _shared.get(path)
        if store is None or store.closed:
            store = _shared[path] = SqliteStore(path)
        return store


def ledger_of(settings: Settings) -> LedgerStore:
    """The ledger that the settings name: in MongoDB where there is a `MONGODB_URL`, with the file as its outbox; shared like `shared_store`.

    A ledger that is switched off ("none") is switched off with MongoDB too. Raises `ConfigurationError` for a URL that is none, and
    where PyMongo is missing.
    """
    local = shared_store(settings.ledger)
    _check_days(settings, local)
    if not settings.mongodb_url or not isinstance(local, SqliteStore):
        if isinstance(local, SqliteStore) and settings.ledger_days is not None:
            local.keep(settings.ledger_days)
        return local
    import_module("segue.ledger.stores.mongodb_connection")  # which says so where PyMongo is missing
    outbox = import_module("segue.ledger.stores.outbox")  # PyMongo is an extra, and its import takes 0.1 s
    place = local.path, settings.mongodb_url
    with _lock:
        store = _outboxes.get(place)
        if store is None or store.closed:
            store = outbox.OutboxStore(local, settings.mongodb_url, ttl_days=settings.mongodb_ttl_days)
            _outboxes[place] = store
        return store


def _check_days(settings: Settings, local: LedgerStore) -> None:
    """Logs which setting of how long attempts are kept has no effect. The one is never taken for the other: in MongoDB no sums stay."""
    in_mongodb = bool(settings.mongodb_url) and isinstance(local, SqliteStore)
    if settings.ledger_days is not None and in_mongodb and settings.mongodb_ttl_days is None:
        _warn(
            "SEGUE_LEDGER_DAYS (ledger_days) does not apply to a ledger in MongoDB, which keeps every attempt: set MONGODB_TTL_DAYS "
            "to have attempts leave it, without their sums; or unset SEGUE_LEDGER_DAYS"
        )
    elif settings.ledger_days is not None and not isinstance(local, SqliteStore):
        _warn(
            f"SEGUE_LEDGER_DAYS (ledger_days) does not apply to the ledger {local.status().location}: only to a SQLite file"
        )
    if settings.mongodb_ttl_days is not None and not in_mongodb:
        _warn(
            "MONGODB_TTL_DAYS (mongodb_ttl_days) has no effect, because the ledger is not in MongoDB: set MONGODB_URL, or "
            "SEGUE_LEDGER_DAYS for a ledger in a file"
        )


def _warn(message: str) -> None:
    """Once in a process: the ledger is opened by each client."""
    if message not in _warned:
        _warned.add(message)
        logger.warning("%s", message)


def register(scheme: str, opener: Opener) -> None:
    """Adds a kind of store to this process: `SEGUE_LEDGER=scheme://…` opens it. Raises `ConfigurationError` for a scheme that can't be used."""
    if scheme in ("sqlite", "mongodb"):
        raise ConfigurationError(f"{scheme}:// is one of Segue's own stores: choose another scheme")
    plugins.register("stores", scheme, opener)


def _plugin(where: str | os.PathLike[str] | None) -> Opener | None:
    scheme, separator, _ = os.fspath(where or "").partition("://")
    if not separator or scheme == "sqlite":
        return None
    opener: Opener | None = plugins.find("stores", scheme)
    return opener


def place_of(where: str | os.PathLike[str] | None) -> Path | None:
    """The file that is meant, see `open_store`; None for memory. With a plug-in's store it is the default one: what else a process keeps,
    such as budgets, is beside it."""
    if where is None or _plugin(where) is not None:
        return default_path().absolute()
    text = os.fspath(where)
    if text in ("none", ":memory:"):
        return None
    scheme, separator, rest = text.partition("://")
    if separator and scheme != "sqlite":
        others = "".join(f", {name}://…" for name in plugins.names("stores"))
        raise ConfigurationError(
            f"a ledger can't be kept at {scheme}://…: use a file's path, sqlite:///path{others} or none; for MongoDB set "
            "MONGODB_URL"
        )
    path = rest if separator else text
    if not path:
        raise ConfigurationError("the ledger's path is empty: use a file's path, sqlite:///path or none")
    return Path(path).expanduser().absolute()


_in_memory = [MemoryStore()]
_shared: dict[Path, SqliteStore] = {}
_plugged: dict[str, LedgerStore] = {}
_outboxes: dict[tuple[Path, Secret], OutboxStore] = {}
_warned: set[str] = set()
_lock = threading.Lock()
