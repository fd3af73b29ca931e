"""`segue doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.exit_status import FAILED, guarded


@guarded
def doctor(
    timeout: Annotated[
        float, typer.Option(help="Seconds to wait for each provider; all are asked at once.", min=0.01)
    ] = 5.0,
    offline: Annotated[bool, typer.Option("--offline", help="Use no network.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Find what is wrong, and say what to do about it.

    Looked at are settings, keys, providers, models' lives, clock, proxies and books. Costs nothing: providers are asked for their list of models. Ends with status 1 if something is at fault.
    """
    from segue.cli.doctor.report import examine, report

    checks = examine(timeout=None if offline else timeout)
    report(checks, as_json=as_json)
    if any(check.state == "fault" for check in checks):
        raise typer.Exit(FAILED)
