"""What becomes of a target as its model ages: its end is announced, then its successor takes its place."""

from __future__ import annotations

from datetime import date

import msgspec

from segue.catalog.models import find_model, lifecycle
from segue.routing.resolve import REASONING_MAX_TOKENS, address_of
from segue.routing.target import Target
from segue.settings import DEFAULT_MAX_TOKENS
from segue.wire.dialects import DIALECTS


def current(target: Target, today: date, *, replace: bool) -> Target:
    """The target as it is to be asked on a day.

    A model whose end is near gives it a `notice`. One that was shut down is replaced by its successor, if `replace` and if the target is
    asked at its provider's own address: a name at another address may stand for anything.
    """
    life = lifecycle(target.model, today)
    if life.message is None:
        return target
    at_home = target.dialect in DIALECTS and target.base_url == address_of(target.provider, target.dialect)
    tuned = target.model.id.startswith("ft:")  # nobody else's model stands for what a caller has trained
    if life.status == "retired" and life.successor and replace and at_home and not tuned:
        return _succeeded(target, life.successor, f"{life.message}, which was asked in its place")
    return msgspec.structs.replace(target, notice=life.message)


def successor(target: Target, today: date) -> Target | None:
    """The same target with the model that takes the place of its own, which its provider no longer knows; None if there is none."""
    heir = lifecycle(target.model, today).successor
    if heir is None or heir == target.model.id:
        return None
    return _succeeded(target, heir, f"{target.model.id} is gone: {heir} was asked in its place")


def _succeeded(target: Target, heir: str, notice: str) -> Target:
    info = find_model(target.provider, heir)
    # What was enough for one that does not think may not last to the first word of one that does.
    short = target.max_tokens == DEFAULT_MAX_TOKENS and info.deliberates()
    limit = REASONING_MAX_TOKENS if short else target.max_tokens
    return msgspec.structs.replace(target, model=info, max_tokens=limit, notice=notice)
