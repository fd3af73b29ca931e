"""Every dialect by its name. A codec is loaded when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from segue.errors import ConfigurationError
from segue.wire.codec import IngressCodec, UpstreamCodec

DIALECTS = ("openai_chat", "openai_responses", "claude", "gemini")


@cache
def upstream(dialect: str) -> UpstreamCodec:
    """The client side of a dialect. Raises `ConfigurationError` for an unknown name."""
    _check(dialect)
    codec: UpstreamCodec = import_module(f"segue.wire.{dialect}.upstream.codec").Upstream()
    return codec


@cache
def ingress(dialect: str) -> IngressCodec:
    """The server side of a dialect. Raises `ConfigurationError` for an unknown name."""
    _check(dialect)
    codec: IngressCodec = import_module(f"segue.wire.{dialect}.ingress.codec").Ingress()
    return codec


def _check(dialect: str) -> None:
    if dialect not in DIALECTS:
        raise ConfigurationError(f"unknown dialect {dialect!r}: use one of {', '.join(DIALECTS)}")
