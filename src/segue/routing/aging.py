"""What becomes of a target as its model ages: its end is announced, then its successor takes its place.

A model that is gone and has no successor that is known is replaced by its provider's default model, so that the maker stays the same.
"""

from __future__ import annotations

from datetime import date

import msgspec

from segue.catalog.models import Lifecycle, find_model, lifecycle
from segue.catalog.providers import PROVIDERS
from segue.routing.resolve import REASONING_MAX_TOKENS, address_of, with_notice
from segue.routing.target import Target
from segue.settings import DEFAULT_MAX_TOKENS
from segue.wire.dialects import DIALECTS


def current(target: Target, today: date, *, replace: bool) -> Target:
    """The target as it is to be asked on a day.

    A model whose end is near gives it a `notice`. One that was shut down is replaced, if `replace` and if the target is asked at its
    provider's own address: a name at another address may stand for anything.
    """
    life = lifecycle(target.model, today)
    if life.message is None:
        return target
    if life.status == "retired" and replace and (heir := _heir(target, life, at_home=_at_home(target))):
        default = "" if life.successor else f": {heir}, the default of {target.provider},"
        value = f"{life.message}{default}" if default else f"{life.message}, which"
        return _succeeded(target, heir, f"{value} was asked in its place")
    return with_notice(target, life.message)


def successor(target: Target, today: date) -> Target | None:
    """The same target with the successor of its model, which its provider does not know; None if there is none."""
    life = lifecycle(target.model, today)
    heir = _heir(target, life, at_home=life.successor is not None or _at_home(target))
    if heir is None:
        return None
    gone = "is gone" if life.successor else f"is not known to {target.provider}"
    notices = (notice for notice in target.notice.split("; ") if notice != life.message)  # its end came sooner
    target = msgspec.structs.replace(target, notice="; ".join(notices))
    return _succeeded(target, heir, f"{target.model.id} {gone}: {heir} was asked in its place")


def _at_home(target: Target) -> bool:
    return target.dialect in DIALECTS and target.base_url == address_of(target.provider, target.dialect)


def _heir(target: Target, life: Lifecycle, *, at_home: bool) -> str | None:
    tuned = target.model.id.startswith("ft:")  # no other model replaces one that a caller has trained
    preset = PROVIDERS.get(target.provider)
    heir = life.successor or (preset.model if preset else None)
    return heir if at_home and not tuned and heir != target.model.id else None


def _succeeded(target: Target, heir: str, notice: str) -> Target:
    info = find_model(target.provider, heir)
    effort = target.effort or target.model.successor_effort
    # What was enough for one that does not think may not last to the first word of one that does.
    short = target.max_tokens == DEFAULT_MAX_TOKENS and info.deliberates(effort)
    limit = REASONING_MAX_TOKENS if short else target.max_tokens
    replaced = msgspec.structs.replace(target, model=info, max_tokens=limit, effort=effort)
    return with_notice(replaced, notice)
