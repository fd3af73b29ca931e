"""The ledger's sums, read and shown."""

from __future__ import annotations

import csv
import datetime
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple, get_args

import msgspec
from rich.text import Text

from segue.budgets.admission import zone_of
from segue.cli.cleaning import clean
from segue.cli.display import at_most, console, cost, notes, table, write_json
from segue.errors import ConfigurationError
from segue.ledger.daily import KINDS, Column, DailyRow, Dimension, add_up
from segue.ledger.store import AttemptStore
from segue.ledger.stores.factory import ledger_of
from segue.settings_loading import load

MOST_DAYS: Final = 3660
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999

COLUMNS: Final[tuple[str, ...]] = (*get_args(Dimension), "day")

TITLES: Final = {
    "booked": "",
    "tracked": "booked by hand with track_request; it may be the same requests once more",
    "simulated": "simulated: local stand-ins answered, no model; nothing was paid",
}

COUNTS: Final = ("requests", "attempts", "reserved", "estimated", "free", "unpriced")

FORMULA: Final = tuple("=+-@＝＋－＠")
"""What makes a spreadsheet take a text for a formula, where it begins with it."""


class UsagePart(NamedTuple):
    """The sums of one of `KINDS`, the dearest first, and their total."""

    kind: str
    rows: list[DailyRow]
    total: DailyRow


class Books(NamedTuple):
    """What was booked from `since` to `until`, both included."""

    since: datetime.date
    until: datetime.date
    timezone: str
    by: tuple[Column, ...]
    place: str
    parts: list[UsagePart]


def read_books(since: str, until: str | None, by: str) -> Books:
    """Raises `ConfigurationError` for a day or a column that is none, and for a ledger that can't be read."""
    columns = _columns(by)
    settings = load()
    zone = zone_of(settings)
    today = datetime.datetime.now(zone).date()
    last = today if until is None else _date("--until", until)
    first = _since(since, last)
    if not first <= last or (last - first).days >= MOST_DAYS:
        raise ConfigurationError(
            f"from {first} to {last} is no span: use --since before --until, {MOST_DAYS} days at most"
        )
    store = ledger_of(settings)
    parts = [_part(store, first, last, zone, kind, columns) for kind in KINDS]
    return Books(
        first, last, settings.timezone, columns, store.status().location, [part for part in parts if part is not None]
    )


def _part(
    store: AttemptStore,
    first: datetime.date,
    last: datetime.date,
    zone: datetime.tzinfo,
    kind: str,
    by: tuple[Column, ...],
) -> UsagePart | None:
    """The total is asked for by itself: only so does a request count once that has attempts in several rows."""
    total = add_up(store.daily(first, last, by=(), tz=zone, where=KINDS[kind]), ())
    if not total:
        return None
    dimensions = tuple(name for name in by if name != "day")
    rows = add_up(store.daily(first, last, by=dimensions, tz=zone, where=KINDS[kind]), by)
    rows.sort(key=lambda row: (row.group.get("day", ""), -row.cost, -row.bound, -row.attempts))
    return UsagePart(kind, rows, total[0])


def _columns(by: str) -> tuple[Column, ...]:
    names = tuple(dict.fromkeys(word.strip() for word in by.split(",")))
    for name in names:
        if name not in COLUMNS:
            raise ConfigurationError(f"--by {name!r} is nothing to take apart by: use {', '.join(COLUMNS)}")
    return names  # type: ignore[return-value]  # each was looked up


def _since(text: str, last: datetime.date) -> datetime.date:
    if (match := re.fullmatch(r"(\d{1,4})d", text)) and int(match[1]):
        return last - datetime.timedelta(days=int(match[1]) - 1)
    return _date("--since", text)


