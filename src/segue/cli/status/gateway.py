"""How the targets stand at a gateway, asked of its `/health/ready`."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Container
from typing import Final

import msgspec

from segue.errors import ConfigurationError
from segue.monitoring.overview import TargetView

ASK_WAIT: Final = 5.0
"""Seconds for a gateway to tell how its targets stand."""


class _Asked(msgspec.Struct):
    """What of a gateway's `/health/ready` is shown."""

    class _Target(msgspec.Struct):
        target: str
        model: str
        state: str
        reason: str = ""
        recovers_in: float | None = None

    targets: list[_Target]


def ask(url: str, seen: Container[tuple[str, bool]]) -> list[TargetView]:
    """How the targets stand by their gateway's own word. One that only stand-ins were `seen` to answer for is one of these.

    Raises `ConfigurationError` where no gateway answers there.
    """
    address = f"{url.rstrip('/').removesuffix('/v1')}/health/ready"
    if not address.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url {url} is no address: it must begin with http:// or https://")
    try:
        try:
            with urllib.request.urlopen(address, timeout=ASK_WAIT) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:  # which is a gateway that can't answer, and says why
                raise
            body = error.read()
        document = msgspec.json.decode(body, type=_Asked)
    except (OSError, msgspec.DecodeError) as error:
        why = getattr(error, "reason", None) or error
        why = getattr(why, "strerror", None) or why
        raise ConfigurationError(
            f"no gateway tells at {address} how its targets stand: {why}; start one with `segue serve`, or correct --url"
        ) from error
    return [
        TargetView(
            **msgspec.structs.asdict(target),
            simulated=(target.target, True) in seen and (target.target, False) not in seen,
        )
        for target in document.targets
    ]
