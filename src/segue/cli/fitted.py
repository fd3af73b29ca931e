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
        widths = [_width(column) for column in self.columns]
        if self.show_header:
            headers = [Text(str(column.header)) for column in self.columns]
            yield from self._lines(headers, widths, "bold", options.max_width)
        for row, cells in zip(self.rows, zip(*(column.cells for column in self.columns), strict=True), strict=True):
            yield from self._lines([_text(cell) for cell in cells], widths, str(row.style or ""), options.max_width)

    def _needed(self) -> int:
        return sum(map(self._least, self.columns)) + self.padding[1] * (len(self.columns) - 1)

    def _least(self, column: Column) -> int:
        widest = _width(column)
        if column.header not in self._prose:
            return widest
        texts = [str(column.header), *(_text(cell).plain for cell in column.cells)]
        word = max(cell_len(word) for text in texts for word in text.split() or [""])
        return max(PROSE, word) if widest > PROSE else word

    def _lines(self, cells: Sequence[Text], widths: Sequence[int], style: str, width: int) -> Iterator[Text | Padding]:
        triples = list(zip(self.columns, widths, cells, strict=True))
        long = [each for each in triples if each[0].header in self._prose and each[1] > PROSE]
        numbers = [each for each in triples if each[0].justify == "right"]
        labels = [each for each in triples if each not in long and each not in numbers]
        yield from _packed(labels, style, width, first=0, gap=self.padding[1])
        yield from _packed(numbers, style, width, first=INDENT, gap=self.padding[1])
        for _, _, cell in long:
            if cell.plain:
                yield Padding(cell, (0, 0, 0, INDENT), expand=False)


def _packed(
    triples: Sequence[tuple[Column, int, Text]], style: str, width: int, *, first: int, gap: int
) -> Iterator[Text]:
    """The cells, as wide as their columns, in as few lines as hold them."""
    line, used = Text(" " * first, style=style, no_wrap=True), first
    for column, widest, cell in triples:
        space = max(widest, cell_len(cell.plain))
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
