"""What is going on while the models work: a line for each task, with every attempt as it begins and ends."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from career_coach.cleaning import clean
from career_coach.labels import Labels
from career_coach.prompts import Task


class Progress:
    """A listener of `Segue` that shows what it hears. In a terminal the lines live; elsewhere each event is printed once."""

    def __init__(self, console: Console, labels: Labels, tasks: Iterable[Task]) -> None:
        self._console = console
        self._labels = labels
        self._lines = {task: _Line(labels(task), labels) for task in tasks}
        self._live = Live(
            get_renderable=self._drawn, console=console, refresh_per_second=8, transient=True, redirect_stdout=False
        )

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def attempt_started(self, start: Any) -> None:
        """An attempt is on its way. `start` has the target, the attempt's id and our own metadata."""
        line = self._lines[start.metadata["task"]]
        name = _name(start.target, self._labels)
        line.running[start.attempt_id] = name
        self._say(line, self._labels("asking", target=name))

    def attempt_ended(self, end: Any) -> None:
        start = end.start
        line = self._lines[start.metadata["task"]]
        name = line.running.pop(start.attempt_id, start.target.name)
        message = f"{name}: {self._labels.outcome(end.outcome)}"
        line.past.append((message, "green" if end.outcome == "ok" else "dim" if end.outcome == "cancelled" else "red"))
        line.done = line.done or end.outcome == "ok"
        self._say(line, f"{message} ({end.seconds:.1f} s)")

    def _say(self, line: _Line, text: str) -> None:
        if not self._console.is_terminal:
            self._console.print(Text(f"{line.label}: {text}"), soft_wrap=True)

    def _drawn(self) -> RenderableType:
        return Group(*(line.drawn() for line in self._lines.values()))


class _Line:
    """One task: the attempts that are over, those that run, and the time since the start."""

    def __init__(self, label: str, labels: Labels) -> None:
        self.label = label
        self._labels = labels
        self.past: list[tuple[str, str]] = []
        self.running: dict[str, str] = {}
        self.done = False
        self._began = time.monotonic()
        self._spinner = Spinner("dots")

    def drawn(self) -> RenderableType:
        text = Text(f"{self.label}  ")
        for value, style in self.past:
            text.append(f"{value}  ", style=style)
        if self.done:
            return Text("✓ ", style="green").append_text(text)
        names = ", ".join(self.running.values())
        text.append(self._labels("asking", target=names) if names else self._labels("waiting"))
        text.append(f"  {time.monotonic() - self._began:.1f} s", style="dim")
        self._spinner.update(text=text)
        return self._spinner


def _name(target: Any, labels: Labels) -> str:
    name = clean(str(target.name))
    return f"{name} ({labels('simulated')})" if target.simulated else name
