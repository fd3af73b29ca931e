"""The option `--break` of both commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

Broken = Annotated[
    list[str] | None,
    typer.Option(
        "--break",
        metavar="PROVIDER[=FAULT]",
        help="Breaks a provider, in the sandbox: local stand-ins answer, also where keys are set. May be repeated.",
    ),
]


def faults_of(broken: Iterable[str]) -> dict[str, str]:
    """Returns faults by provider, from `PROVIDER` or `PROVIDER=FAULT`; "" leaves the fault to the sandbox."""
    return {name.strip(): fault.strip() for name, _, fault in (item.partition("=") for item in broken)}
