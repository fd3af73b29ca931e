"""Every dialect by its name: Segue's and those of plug-ins. A codec is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

import msgspec

from segue import plugins
from segue.errors import ConfigurationError
from segue.wire.addresses import PUBLIC
from segue.wire.codec import IngressCodec, UpstreamCodec

DIALECTS: Final = ("openai_chat", "openai_responses", "claude", "gemini")
"""Segue's own."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect of a plug-in.

    `upstream` makes the client side. `ingress` makes the server side, which the gateway offers at `paths`, e.g. `("/v1/ask",)`; None:
    the dialect is for providers only.
    """

    upstream: Callable[[], UpstreamCodec]
    ingress: Callable[[], IngressCodec] | None = None
    paths: tuple[str, ...] = ()


def register(name: str, dialect: Dialect) -> None:
    """Adds a dialect to this process. Targets use it by `dialect = "name"`. Raises `ConfigurationError` for a name that can't be used."""
    if name in DIALECTS:
        raise ConfigurationError(f"{name!r} is one of Segue's own dialects: choose another name")
    plugins.register("dialects", name, dialect)
    _upstreams.pop(name, None)
    _ingresses.pop(name, None)


def known(name: str) -> bool:
    """Whether there is such a dialect."""
    return name in DIALECTS or plugins.find("dialects", name) is not None


def all_names() -> tuple[str, ...]:
    """Segue's own dialects, then those of plug-ins."""
    return (*DIALECTS, *plugins.names("dialects"))


def paths() -> dict[str, str]:
    """The gateway's paths of plug-ins, each with its dialect."""
    return {path: name for name in plugins.names("dialects") for path in _plugin(name).paths}


def upstream(dialect: str) -> UpstreamCodec:
    """The client side of a dialect. Raises `ConfigurationError` for an unknown name."""
    if (codec := _upstreams.get(dialect)) is None:
        if dialect in DIALECTS:
            codec = import_module(f"segue.wire.{dialect}.upstream.codec").Upstream()
        else:
            codec = _plugin(dialect).upstream()
        _upstreams[dialect] = codec
    return codec


def ingress(dialect: str) -> IngressCodec:
    """The server side of a dialect. Raises `ConfigurationError` for an unknown name, and for a dialect without one."""
    if (codec := _ingresses.get(dialect)) is None:
        if dialect in DIALECTS:
            codec = import_module(f"segue.wire.{dialect}.ingress.codec").Ingress()
        elif (make := _plugin(dialect).ingress) is not None:
            codec = make()
        else:
            raise ConfigurationError(f"the dialect {dialect!r} has no server side")
        _ingresses[dialect] = codec
    return codec


def base_url(dialect: str) -> str:
    """The public address of a dialect's provider. Raises `ConfigurationError` for an unknown name."""
    return PUBLIC[dialect] if dialect in PUBLIC else upstream(dialect).base_url


def _plugin(name: str) -> Dialect:
    found = plugins.find("dialects", name)
    if not isinstance(found, Dialect):
        wrong = f"unknown dialect {name!r}" if found is None else f"the plug-in {name!r} is not a segue.ext.Dialect"
        raise ConfigurationError(f"{wrong}: use one of {', '.join(all_names())}")
    return found


_upstreams: Final[dict[str, UpstreamCodec]] = {}
_ingresses: Final[dict[str, IngressCodec]] = {}
