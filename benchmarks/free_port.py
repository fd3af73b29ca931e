"""Ports for servers that are other programs, which need a number before they listen."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _COUNT = 10_000, 20_000
"""Below the ports from which a system takes those that it chooses itself (32,768 on Linux), so that no other test gets one meanwhile."""
_tried = itertools.count(os.getpid() * 97)


def free_port() -> int:
    """Returns a port of this machine on which nothing listens. Test processes begin at different ports, and none returns one twice soon."""
    for number in _tried:
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
