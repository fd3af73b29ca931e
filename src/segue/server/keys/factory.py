"""The key ring of the settings: in MongoDB where it is set, else in a file."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from segue.errors import ConfigurationError
from segue.server.keys.sqlite import FileKeyRing, keys_path
from segue.server.keys.store import KeyRing
from segue.settings import Settings


def keyring_of(settings: Settings) -> KeyRing:
    """Raises `ConfigurationError` for an invalid `MONGODB_URL`, and if PyMongo is missing."""
    if not settings.mongodb_url:
        return FileKeyRing(keys_path(settings))
    mongodb = import_module("segue.server.keys.mongodb")  # PyMongo is an extra, and its import takes 0.1 s
    ring: KeyRing = mongodb.MongoKeyRing(settings.mongodb_url)
    return ring


def how_to_have_one(settings: Settings) -> str:
    """What to do if there is no key, for a message."""
    hint = "make one with `segue keys create NAME`"
    if settings.mongodb_url:
        file = FileKeyRing(keys_path(settings))
        with suppress(ConfigurationError):
            if left := sum(key.revoked is None for key in file.listed()):
                hint += f", or copy the {left} in {file.path}, which are no longer used, with `segue keys copy`"
    return hint
