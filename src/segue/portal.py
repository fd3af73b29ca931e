"""From synchronous code into an event loop: a loop in its own thread."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Portal:
    """A loop in its own thread, for synchronous calls; started by the first of them.

    It ends when it is closed, forgotten, or the process exits; asynchronous generators of its loop are then closed, which is
    how a transport's connections end. A process that was forked has none of its parent's threads: there a new one is started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 1
        self._end: weakref.finalize[[_Loop], Portal] | None = None
        self._loop: _Loop | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Interrupted while it waits, it cancels the work.

        Called from within the loop, by a callback that calls a client in its turn, it has the work done in another loop: this one waits.
        """
        if self._loop is not None and self._loop.is_here():
            other = Portal()
            try:
                return other.run(work)
            finally:
                other.close()
        future = asyncio.run_coroutine_threadsafe(work, self.loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Ends the loop and its thread once all who share it have closed it; a later call starts new ones."""
        with self._lock:
            self._users -= 1
            if self._users > 0:
                return
            if self._end is not None:
                self._end()
            self._end = self._loop = None

    def _join(self) -> bool:
        """Takes part in it; False if all who shared it have closed it."""
        with self._lock:
            if self._users < 1:
                return False
            self._users += 1
            return True

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None or self._loop.process != os.getpid():
                self._loop = _Loop()
                self._end = weakref.finalize(self, _Loop.end, self._loop)
            return self._loop.loop


def shared_portal() -> Portal:
    """The portal of all clients of a process, so that many clients do not cost a thread each. To be closed by each who asked for it."""
    global _shared
    with _sharing:
        portal = _shared() if _shared is not None else None
        if portal is not None and portal._join():
            return portal
        portal = Portal()
        _shared = weakref.ref(portal)
        return portal


_sharing = threading.Lock()
_shared: weakref.ref[Portal] | None = None


class _Loop:
    """A running loop and its thread. Knows nothing of its portal, which may therefore be forgotten."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="segue", daemon=True)
        self._thread.start()

    def is_here(self) -> bool:
        """Whether the caller runs in this loop's thread."""
        return threading.current_thread() is self._thread

    def end(self) -> None:
        if self.process != os.getpid():
            return  # a fork brought it along: its sockets are the parent's too
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self._cancel_all()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def _cancel_all(self) -> None:
        """Tasks that are still on their way are ended in order, as `asyncio.run` does."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
