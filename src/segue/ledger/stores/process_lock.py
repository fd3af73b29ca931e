"""Which processes are alive: each holds a lock on its own file, and the system releases it when the process ends, in whatever way.

Neither a clock nor a process id is asked, so nothing can go wrong when the clock is set back or an id is used again. It holds
between the processes of one machine, containers that share the directory included, as SQLite's own locks do. Systems without
`flock` (Windows) have no such locks: there no process is ever found dead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Lock:
    """A held lock. A forked child must call `forget`, or the parent's exit is not detected."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> Lock | None:
        """The lock, or None if another process holds it. Raises `OSError` where no file can be made."""
        if sys.platform == "win32":
            return None
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(handle, path):
                    return cls(path, handle)
            except BlockingIOError:
                os.close(handle)
                return None
            except OSError:
                os.close(handle)
                raise
            os.close(handle)  # its holder removed the file while we opened it

    @property
    def stands(self) -> bool:
        """Whether others can still see that it is held: the file may have been removed."""
        return _is_at(self._handle, self.path)

    def release(self) -> None:
        if self.stands:
            self.path.unlink()
        os.close(self._handle)

    def forget(self) -> None:
        """Lets go of what a fork brought along; the parent goes on holding it."""
        os.close(self._handle)


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)
