"""What the commands show, in the same way everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from segue.cli.cleaning import clean, clean_json
from segue.cli.fitted import FittedTable
from segue.cli.narrow import shown_json

if TYPE_CHECKING:
    from segue.errors import AttemptSummary
    from segue.ledger.record import AttemptRecord

_NARROWEST = 140
"""Columns of a table that is not written to a terminal."""


class _Clean(Console):
    """Removes control sequences from untrusted text, wherever it is in the output."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        segments = (part if part.control else Segment(clean(part.text), part.style) for part in buffer)
        return super()._render_buffer(segments)


def _console(*, stderr: bool) -> Console:
    made = _Clean(stderr=stderr, highlight=False)
    return made if made.is_terminal else _Clean(stderr=stderr, highlight=False, width=max(made.width, _NARROWEST))


console = _console(stderr=False)
notes = _console(stderr=True)
"""Standard error: everything that is not the result itself."""


def table(title: str, *columns: str, right: Sequence[str] = (), prose: Sequence[str] = ()) -> FittedTable:
    """A plain table; the columns named in `right` hold numbers, those in `prose` texts that may be folded."""
    return FittedTable(title, columns, right=right, prose=prose)


def write_json(document: Any) -> None:
    """A document as JSON on standard output, fit for a terminal too."""
    text = clean_json(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    click.echo(shown_json(text, sys.stdout.encoding))


def money(amount: Decimal | None) -> str:
    """US dollars with as many digits as a small amount needs."""
    if amount is None:
        return "unknown"
    if amount == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.6f}".rstrip("0")


def cost(amount: Decimal | None, bound: Decimal | None) -> str:
    """What something cost; an estimate, which the most that can have been billed exceeds, is marked with `~`."""
    return f"~{money(amount)}" if amount is not None and bound not in (amount, None) else money(amount)


def at_most(amount: Decimal | None, bound: Decimal | None) -> str:
    """The most that can have been billed, marked with `≤`; "" where that is the cost."""
    return "" if bound in (amount, None) else f"≤{money(bound)}"


def seconds(time: float | None) -> str:
    return "" if time is None else f"{time:.2f} s"


def label(target: str, simulated: bool) -> str:
    """A target's name; a stand-in is never shown without the word."""
    return f"{target} (simulated)" if simulated else target


def attempts_table(
    attempts: Sequence[AttemptSummary], records: Sequence[AttemptRecord], *, simulated: frozenset[str]
) -> Iterator[FittedTable | Text]:
    """What became of each attempt, with what the books say of its tokens and cost; below it the reasons of those that failed."""
    booked = {record.attempt_id: record for record in records}
    bounds = ["at most"] if any(record.most != record.cost for record in records) else []
    numbers = ["time", "tokens", "cost", *bounds]
    made = table("", "target", "model", "outcome", *numbers, right=numbers)
    reasons = []
    for attempt in attempts:
        record = booked.get(attempt.attempt_id)
        name = label(attempt.target, attempt.target in simulated)
        made.add_row(
            name,
            attempt.model,
            _outcome(attempt),
            seconds(attempt.seconds) if record else "",
            f"{record.usage.prompt_tokens} + {record.usage.output_tokens}" if record else "",
            *_money_cells(record, bounds),
        )
        if attempt.reason:
            reasons.append(f"{name}: {attempt.reason}")
    yield made
    for reason in dict.fromkeys(reasons):
        yield Text(reason, style="dim")


def _outcome(attempt: AttemptSummary) -> str:
    status = f" {attempt.status}" if attempt.status and attempt.status != 200 else ""
    role = ", went on" if attempt.continuation else ", hedge" if attempt.hedge else ""
    return attempt.outcome + status + role


def _money_cells(record: AttemptRecord | None, bounds: list[str]) -> list[str]:
    if record is None:
        return ["", *("" for _ in bounds)]
    return [cost(record.cost, record.most), *(at_most(record.cost, record.most) for _ in bounds)]
