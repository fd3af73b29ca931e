"""The sources of one answer, each reported once, although servers repeat them from event to event."""

from __future__ import annotations

from collections.abc import Iterable

from segue.chat.events import Citation


class Sources:
    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: set[tuple[str, int | None, int | None]] = set()

    def new(self, citations: Iterable[Citation]) -> list[Citation]:
        found: list[Citation] = []
        for one in citations:
            if (place := (one.url, one.start, one.end)) not in self._told:
                self._told.add(place)
                found.append(one)
        return found