def _date(option: str, text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError
        return day
    except ValueError:
        days = ", or a number of days such as 7d" if option == "--since" else ""
        raise ConfigurationError(f"{option} {text!r} is no day: use a date such as 2026-11-28{days}") from None


# Shown to people.


class _Number(NamedTuple):
    """A column of numbers; `shown` says of the total whether it has anything to tell."""

    name: str
    text: Callable[[DailyRow], str]
    shown: Callable[[DailyRow], bool] = lambda total: True
    legend: str = ""


_NUMBERS: Final = (
    _Number("requests", lambda row: f"{row.requests:,}"),
    _Number("attempts", lambda row: f"{row.attempts:,}"),
    _Number("in", lambda row: f"{row.usage.prompt_tokens:,}"),
    _Number(
        "cached",
        lambda row: f"{row.usage.cache_read_tokens:,}",
        lambda total: total.usage.cache_read_tokens > 0,
        "cached: of the tokens that went in, those read from a provider's cache",
    ),
    _Number("out", lambda row: f"{row.usage.output_tokens:,}"),
    _Number(
        "reasoning",
        lambda row: f"{row.usage.reasoning_tokens:,}",
        lambda total: total.usage.reasoning_tokens > 0,
        "reasoning: output tokens that were not shown",
    ),
    _Number("cost", lambda row: cost(row.cost, row.bound)),
    _Number(
        "at most",
        lambda row: at_most(row.cost, row.bound),
        lambda total: total.bound != total.cost,
        "~: some attempts left no usage report; they count with what was sent and delivered\n"
        "at most: the cost, if all that is estimated or still running was billed as high as it can be",
    ),
    _Number(
        "unpriced",
        lambda row: f"{row.unpriced:,}",
        lambda total: total.unpriced > 0,
        "unpriced: attempts in no sum of money, because they have no price; [prices] in segue.toml sets prices",
    ),
)


def show_tables(books: Books) -> None:
    days = f"{books.since}" if books.since == books.until else f"{books.since} to {books.until}"
    if not books.parts:
        message = f"Nothing is booked for {days} ({books.timezone}) in {books.place}."
        notes.print(message, markup=False, soft_wrap=True)
        return
    legend: dict[str, None] = {}
    for part in books.parts:
        title = ", ".join(filter(None, (f"{days} ({books.timezone})", TITLES[part.kind])))
        numbers = [number for number in _NUMBERS if number.shown(part.total)]
        names = [number.name for number in numbers]
        shown = table("", *books.by, *names, right=names)
        for row in part.rows:
            words = [Text(row.group[name] or "–") for name in books.by]
            shown.add_row(*words, *(number.text(row) for number in numbers))
        if len(part.rows) > 1:
            first, *rest = ("total", *[""] * (len(books.by) - 1))
            shown.add_row(first, *rest, *(number.text(part.total) for number in numbers), style="bold")
        console.print(title, style="bold", markup=False, soft_wrap=True)
        console.print(shown, markup=False)
        console.print()
        legend.update(dict.fromkeys(number.legend for number in numbers if number.legend))
    for line in legend:
        console.print(line, style="dim", markup=False)


# Shown to programs.


def show_csv(books: Books) -> None:
    """A line for each row, without totals, which a spreadsheet makes itself. A text that a spreadsheet would take for a formula begins with '."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("kind", *books.by, *_numbers(DailyRow(day=books.since, group={}))))
    for part in books.parts:
        for row in part.rows:
            writer.writerow((part.kind, *(_harmless(row.group[name]) for name in books.by), *_numbers(row).values()))


def _harmless(text: str) -> str:
    plain = clean(" ".join(text.split()))
    return f"'{plain}" if plain.startswith(FORMULA) else plain


def show_json(books: Books) -> None:
    document = {
        "since": books.since,
        "until": books.until,
        "timezone": books.timezone,
        "ledger": books.place,
        "rows": [{"kind": part.kind, **row.group, **_numbers(row)} for part in books.parts for row in part.rows],
        "totals": [{"kind": part.kind, **_numbers(part.total)} for part in books.parts],
    }
    write_json(document)


def _numbers(row: DailyRow) -> dict[str, int | float | str]:
    """Money is text: exact, in US dollars."""
    return {
        **{name: getattr(row, name) for name in COUNTS},
        **msgspec.structs.asdict(row.usage),
        "cost": _plain(row.cost),
        "bound": _plain(row.bound),
        "seconds": round(row.seconds, 3),
    }


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"
