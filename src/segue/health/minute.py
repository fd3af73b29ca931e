"""What was sent in the last minute, exactly.

A sliding log: each reservation is kept for 60 s and then forgotten, so a caller that stays below a limit here stays below it however the
provider cuts its minutes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MINUTE: Final = 60.0


class MinuteLog:
    """Requests and tokens of the last 60 s. `now` is monotonic seconds."""

    __slots__ = ("_entries", "_tokens")

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int]] = deque()  # moment and tokens, oldest first
        self._tokens = 0

    def add(self, now: float, tokens: int) -> None:
        self._entries.append((now, tokens))
        self._tokens += tokens

    def used(self, now: float) -> tuple[int, int]:
        """Requests and tokens that still count."""
        entries = self._entries
        while entries and entries[0][0] + MINUTE <= now:
            self._tokens -= entries.popleft()[1]
        return len(entries), self._tokens

    def requests_leave_at(self, excess: int) -> float:
        """When `excess` (1 to all) of the requests that count now will have left."""
        return self._entries[excess - 1][0] + MINUTE

    def tokens_leave_at(self, excess: float) -> float:
        """When `excess` (above 0, up to all) of the tokens that count now will have left."""
        left = 0
        for moment, tokens in self._entries:
            left += tokens
            if left >= excess:
                return moment + MINUTE
        raise ValueError(f"only {left} tokens count, not {excess}")

    def correct(self, difference: int, reserved_at: float | None) -> None:
        """Change the tokens of the newest entry not later than `reserved_at` (None: of all), if one counts; never below zero."""
        for place in range(len(self._entries) - 1, -1, -1):
            moment, tokens = self._entries[place]
            if reserved_at is None or moment <= reserved_at:
                corrected = max(tokens + difference, 0)
                self._entries[place] = (moment, corrected)
                self._tokens += corrected - tokens
                return
