"""Tables of what `benchmarks.failover` measured.

    python -m benchmarks.failover_report

prints those of the last run again.
"""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.faulty import ANSWER
from segue.catalog.prices import price_of

FAULTS = {
    "refused": "connection refused",
    "reset": "reset before headers",
    "500": "500",
    "503": "503",
    "429": "429, retry after 2 s",
    "twice": "503 at the first and the second",
    "cut": "cut in mid-stream",
    "early": "ended in mid-stream, cleanly",
    "error": "error event in mid-stream",
    "empty": "empty answer",
    "hang": "silence before headers",
    "headers": "silence after headers",
    "keepalive": "nothing but keep-alives",
    "stall": "silence in mid-stream",
    "drip": "a character every 0.7 s",
}
LOUD = ("refused", "reset", "500", "503", "429", "cut", "early", "error", "empty")
OUTAGES = {"down, 503": "503 to every request", "down, hang": "silence to every request"}

ANSWERS = {
    "cut": "cut in mid-stream; the next goes on perfectly",
    "afresh": "cut in mid-stream; the next begins afresh",
    "token": "cut after the first token",
    "stopped": "a stop reason without the last frame",
    "outage": "all refuse for 2 s, 20 callers within a second",
}
MODELS = (("openai", "gpt-4.1"), ("claude", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash"))
MOMENT = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
"""Whose prices are taken."""
PROMPT = 9
"""Tokens of a prompt, as the upstreams count them."""

Result = Mapping[str, Any]
Results = Sequence[Result]
Found = Mapping[str, Mapping[str, Results]]


def report(found: Found, conditions: Mapping[str, Any]) -> str:
    names = list(found["cut"])
    becomes = [
        "What becomes of answers: calls with the exact text / with words twice / cut short and passed off as whole / ended by an error; "
        "seams a call; median / worst time; list price of what upstreams generated, of 1,000 calls",
        table("", names, {ANSWERS[fault]: [_becomes(found[fault][name]) for name in names] for fault in ANSWERS}),
    ]
    if "healthy" not in found:
        return "\n\n".join(becomes)
    first, last = switches(names, found, first=True), switches(names, found, first=False)
    return "\n\n".join(
        [
            ", ".join(
                f"{name} {value}" for name, value in conditions.items() if name not in ("versions", "limits", "calls")
            ),
            "Exact answers, in % of the calls (in brackets: answers that ended without an error, right or wrong)",
            table(
                "fault", names, {FAULTS[fault]: [_outcomes(found[fault][name]) for name in names] for fault in FAULTS}
            ),
            *becomes,
            "From the target's first failure to the next target's request: median / worst",
            table("fault", names, first),
            "From the target's last failure before the change to the next target's request: median / worst",
            table("fault", names, last),
            "Requests that the failing target gets, a call",
            table("fault", names, {FAULTS[fault]: [_asks(found[fault][name]) for name in names] for fault in FAULTS}),
            "While the first target is down: calls at a steady pace, all with one client",
            table("", names, outages(names, found)),
        ]
    )


def table(corner: str, names: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [[corner, *names], ["---"] * (len(names) + 1), *([label, *cells] for label, cells in rows.items())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def switches(names: Sequence[str], found: Found, *, first: bool) -> dict[str, list[str]]:
    """Rows by fault, and one of all loud faults together."""
    rows = {
        FAULTS[fault]: [_spread([_switch(one, first=first) for one in found[fault][name]]) for name in names]
        for fault in FAULTS
        if first or fault != "refused"
    }
    loud = [fault for fault in LOUD if fault != "refused"]
    together = [[_switch(one, first=first) for fault in loud for one in found[fault][name]] for name in names]
    rows["all loud ones but refused: median / p99"] = [_spread(values, worst=0.99) for values in together]
    return rows


def outages(names: Sequence[str], found: Found) -> dict[str, list[str]]:
    rows = {"healthy: first text, median / worst": [_spread(_firsts(found["healthy"][name])) for name in names]}
    for scenario, label in OUTAGES.items():
        calls = {name: found[scenario][name] for name in names}
        halves: dict[str, Callable[[Results], Results]] = {
            "first half": lambda results: results[: len(results) // 2],
            "second half": lambda results: results[len(results) // 2 :],
        }
        rows[f"{label}: exact"] = [_outcomes(calls[name]) for name in names]
        for half, pick in halves.items():
            rows[f"{label}: first text, {half}"] = [_spread(_firsts(pick(calls[name]))) for name in names]
        rows[f"{label}: requests to the dead target, of {len(calls[names[0]])} calls"] = [
            str(sum(ask["upstream"] == 0 for one in calls[name] for ask in one["asks"])) for name in names
        ]
    return rows


def _outcomes(results: Results) -> str:
    exact = sum(one["text"] == ANSWER and not one["error"] for one in results)
    ended = sum(not one["error"] for one in results)
    return f"{exact / len(results):.0%} ({ended / len(results):.0%})".replace("%", "")


def _becomes(results: Results) -> str:
    kinds = [_kind(one) for one in results]
    counts = " / ".join(str(kinds.count(kind)) for kind in ("exact", "twice", "short", "error"))
    seams = sum(ask["continues"] for one in results for ask in one["asks"]) / len(results)
    paid = 1000 * sum(_price(ask) for one in results for ask in one["asks"]) / len(results)
    return f"{counts}; {seams:.1f}; {_spread([one['total'] for one in results])}; ${paid:.2f}"


def _kind(one: Result) -> str:
    if one["error"]:
        return "error"
    if one["text"] == ANSWER:
        return "exact"
    words = one["text"].split()
    return "twice" if len(set(words)) < len(words) else "short"


def _price(ask: Mapping[str, Any]) -> float:
    """What an upstream's list charges for a request that it answered, as far as it got."""
    unit = price_of(*MODELS[ask["upstream"]], MOMENT)
    return float(PROMPT * unit.input + ask["tokens"] * unit.output) if unit is not None and ask["tokens"] else 0.0


def _asks(results: Results) -> str:
    if not any(ask["upstream"] < one["broken"] for one in results for ask in one["asks"]):
        return "–"
    return f"{statistics.mean(sum(ask['upstream'] == 0 for ask in one['asks']) for one in results):.1f}"


def _switch(one: Result, *, first: bool) -> float | None:
    """Seconds from a failure to the request of the next target that works, None if there was none."""
    later = [ask["at"] for ask in one["asks"] if ask["upstream"] >= one["broken"]]
    if not later:
        return None
    struck = [ask["struck"] for ask in one["asks"] if ask["struck"] is not None and ask["struck"] < later[0]]
    if first:
        return float(later[0] - min(struck, default=one["began"]))
    return float(later[0] - max(struck)) if struck else None


def _firsts(results: Results) -> list[float | None]:
    return [one["first"] for one in results]


def _spread(values: Sequence[float | None], *, worst: float = 1.0) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "never"
    share = "" if len(known) == len(values) else f" ({len(known)} of {len(values)})"
    most = known[min(len(known) - 1, int(worst * len(known)))]
    return f"{_time(statistics.median(known))} / {_time(most)}{share}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.9995 else f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f} ms"


if __name__ == "__main__":
    last = json.loads((Path(__file__).parent / "results" / "failover.json").read_text())
    print(report(last["results"], last["conditions"]))
