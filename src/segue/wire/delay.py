"""How long a provider asks to wait, in the many forms that providers use. All results are seconds from now, never negative."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

DAY = 86400.0
UNIX_TIME = 1e9
"""From this value on a number is a point in time, not a duration: in seconds it is in the year 2001."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern})+")


def duration(text: str) -> float | None:
    """Seconds of a compound duration such as `6m0s`, `120ms` or `1h2m3.5s`; None if it is not one."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))


def until(text: str, wall: float) -> float | None:
    """Seconds from `wall` (epoch seconds) to an RFC 3339 or HTTP date; None if it is neither. A past date is 0."""
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, when.timestamp() - wall)


def seconds(text: str) -> float | None:
    """A plain, non-negative number of seconds; None if it is not one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None


def moment(text: str, wall: float) -> float | None:
    """Seconds from `wall` that a header means: a number of seconds, a Unix time in seconds or milliseconds, a duration, or a date."""
    number = seconds(text)
    if number is None:
        length = duration(text.strip().lower())
        return length if length is not None else until(text, wall)
    if number > UNIX_TIME * 1000:
        number /= 1000
    return max(0.0, number - wall) if number > UNIX_TIME else number


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """The value of `retry-after-ms`, else of `retry-after`, at most a day; None where neither is readable."""
    if (fine := headers.get("retry-after-ms")) is not None and (value := seconds(fine)) is not None:
        return min(value / 1000, DAY)
    plain = headers.get("retry-after")
    wait = moment(plain, wall) if plain is not None else None
    return None if wait is None else min(wait, DAY)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """What the provider states on retrying in `x-should-retry`."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
