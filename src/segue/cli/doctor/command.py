"""`segue doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import click

from segue.cli.exit_status import FAILED, guarded
from segue.cli.number import Number


@click.command()
@click.option(
    "--timeout", type=Number(min=0.01), default=5.0, help="Seconds to wait for each provider; all are asked at once."
)
@click.option("--offline", is_flag=True, help="Use no network.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def doctor(timeout: float, offline: bool, as_json: bool) -> None:
    """Find what is wrong, and say what to do about it.

    Looked at are settings, keys, providers, models' lives, clock, proxies and books. Costs nothing: providers are asked for their list of models. Ends with status 1 if something is at fault.
    """
    from segue.cli.doctor.report import examine, report

    checks = examine(timeout=None if offline else timeout)
    report(checks, as_json=as_json)
    if any(check.state == "fault" for check in checks):
        raise click.exceptions.Exit(FAILED)
