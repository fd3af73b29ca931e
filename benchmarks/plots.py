"""Draws the measurements of benchmarks/README.md for the documentation: SVG files in docs/img, readable on a phone.

    python -m benchmarks.plots

The numbers are read from the tables, so a picture says what its table says; a test compares them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "benchmarks" / "README.md"
IMAGES: Final = ROOT / "docs" / "img"

WIDTH: Final = 400
"""Units of every picture: about what a phone shows without shrinking its text."""
OURS, OTHERS, GOOD, BAD, TEXT, SOFT = "#3f6fb5", "#9aa3ad", "#8fcf8a", "#eaa7a1", "#222", "#666"


SHORTER: Final = {
    "429, retry after 2 s": "429",
    "503 at the first and the second": "503, twice",
    "ended in mid-stream, cleanly": "ended half-way, cleanly",
    "error event in mid-stream": "error event half-way",
}
"""Faults whose names are too long for a phone."""


class Bar(NamedTuple):
    name: str
    value: float
    shown: str


def table(text: str, heading: str, first: str) -> list[list[str]]:
    """The rows below the table's head that begins with the cell `first`, behind `heading`."""
    part = text.partition(heading)[2]
    lines = iter(part[part.index(f"| {first}") :].splitlines())
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[:1] + rows[2:]


def picture(title: str, height: float, parts: Iterator[str]) -> str:
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" font-family="system-ui, sans-serif"'
            ' font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height:g}" rx="6" fill="#fafafa"/>',
            *parts,
            "</svg>\n",
        )
    )


def label(
    x: float, y: float, text: str, *, fill: str = TEXT, anchor: str = "start", bold: bool = False, size: int = 12
) -> str:
    weight = (' font-weight="600"' if bold else "") + (f' font-size="{size}"' if size != 12 else "")
    return f'<text x="{x:g}" y="{y:g}" fill="{fill}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def bars(title: str, unit: str, rows: Sequence[Bar], *, logarithmic: bool = False) -> str:
    """Horizontal bars, or points on a logarithmic scale, ours in its own colour."""
    left, right, top, step = 150.0, WIDTH - 62.0, 50.0, 26.0
    most = max(row.value for row in rows)
    least = min(row.value for row in rows)

    def reach(value: float) -> float:
        if not logarithmic:
            return (right - left) * value / most
        low, high = math.floor(math.log10(least)), math.log10(most)
        return (right - left) * (math.log10(value) - low) / (high - low)

    def parts() -> Iterator[str]:
        yield label(12, 22, title, bold=True)
        yield label(12, 38, unit, fill=SOFT)
        for number, row in enumerate(rows):
            y = top + number * step
            ours = "segue" in row.name.lower()
            colour, end = (OURS if ours else OTHERS), left + reach(row.value)
            yield label(left - 8, y + 14, row.name, anchor="end", bold=ours)
            if logarithmic:
                yield f'<path d="M{left:g} {y + 10:g}H{end:.1f}" stroke="#ddd"/><circle cx="{end:.1f}" cy="{y + 10:g}" r="6" fill="{colour}"/>'
            else:
                yield f'<rect x="{left:g}" y="{y + 2:g}" width="{end - left:.1f}" height="16" rx="3" fill="{colour}"/>'
            yield label(end + 9, y + 14, row.shown, bold=ours)

    return picture(
        f"{title}: " + ", ".join(f"{row.name} {row.shown}" for row in rows), top + len(rows) * step + 8, parts()
    )


def exact_answers(text: str) -> str:
    head, *rows = table(text, "**Exact answers", "fault")
    names = [
        name.replace("LangChain with_fallbacks", "LangChain").replace("LiteLLM Router", "LiteLLM") for name in head[1:]
    ]
    left, wide, top, step = 162.0, 57.0, 62.0, 21.0

    def parts() -> Iterator[str]:
        yield label(12, 22, "Calls that got the exact text, %", bold=True)
        for column, name in enumerate(names):
            for line, word in enumerate(name.split(", ")):
                yield label(
                    left + (column + 0.5) * wide,
                    44 + 13 * line,
                    word,
                    anchor="middle",
                    fill=SOFT,
                    bold=not column,
                    size=11,
                )
        for number, row in enumerate(rows):
            y = top + number * step
            yield label(left - 8, y + 14, SHORTER.get(row[0], row[0]), anchor="end")
            for column, cell in enumerate(row[1:]):
                share = int(cell.split()[0])
                colour = GOOD if share == 100 else BAD
                yield f'<rect x="{left + column * wide + 1:g}" y="{y + 1:g}" width="{wide - 2:g}" height="{step - 2:g}" rx="3" fill="{colour}"/>'
                yield label(left + (column + 0.5) * wide, y + 15, str(share), anchor="middle")

    return picture("Calls that got the exact text, by fault and client", top + len(rows) * step + 10, parts())


def gateways(text: str) -> str:
    rows = table(text, "JSON, 16 connections", "gateway")[1:]
    values = [(row[0], float(row[3].split()[0].replace(",", ""))) for row in rows]
    found = [Bar("Segue" if name == "segue" else name, value, f"{value:,.0f}") for name, value in values]
    found.sort(key=lambda bar: bar.value)
    return bars("CPU of a gateway a request", "µs, JSON, 16 connections; logarithmic", found, logarithmic=True)


def calls(text: str) -> str:
    rows = table(text, "<!-- overhead: begin -->", "client")[1:]
    found = [
        Bar(
            re.sub(r"`([^`]*)`.*", r"\1", row[0]).replace("segue.OpenAIClient.ainvoke", "Segue in LangChain"),
            float(row[1]),
            f"{float(row[1]):.2f}",
        )
        for row in rows
    ]
    return bars("CPU of a program a call", "ms, one call at a time", found)


def outage(text: str) -> str:
    head, *rows = table(text, "**While the first target is down", " |")
    wanted = next(row for row in rows if row[0].startswith("503 to every request: requests to the dead target"))
    names = [name.replace("LangChain with_fallbacks", "with_fallbacks").replace(" Router", "") for name in head[1:]]
    found = [Bar(name, float(value), value) for name, value in zip(names, wanted[1:], strict=True)]
    return bars("Requests to a target that is down", "of 40 calls, each answered by another target", found)


PICTURES: Final[dict[str, Callable[[str], str]]] = {
    "exact-answers.svg": exact_answers,
    "gateways.svg": gateways,
    "calls.svg": calls,
    "outage.svg": outage,
}


def drawn() -> dict[str, str]:
    """Each picture's file name, and what must be in it."""
    text = README.read_text(encoding="utf-8")
    return {name: draw(text) for name, draw in PICTURES.items()}


if __name__ == "__main__":
    for file, content in drawn().items():
        (IMAGES / file).write_text(content, encoding="utf-8")
