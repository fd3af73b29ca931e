"""The settings without secrets: keys, budgets and quotas with what is left of them, targets, chains and policies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from segue.errors import ConfigurationError
from segue.health.quota import QuotaKey
from segue.monitoring.redaction import Redactor
from segue.runtime import Runtime
from segue.server.auth import Gatekeeper
from segue.server.keys.store import Key, budget_of
from segue.server.models import usable_targets

ROWS: Final = 500
"""The most rows of each list."""


class BudgetRow(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars a day. `left` is None where no request of this process has fallen under it yet."""

    name: str
    limit: Decimal
    left: Decimal | None


class QuotaRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a target's known quota, counted by this process."""

    target: str
    window: str
    unit: str
    left: int


class TargetSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A target's settings. `host` is its address without path and password; `key`: it has an API key. `problem` says why it can't be used."""

    name: str
    provider: str
    model: str
    dialect: str
    host: str
    key: bool
    simulated: bool
    usable: bool
    region: str
    problem: str = ""


class ChainRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    targets: tuple[str, ...]
    policy: dict[str, Any]


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """`keys` is None where no key is required. Each list has at most `ROWS` rows; `left_out` counts the others."""

    keys: tuple[Key, ...] | None
    budgets: tuple[BudgetRow, ...]
    quotas: tuple[QuotaRow, ...]
    targets: tuple[TargetSetting, ...]
    chains: tuple[ChainRow, ...]
    monitoring: dict[str, Any]
    ledger: str
    timezone: str
    left_out: int


async def settings_view(runtime: Runtime, gatekeeper: Gatekeeper | None, redact: Redactor) -> SettingsView:
    """Reads keys and budgets in a thread."""
    settings = runtime.settings
    keys = None if gatekeeper is None else await asyncio.to_thread(gatekeeper.listed)
    left = await asyncio.to_thread(runtime.budgets.left) if "budgets" in runtime.__dict__ else {}
    budgets = _budgets(runtime, keys or (), left)
    targets = [_target(runtime, name) for name in runtime.targets.names]
    return SettingsView(
        keys=None if keys is None else keys[-ROWS:],
        budgets=budgets[:ROWS],
        quotas=_quotas(runtime)[:ROWS],
        targets=tuple(targets[:ROWS]),
        chains=_chains(runtime)[:ROWS],
        monitoring=msgspec.to_builtins(settings.monitoring),
        ledger=redact(runtime.ledger.status().location),
        timezone=settings.timezone,
        left_out=sum(max(0, len(each) - ROWS) for each in (keys or (), budgets, targets)),
    )


def _budgets(runtime: Runtime, keys: Sequence[Key], left: dict[str, Decimal]) -> tuple[BudgetRow, ...]:
    settings = runtime.settings
    limits: dict[str, Decimal | None] = {"all": settings.daily_budget}
    limits |= {f"chain:{name}": chain.daily_budget for name, chain in settings.chains.items()}
    limits |= {budget_of(key): key.daily_budget for key in keys if key.revoked is None}
    return tuple(
        BudgetRow(name=name, limit=limit, left=left.get(name)) for name, limit in limits.items() if limit is not None
    )


def _quotas(runtime: Runtime) -> tuple[QuotaRow, ...]:
    engine, now = runtime.engine, asyncio.get_running_loop().time()
    found = []
    for target in usable_targets(runtime):
        keys = engine.keys(target)
        rest = engine.quota.left(QuotaKey(keys.credential, keys.model), now, engine.wall())
        found += [
            QuotaRow(target=target.name, window=window, unit=unit, left=left) for (window, unit), left in rest.items()
        ]
    return tuple(found)


def _target(runtime: Runtime, name: str) -> TargetSetting:
    setting = runtime.settings.target(name)
    usable, problem = runtime.targets.usable(name), ""
    provider, model, dialect, base, simulated = (
        setting.provider or name,
        setting.model or "",
        setting.dialect or "",
        "",
        False,
    )
    try:
        target = runtime.targets[name]
    except ConfigurationError as error:
        usable, problem = False, str(error)
    else:
        provider, model, dialect, base = target.provider, target.model.id, target.dialect, target.base_url
        simulated = target.simulated
    return TargetSetting(
        name=name,
        provider=provider,
        model=model,
        dialect=dialect,
        host=_host(base),
        key=bool(setting.api_key),
        simulated=simulated,
        usable=usable,
        region=setting.region or "",
        problem=problem,
    )


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.hostname or ''}{port}"


def _chains(runtime: Runtime) -> tuple[ChainRow, ...]:
    settings = runtime.settings
    default = ChainRow(name="", targets=settings.chain, policy=msgspec.to_builtins(settings.policy))
    return (
        default,
        *(
            ChainRow(name=name, targets=chain.targets, policy=msgspec.to_builtins(chain.policy))
            for name, chain in settings.chains.items()
        ),
    )
