"""uvicorn's HTTP protocol with the bounds it lacks: on how long a head may take to come, on how large it may be, and on a caller who does
not read.

Timers run only while a head is incomplete, or while nothing more can be written; a request that comes in one piece and whose answer is
taken never starts one. A caller who does not read is aborted, since closing would wait for what is unsent.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WAIT: Final = 15.0
"""Seconds for a head to come, from the connection's or the head's first byte on."""
HEAD_MOST: Final = 64 * 1024
"""Bytes of a head that is not complete after them."""
READ_WAIT: Final = 60.0
"""Seconds for a caller to take some of what was written to it."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    # In slots, because uvicorn's protocol has 28 attributes, and beyond 30 an instance costs 1.3 kB more.
    __slots__ = ("_reading", "_size", "_timer")

    read_wait = READ_WAIT

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._size = 0
        self._reading: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_WAIT, self.transport.close)

    def data_received(self, data: bytes) -> None:
        between = self._between()
        super().data_received(data)
        if not (between and self._between()):
            self._size = 0
            return
        self._size += len(data)
        if self._size > HEAD_MOST:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_WAIT, self.transport.close)

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._reading = self.loop.call_later(self.read_wait, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def _between(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _taken(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
