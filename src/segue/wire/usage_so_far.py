"""What one answer has reported of its usage, in a dialect whose reports are each complete."""

from __future__ import annotations

from typing import Final

from segue.chat.events import UpstreamEvent, UsageReport
from segue.chat.usage import Usage

NOTHING: Final = Usage()


class UsageSoFar:
    """A newer report replaces an older one. Some servers send zeros at first or in the end: those replace none."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: Usage | None = None

    def take(self, usage: Usage | None, events: list[UpstreamEvent]) -> None:
        """Reports `usage` if it is news. None stands for impossible counts: then what was reported before is not believed either."""
        if usage == NOTHING and self._latest is not None:
            return
        if usage is None:
            usage = NOTHING
        if usage != self._latest:
            self._latest = usage
            events.append(UsageReport(usage))
