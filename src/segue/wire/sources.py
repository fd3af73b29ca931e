"""The sources of one answer, each reported once, although servers repeat them from event to event."""

from __future__ import annotations

from collections.abc import Iterable

from segue.chat.events import Citation


class Sources:
    __slots__ = ("_reported",)

    def __init__(self) -> None:
        self._reported: set[tuple[str, int | None, int | None]] = set()

    def new(self, citations: Iterable[Citation]) -> list[Citation]:
        found: list[Citation] = []
        for one in citations:
            if (place := (one.url, one.start, one.end)) not in self._reported:
                self._reported.add(place)
                found.append(one)
        return found
