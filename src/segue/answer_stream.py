"""An answer as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from segue.answer import Answer
from segue.chat.events import ChatEvent, Finished
from segue.errors import SegueError
from segue.failover.fast_path import Carrier
from segue.failover.job import Job
from segue.portal import Portal
from segue.runtime import Runtime


class AnswerStream:
    """An answer as it comes: iterate over its events, with `for` or `async for`, then read `answer`.

    Leave it early only through `close()`, `aclose()` or a `with` block: that is what stops the provider.
    """

    def __init__(self, runtime: Runtime, job: Job, portal: Portal) -> None:
        self._runtime = runtime
        self._job = job
        self._run = portal.run
        self._relay: Carrier | None = None
        self._events: list[ChatEvent] = []
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises `RuntimeError` before the stream has ended."""
        if self._answer is None:
            raise RuntimeError("the answer is not whole yet: read the stream to its end first")
        return self._answer

    async def batch(self) -> list[ChatEvent]:
        """The events that have come since, at least one; [] at the end. The fastest way to read."""
        if self._relay is None:
            self._relay = await self._runtime.open(self._job)
        try:
            events = await self._relay.next()
        except SegueError:
            await self._runtime.written()
            raise
        self._events += events
        if events and isinstance(events[-1], Finished):
            self._answer = await self._runtime.answer(self._relay, self._events)
        return events

    async def __aiter__(self) -> AsyncIterator[ChatEvent]:
        try:
            while events := await self.batch():
                for event in events:
                    yield event
        finally:
            await self.aclose()

    def __iter__(self) -> Iterator[ChatEvent]:
        try:
            while events := self._run(self.batch()):
                yield from events
        finally:
            self.close()

    async def aclose(self) -> None:
        """Stops the answer, and waits until its connections are closed."""
        if self._relay is not None:
            self._relay.close()
            await self._relay.closed()

    def close(self) -> None:
        """`aclose` for synchronous readers."""
        if self._relay is not None:
            self._run(self.aclose())

    async def __aenter__(self) -> AnswerStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
