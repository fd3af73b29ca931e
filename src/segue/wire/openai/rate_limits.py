"""How long to wait after a refusal, and the limit that it

names. The header comes first, then the time at which the exhausted allowance is full again, then the body's message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from segue.chat.failure import QuotaHint
from segue.wire import delay
from segue.wire.openai.error_document import ErrorFields

_TRY_AGAIN = re.compile(r"(?:try again|retry) (?:in|after) (?:about )?((?:\d+(?:\.\d+)? ?[a-z]* ?)+)", re.IGNORECASE)
_UNIT = re.compile(r"(?:second|minute|hour|day|sec|min|hr)s?")
_WINDOW = re.compile(r"(tokens?|requests?) per (minute|min|hour|day)\b|\b([TR])P([MHD])\b", re.IGNORECASE)
_LIMIT = re.compile(r"limit:? (\d[\d,]*)", re.IGNORECASE)
_PERIODS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(error: ErrorFields, headers: Mapping[str, str], wall: float, *, rate: bool) -> float | None:
    """Seconds to wait, None if unknown. Allowances matter only where the `rate` of requests was refused."""
    for stated in (
        delay.retry_after(headers, wall),
        _reset(error, headers, wall) if rate else None,
        error.retry_after,
        _from_message(error.message),
    ):
        if stated is not None:
            return stated
    return None


def _from_message(message: str) -> float | None:
    """The seconds in "Please try again in 6m0s", "retry after 20 seconds" and the like."""
    found = _TRY_AGAIN.search(message)
    if found is None:
        return None
    text = _UNIT.sub(lambda unit: unit[0][0], found[1].lower().replace(" ", ""))
    return delay.duration(text) or delay.seconds(text)


def _reset(error: ErrorFields, headers: Mapping[str, str], wall: float) -> float | None:
    """When the exhausted dimension is full again; OpenAI's has none left, or is the one its error type names."""
    left = "x-ratelimit-remaining"
    spent = [name.removeprefix(left) for name in headers if name.startswith(left) and delay.seconds(headers[name]) == 0]
    if not spent and error.type in ("tokens", "requests"):
        spent = [f"-{error.type}"]
    waits = (delay.moment(headers.get(f"x-ratelimit-reset{dimension}", ""), wall) for dimension in spent)
    return max((wait for wait in waits if wait is not None), default=None)


def quota(error: ErrorFields) -> QuotaHint | None:
    """The limit that the message names, as OpenAI and Groq do: "on tokens per min (TPM): Limit 30000, Used …"."""
    window = _WINDOW.search(error.message)
    if window is None:
        return None
    what, period = (window[1] or window[3]).lower(), (window[2] or window[4]).lower()
    limit = _LIMIT.search(error.message)
    return QuotaHint(
        period=_PERIODS[period[0]],
        limit=int(limit[1].replace(",", "")) if limit else None,
        tokens=what.startswith("t"),
    )
