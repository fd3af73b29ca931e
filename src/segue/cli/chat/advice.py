"""What to do where no target answered, for each by what it failed of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from segue.catalog.providers import PROVIDERS
from segue.chat.failure import FailureKind
from segue.errors import AttemptSummary, ConfigurationError
from segue.routing import resolve
from segue.settings import Settings

_MORE = "add another provider's key, and the chain goes on there"


def advice(attempts: Sequence[AttemptSummary], settings: Settings) -> Iterator[str]:
    """A line for each target, by its last attempt that failed; none for a stand-in, which fails as configured."""
    failed = [attempt for attempt in attempts if attempt.outcome != "cancelled"]
    for attempt in {attempt.target: attempt for attempt in failed}.values():
        if settings.target(attempt.target).simulated:
            continue
        try:
            line = _for(attempt, settings)
        except ConfigurationError:
            continue
        if line:
            yield f"{attempt.target}: {line}"


def _for(attempt: AttemptSummary, settings: Settings) -> str:
    target = resolve.target(attempt.target, settings.target(attempt.target))
    variable = resolve.variable(attempt.target)
    preset = PROVIDERS.get(target.provider)
    match attempt.outcome:
        case FailureKind.TRANSPORT if preset is not None and preset.local:
            return f"nothing answers at {urlsplit(target.base_url).netloc}: start {preset.title}"
        case FailureKind.TRANSPORT:
            place = urlsplit(target.base_url).netloc.rpartition("@")[2]
            return (
                f"nothing answers at {place}: look at the network and its proxy; `segue doctor` shows which step fails"
            )
        case FailureKind.AUTH:
            page = f"; {preset.key_page} makes one" if preset is not None and preset.key_page else ""
            return f"set {resolve.key_variable(attempt.target)} to a key that is valid{page}"
        case FailureKind.MONEY:
            return f"its credit or free quota is used up: pay in there, wait for the next day, or {_MORE}"
        case FailureKind.RATE:
            return f"wait, or {_MORE}"
        case FailureKind.MODEL_GONE:
            return f"set {variable}_MODEL to a model that it has; `segue doctor` names one"
        case FailureKind.OVERLOAD | FailureKind.STALL | FailureKind.BROKEN:
            return f"ask again later, or {_MORE}"
    return ""
