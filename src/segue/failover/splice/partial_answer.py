"""The record of an answer: its exact text, its thinking, its whole tool calls, and whether it is valid."""

from __future__ import annotations

from segue.chat.events import Finished, FinishReason, TextDelta, ThinkingDelta, ToolCallDelta, UpstreamEvent
from segue.chat.failure import Failure, FailureKind
from segue.chat.messages import ToolCall
from segue.failover.check import Check
from segue.failover.splice.fences import Context, fence_state

CLEAN = frozenset({FinishReason.STOP, FinishReason.TOOL_CALLS})
"""Finish reasons by which a model reports a complete answer."""


def is_content(event: UpstreamEvent) -> bool:
    """Whether an event carries a part of the answer: `Started`, usage, signatures and empty deltas do not."""
    if isinstance(event, TextDelta):
        return bool(event.text)
    if isinstance(event, ThinkingDelta):
        return bool(event.text or event.redacted)
    return isinstance(event, ToolCallDelta) and bool(event.name or event.arguments)


def is_empty_stop(event: UpstreamEvent) -> bool:
    """Whether an event before any content is a stop reason without meaning yet: some servers begin with one."""
    return isinstance(event, Finished) and event.reason in CLEAN


class PartialAnswer:
    """The answer so far."""

    __slots__ = ("_pieces", "calls", "length", "thinking")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.length = 0
        self.thinking: list[ThinkingDelta] = []
        self.calls: list[ToolCall] = []

    @property
    def text(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def in_code(self) -> bool:
        """Whether the text stops inside code or a table."""
        return fence_state(self.text) is not Context.PROSE

    @property
    def begun(self) -> bool:
        """Whether it has anything beside thinking."""
        return bool(self.length or self.calls)

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self.length += len(text)

    def replace(self, text: str) -> None:
        """The text as it is delivered, if that differs from what came."""
        self._pieces = [text]
        self.length = len(text)

    def verdict(self, finish: Finished, check: Check | None) -> Failure | None:
        """What is wrong with the whole answer, if anything.

        An answer that was cut short by its token limit, declined or paused is not the attempt's failure, unless `check` reports it.
        """
        cut = finish.reason is FinishReason.LENGTH
        if self.calls or not (finish.reason in CLEAN or cut):
            return None
        if not (self.length or cut):
            return Failure(kind=FailureKind.BROKEN, message="empty answer")
        if check is not None and (problem := check.text(self.text, cut=cut)) is not None:
            why = f"cut off by its token limit: {problem}" if cut else problem
            return Failure(kind=FailureKind.INVALID, message=why)
        return None
