"""What the ledger knows of the providers, read and shown: at this moment, and over time."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from rich.console import Console, Group, RenderableType
from rich.text import Text

from segue.budgets.admission import zone_of
from segue.cli.display import at_most, console, cost, label, notes, table, write_json
from segue.errors import ConfigurationError
from segue.health.target import HealthKeys
from segue.ledger.daily import Where
from segue.ledger.store import LedgerStore
from segue.ledger.stores.factory import ledger_of
from segue.monitoring.history import KEPT, Change, changes, hours
from segue.monitoring.hours import HourSummary, summary
from segue.monitoring.overview import Overview, Standing, TargetView, Traffic, failovers, standing, traffic
from segue.routing import resolve
from segue.settings import Settings
from segue.settings_loading import load

MOST: Final = 20_000
"""Attempts that are looked at, the latest."""
FAILOVERS: Final = 8
REST: Final = 4
"""Times as long as a look took, at least, until the next one: a large ledger takes a second to add up."""
REASON: Final = 70
"""Characters of a reason in a table."""

WAITS: Final = ("first content", "whole answer")

_STYLES: Final = {"ready": "green", "half open": "yellow", "cooling": "yellow", "open": "red", "off": "red"}


def show_status(url: str | None, *, span: float, interval: float, once: bool, as_json: bool) -> None:
    """Shows it once, or again every `interval` seconds until interrupted. `span` is in seconds."""
    settings = load()
    store = ledger_of(settings)
    if as_json:
        write_json(look(settings, store, url, span=span))
    elif once or not console.is_terminal:
        console.print(render(look(settings, store, url, span=span)))
    else:
        watch(settings, store, url, span=span, interval=interval, to=console)


def watch(
    settings: Settings,
    store: LedgerStore,
    url: str | None,
    *,
    span: float,
    interval: float,
    to: Console,
    looks: int = -1,
) -> None:
    """Shows it until interrupted, or for so many looks. Errors of reading in between are shown in its place."""
    from rich.live import Live

    with Live(console=to, screen=to.is_terminal, auto_refresh=False) as live:
        while looks:
            looks -= 1
            began = time.monotonic()
            try:
                shown: RenderableType = render(look(settings, store, url, span=span))
            except ConfigurationError as error:
                shown = Text(str(error), style="red")
            live.update(shown, refresh=True)
            if looks:
                time.sleep(max(interval, REST * (time.monotonic() - began)))


def look(
    settings: Settings, store: LedgerStore, url: str | None, *, span: float, wall: float | None = None
) -> Overview:
    """How everything is at the moment `wall` (epoch seconds; now). Raises `ConfigurationError` where it can't be read or asked."""
    wall = time.time() if wall is None else wall
    records = store.records(since=wall - span, limit=MOST, newest_first=True)
    zone = zone_of(settings)
    today = datetime.datetime.fromtimestamp(wall, zone).date()
    sums = {
        (row.group["target"], simulated): row
        for simulated in (False, True)
        for row in store.daily(today, today, by=("target",), tz=zone, where=Where(simulated=simulated))
    }
    seen = traffic(records, wall)
    if url is None:
        views = _known(settings, store, wall)
    else:
        from segue.cli.status.gateway import ask

        views = ask(url, seen)
    there = {(view.target, view.simulated) for view in views}
    views += [
        TargetView(target=name, model=latest.model, state="ready", simulated=simulated)
        for name, simulated in seen
        if (name, simulated) not in there
        and (latest := next(each for each in records if (each.target, each.simulated) == (name, simulated)))
    ]
    targets = [
        msgspec.structs.replace(
            view,
            traffic=seen.get((view.target, view.simulated), Traffic()),
            cost_today=row.cost if (row := sums.get((view.target, view.simulated))) is not None else Decimal(0),
            bound_today=row.bound if row is not None else Decimal(0),
            attempts_today=row.attempts if row is not None else 0,
        )
        for view in views
    ]
    return Overview(
        at=wall,
        span=span,
        source=url or store.status().location,
        targets=tuple(targets),
        failovers=tuple(failovers(records)[:FAILOVERS]),
        complete=len(records) < MOST,
    )


def _known(settings: Settings, store: LedgerStore, wall: float) -> list[TargetView]:
    """How the settings' targets stand by the history in the store."""
    past = changes(store, wall - KEPT, wall)
    views = []
    for name in dict.fromkeys([*settings.chain, *settings.targets]):
        try:
            target = resolve.target(name, settings.target(name))
        except ConfigurationError as error:
            views.append(TargetView(target=name, model="", state="off", reason=str(error)))
            continue
        if resolve.usable(name, settings.target(name)):
            found = standing(HealthKeys(target.endpoint, target.credential, target.model.id), past, wall)
        elif name in settings.chain:
            found = Standing("no key")
        else:
            continue
        views.append(
            TargetView(
                target=name,
                model=target.model.id,
                simulated=target.simulated,
                state=found.state,
                reason=found.reason,
                recovers_in=None if found.until is None else max(0.0, found.until - wall),
            )
        )
    return views


