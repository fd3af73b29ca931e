"""Tables that fit: on a narrow terminal a row takes several lines, so that no name, no id and no number is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

PROSE: Final = 24
"""Columns that a text needs at least, where it may be folded."""
GAP: Final = 2
INDENT: Final = 4


class FittedTable(Table):
    """A table whose cells are folded nowhere but in the columns named in `prose`, between words.

    Where it is wider than the console, each row has a line with its labels, below that its numbers (the columns that are aligned to the right), and
    then its prose; the headers stand above in the same lines.
    """

    def __init__(self, title: str, columns: Sequence[str], *, right: Sequence[str], prose: Sequence[str]) -> None:
        super().__init__(
            title=title or None,
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, GAP, 0, 0),
        )
        self._prose = frozenset(prose)
        for column in columns:
            justify = "right" if column in right else "left"
            self.add_column(column, justify=justify, no_wrap=column not in prose, overflow="fold")  # type: ignore[arg-type]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._needed() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="bold")
        if self.show_header:
            yield from self._lines([Text(str(column.header)) for column in self.columns], "bold", options.max_width)
        for at, row in enumerate(self.rows):
            cells = [_text(list(column.cells)[at]) for column in self.columns]
            yield from self._lines(cells, str(row.style or ""), options.max_width)

    def _needed(self) -> int:
        return sum(map(self._least, self.columns)) + self.padding[1] * (len(self.columns) - 1)

    def _least(self, column: Column) -> int:
        widest = _width(column)
        if column.header not in self._prose:
            return widest
        texts = [str(column.header), *(_text(cell).plain for cell in column.cells)]
        word = max(cell_len(word) for text in texts for word in text.split() or [""])
        return max(PROSE, word) if widest > PROSE else word

    def _lines(self, cells: Sequence[Text], style: str, width: int) -> Iterator[Text | Padding]:
        pairs = list(zip(self.columns, cells, strict=True))
        long = [pair for pair in pairs if pair[0].header in self._prose and _width(pair[0]) > PROSE]
        numbers = [pair for pair in pairs if pair[0].justify == "right"]
        labels = [pair for pair in pairs if pair not in long and pair not in numbers]
        yield from _packed(labels, style, width, first=0, gap=self.padding[1])
        yield from _packed(numbers, style, width, first=INDENT, gap=self.padding[1])
        for _, cell in long:
            if cell.plain:
                yield Padding(cell, (0, 0, 0, INDENT), expand=False)


def _packed(pairs: Sequence[tuple[Column, Text]], style: str, width: int, *, first: int, gap: int) -> Iterator[Text]:
    """The cells, as wide as their columns, in as few lines as hold them."""
    line, used = Text(" " * first, style=style, no_wrap=True), first
    for column, cell in pairs:
        space = max(_width(column), cell_len(cell.plain))
        if used > first and used + space > width:
            yield _ended(line)
            line, used = Text(" " * INDENT, style=style, no_wrap=True), INDENT
        fill = Text(" " * (space - cell_len(cell.plain)))
        line.append_text(fill + cell if column.justify == "right" else cell + fill).append(" " * gap)
        used += space + gap
    if line.plain.strip():
        yield _ended(line)


def _ended(line: Text) -> Text:
    line.rstrip()
    return line


def _width(column: Column) -> int:
    cells = [str(column.header), *(part for cell in column.cells for part in _text(cell).plain.splitlines())]
    return max(map(cell_len, cells))


def _text(cell: object) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))
