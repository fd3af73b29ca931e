"""The time limits that all clients of the failover benchmark are given, in seconds."""

from __future__ import annotations

CONNECT = 1.0
SILENCE = 2.0
"""Without content: before the first and between two pieces of text."""
CALLER = 15.0
"""After this the caller of any client gives up."""
DRIP = 4.0
"""The window over which Segue judges a rate of text; the other clients have nothing of the kind."""
