"""All of the doctor's checks at once, and how they are shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module

from rich.text import Text

from segue.cli.display import console, table, write_json
from segue.cli.doctor.offline import (
    Checkup,
    check_ledger,
    check_life,
    check_price,
    check_proxies,
    check_quota,
    check_target,
    names_of,
)
from segue.cli.progress import waiting
from segue.errors import ConfigurationError
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load

_MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "warning": ("!", "yellow"), "fault": ("✗", "red")}


def examine(*, timeout: float | None) -> list[Checkup]:
    """Every check. `timeout` is in seconds for each target, all of them at once; with None nothing is asked over the network."""
    try:
        settings = load()
    except ConfigurationError as error:
        return [
            Checkup(
                about="settings",
                what="",
                state="fault",
                finding=str(error),
                advice="correct what it names, then ask again",
            )
        ]
    found = [Checkup(about="settings", what="", state="ok", finding=f"read; the chain is {' → '.join(settings.chain)}")]
    targets = []
    for name in names_of(settings):
        checks, target = check_target(name, settings)
        found += checks
        if target is not None:
            targets.append(target)
    today = datetime.now(UTC).date()
    for target in targets:
        found += [
            *check_life(target, today),
            *check_quota(target, settings, today),
            *check_price(target, settings, today),
        ]
    if not any(target.name in settings.chain for target in targets):
        value, advice = "no target of the chain can be asked", "set the key of at least one, e.g. GEMINI_API_KEY"
        found.append(Checkup(about="chain", what="", state="fault", finding=value, advice=advice))
    found += _on_this_machine(settings, timeout)
    if timeout is not None and targets:
        found += _asked(targets, timeout)
    return sorted(found, key=lambda check: _place(check, settings))


def _on_this_machine(settings: Settings, timeout: float | None) -> Iterator[Checkup]:
    yield from check_proxies(os.environ)
    yield check_ledger(settings)
    if settings.mongodb_url:
        yield _mongodb(settings, timeout)


def _asked(targets: Sequence[Target], timeout: float) -> list[Checkup]:
    from segue.cli.doctor.network import ask_all

    names = ", ".join(target.name for target in targets)
    with waiting(f"asking {names} for their models, {timeout:g} s at most …"):
        return ask_all(targets, timeout)


def _mongodb(settings: Settings, timeout: float | None) -> Checkup:
    """Never shows the URL, which may hold a password."""
    try:
        connection = import_module("segue.ledger.stores.mongodb_connection").shared_connection(settings.mongodb_url)
        if timeout is None:
            return Checkup(about="mongodb", what="database", state="note", finding="set, and not asked")
        try:
            connection.run(lambda db: db.command("ping"))
        finally:
            connection.close()
    except ConfigurationError as error:
        return Checkup(
            about="mongodb", what="database", state="fault", finding=str(error), advice="correct MONGODB_URL"
        )
    except Exception as error:
        message = f"can't be reached ({type(error).__name__}); what is booked waits in the ledger's file"
        advice = "look whether the server runs, and at MONGODB_URL"
        return Checkup(about="mongodb", what="database", state="fault", finding=message, advice=advice)
    return Checkup(about="mongodb", what="database", state="ok", finding="answers")


def _place(check: Checkup, settings: Settings) -> int:
    """The settings first, then the targets in their order, then the machine."""
    order = ["settings", "chain", *names_of(settings)]
    return order.index(check.about) if check.about in order else len(order)


def report(checks: Sequence[Checkup], *, as_json: bool) -> None:
    """Shows what was found."""
    faults = sum(check.state == "fault" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    if as_json:
        document = {"ok": not faults, "faults": faults, "warnings": warnings, "checks": checks}
        write_json(document)
        return
    shown = table("", "mark", "about", "what", "found", prose=("found",))
    about = ""
    for check in checks:
        mark, style = _MARKS[check.state]
        name, about = ("" if check.about == about else check.about), check.about
        value = Text(check.finding)
        if check.advice:
            value.append(f"\n→ {check.advice}", style=style)
        shown.add_row(Text(mark, style=style), name, check.what, value)
    shown.show_header = False
    console.print(shown)
    console.print(_verdict(faults, warnings), style="bold")


def _verdict(faults: int, warnings: int) -> str:
    if not faults and not warnings:
        return "All is well."
    counts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((faults, "fault"), (warnings, "warning")) if n]
    return ", ".join(counts)
