"""`GET /health/history?hours=24`: changes of state, and each hour's attempts, failovers and waits, of all processes that share the ledger."""

from __future__ import annotations

import asyncio
import math
import time
from urllib.parse import parse_qs

import msgspec

from segue.errors import InvalidRequestError
from segue.ledger.store import StateStore
from segue.monitoring.history import KEPT, changes, hours
from segue.monitoring.hours import summary
from segue.runtime import Runtime
from segue.server.exchange import Reply
from segue.server.health import HEADERS

DEFAULT = 24.0


async def history(runtime: Runtime, query: str) -> Reply:
    """Reads the store in a thread. Raises `InvalidRequestError` for an invalid number of hours."""
    value = next(iter(parse_qs(query).get("hours", ())), "")
    try:
        back = float(value or DEFAULT)
    except ValueError:
        back = math.nan
    if not 0 < back <= KEPT / 3600:
        raise InvalidRequestError(f"hours is {value!r}: use more than 0, up to {KEPT / 3600:g}", param="hours")
    return 200, HEADERS, await asyncio.to_thread(_read, runtime.ledger, time.time(), back * 3600)


def _read(store: StateStore, now: float, back: float) -> bytes:
    document = {
        "changes": changes(store, now - back, now),
        "hours": [summary(hour) for hour in hours(store, now - back - 3600, now)],
    }
    return msgspec.json.encode(document)
