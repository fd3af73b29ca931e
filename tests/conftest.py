"""What all tests share."""

from __future__ import annotations

import asyncio

asyncio.set_event_loop(None)
# Otherwise pytest-asyncio 1.5 has Python 3.11 make a loop that nobody closes, and whichever test runs when it is collected fails.
