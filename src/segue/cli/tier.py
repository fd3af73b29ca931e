"""What a free tier means for what is shown: both prices where it isn't known which holds, and which was assumed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from segue.catalog.models import FreeQuota
from segue.routing import aging, resolve
from segue.routing.target import Target
from segue.settings import TargetSettings


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """`tier` is "free", "paid", or None where it is not set, `requests_per_day` what the free one allows, `variable` sets it."""

    tier: str | None
    requests_per_day: int | None
    variable: str


def tier_of(target: Target, settings: TargetSettings) -> Tier | None:
    """The tier that a target is asked on; None where its provider gives nothing away."""
    asked = aging.current(target, datetime.now(UTC).date(), replace=True)
    free = asked.model.free_quota
    on_free = resolve.on_free_tier(settings)
    if not on_free and (free is None or asked.model.provider != asked.provider):
        return None
    return Tier(
        tier=settings.quota.tier if settings.quota is not None else None,
        requests_per_day=(free or FreeQuota()).requests_per_day,
        variable=f"{resolve.variable(target.name)}_TIER",
    )


def note(tier: Tier | None, price: str) -> str:
    """What to say of a target beside its price, `price`: "" where that is all there is to say."""
    if tier is None or tier.tier == "paid":
        return ""
    within = f" within {tier.requests_per_day} requests a day" if tier.requests_per_day else ""
    if tier.tier == "free":
        return f"free{within}, as {tier.variable}=free says"
    return f"free{within}, else {price}; paid is assumed: set {tier.variable} to free or paid"