def render(overview: Overview) -> Group:
    """What is known, as tables."""
    moment = datetime.datetime.fromtimestamp(overview.at).strftime("%H:%M:%S")
    span = f"{overview.span / 60:g} min"
    more = "" if overview.complete else f", of the latest {MOST} attempts"
    bounds = ["at most"] if any(view.bound_today != view.cost_today for view in overview.targets) else []
    numbers = ["tried", "running", "failed", *WAITS, "today", "cost", *bounds]
    shown = table("", "target", "model", "state", *numbers, right=numbers)
    shown.padding = (0, 1, 0, 0)
    for view in overview.targets:
        seen = view.traffic
        shown.add_row(
            label(view.target, view.simulated),
            view.model,
            Text(_state(view), style=_STYLES.get(view.state, "dim")),
            str(seen.attempts),
            str(seen.running),
            f"{100 * seen.failed / seen.attempts:.0f} %" if seen.failed else "0",
            _pair(seen.first_p50, seen.first_p95),
            _pair(seen.seconds_p50, seen.seconds_p95),
            str(view.attempts_today),
            cost(view.cost_today, view.bound_today),
            *(at_most(view.cost_today, view.bound_today) for _ in bounds),
        )
    parts: list[RenderableType] = [
        Text(f"{moment}  {overview.source}", style="dim"),
        Text(
            f"the last {span}{more}; waits p50/p95 in s; today's attempts, cost (~ estimated)",
            style="dim",
        ),
        shown,
    ]
    parts += [Text(f"{view.target}: {view.reason}", style="dim") for view in overview.targets if view.reason]
    if overview.failovers:
        passed = table("last failovers", "time", "from", "to", "because", "request", prose=("because",))
        for each in overview.failovers:
            when = datetime.datetime.fromtimestamp(each.at).strftime("%H:%M:%S")
            why = f"{each.outcome}: {each.reason}" if each.reason else each.outcome
            left = label(each.left, each.simulated)
            passed.add_row(when, left, each.went_to, _shortened(why), each.request_id)
        parts += [Text(), passed]
    return Group(*parts)


def _state(view: TargetView) -> str:
    return view.state if view.recovers_in is None else f"{view.state}, {_span(view.recovers_in)}"


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASON else reason[: REASON - 1].rstrip() + "…"


def _pair(usual: float | None, rare: float | None) -> str:
    return "" if usual is None or rare is None else f"{usual:.2f}/{rare:.2f}"


def _span(length: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if length >= 2 * unit:
            return f"{length / unit:.0f} {name}"
    return f"{length:.0f} s"


# Over time.


def show_history(back: float, *, as_json: bool) -> None:
    """Shows changes and hours of the last `back` hours."""
    store = ledger_of(load())
    now = time.time()
    since = max(now - 3600 * back, now - KEPT)
    past, rolled = changes(store, since, now), [summary(hour) for hour in hours(store, since - 3600, now)]
    if as_json:
        document: dict[str, Any] = {"changes": past, "hours": rolled}
        write_json(document)
        return
    if not (past or rolled):
        notes.print(f"nothing is known of the last {back:g} h: {store.status().location}")
        return
    if past:
        console.print(_changes_table(past), Text())
    if rolled:
        console.print(_hours_table(rolled))


def _changes_table(past: Sequence[Change]) -> RenderableType:
    shown = table("changes of state", "when", "target", "of", "from", "to", "until", "because", prose=("because",))
    for change in past:
        until = "" if change.until is None else _when(change.until)
        shown.add_row(
            _when(change.at),
            label(change.target, change.simulated),
            change.scope,
            change.before,
            change.after,
            until,
            _shortened(change.reason),
        )
    return shown


def _hours_table(rolled: Sequence[HourSummary]) -> RenderableType:
    numbers = ("tried", "failed", *WAITS, "cost")
    shown = table("by the hour", "hour", "target", *numbers, "left for", right=numbers, prose=("left for",))
    for hour in rolled:
        shown.add_row(
            _when(hour.start).removesuffix(":00"),
            label(hour.target, hour.simulated),
            str(hour.attempts),
            str(hour.failed),
            _pair(hour.first_p50, hour.first_p95),
            _pair(hour.seconds_p50, hour.seconds_p95),
            cost(hour.cost, hour.bound),
            ", ".join(f"{to} {count}" for to, count in hour.left_for.items()),
        )
    return shown


def _when(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment).strftime("%m-%d %H:%M:%S")
