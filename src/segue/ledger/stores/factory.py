"""Which books are meant: by path, by URL, or the ones of this user."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import ConfigurationError
from segue.ledger.store import LedgerStore
from segue.ledger.stores.memory import MemoryStore
from segue.ledger.stores.sqlite import SqliteStore
from segue.secret import Secret
from segue.settings import Settings

if TYPE_CHECKING:
    from segue.ledger.outbox import OutboxStore

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
    """A store of the caller's own: None is `default_path()`, "none" and ":memory:" are memory, else a path or `sqlite:///path`.

    Raises `ConfigurationError` for any other URL. No file is opened or made yet: that is the writer's work, see `stores.sqlite`.
    """
    path = place_of(where)
    return MemoryStore() if path is None else SqliteStore(path)


def shared_store(where: str | os.PathLike[str] | None = None) -> LedgerStore:
    """Like `open_store`, but one store for all in this process who ask for the same place.

    Nobody should close it before the process ends; who does, has it replaced by a new one for those who ask later.
    """
    path = place_of(where)
    with _lock:
        if path is None:
            return _memory
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
    if not settings.mongodb_url or not isinstance(local, SqliteStore):
        return local
    import_module("segue.ledger.stores.mongodb_connection")  # which says so where PyMongo is missing
    outbox = import_module("segue.ledger.outbox")  # PyMongo is an extra, and its import takes 0.1 s
    place = local.path, settings.mongodb_url
    with _lock:
        store = _outboxes.get(place)
        if store is None or store.closed:
            store = outbox.OutboxStore(local, settings.mongodb_url, ttl_days=settings.mongodb_ttl_days)
            _outboxes[place] = store
        return store


def place_of(where: str | os.PathLike[str] | None) -> Path | None:
    """The file that is meant, see `open_store`; None for memory."""
    if where is None:
        return default_path().absolute()
    text = os.fspath(where)
    if text in ("none", ":memory:"):
        return None
    scheme, separator, rest = text.partition("://")
    if separator and scheme != "sqlite":
        raise ConfigurationError(
            f"a ledger can't be kept at {scheme}://…: use a file's path, sqlite:///path or none; for MongoDB set MONGODB_URL"
        )
    path = rest if separator else text
    if not path:
        raise ConfigurationError("the ledger's path is empty: use a file's path, sqlite:///path or none")
    return Path(path).expanduser().absolute()


_memory = MemoryStore()
_shared: dict[Path, SqliteStore] = {}
_outboxes: dict[tuple[Path, Secret], OutboxStore] = {}
_lock = threading.Lock()
