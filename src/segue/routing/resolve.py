"""From settings to targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from segue.catalog.models import FreeQuota, ModelInfo, find_model
from segue.catalog.providers import LOCAL, PROVIDERS, QUIRKS, Provider
from segue.errors import ConfigurationError
from segue.health.quota import QuotaLimits
from segue.routing.base_url import plain_base_url
from segue.routing.dialect import CHAT
from segue.routing.target import Target
from segue.settings import DEFAULT_MAX_TOKENS, DEFAULT_TEMPERATURE, TargetSettings
from segue.validation import nearest, unknown
from segue.wire.dialects import all_names, known
from segue.wire.dialects import base_url as public_address

ANY_MODEL = "any"
"""Stands for the model of a local server until one is found."""
REASONING_MAX_TOKENS = 8000
"""The default where a model thinks before it answers: its thinking counts, and 1500 tokens may not last to the first word."""


def target(name: str, settings: TargetSettings, *, providers: Mapping[str, Provider] = PROVIDERS) -> Target:
    """The target that `name` stands for. Raises `ConfigurationError` for what is missing."""
    provider_name = _billed_by(name, settings)
    provider = providers.get("llamacpp" if settings.file else provider_name)
    dialect = settings.dialect or (provider.dialect if provider else None)
    if dialect is None:
        otherwise = (
            ""
            if nearest(provider_name, providers)
            else f"; or set {variable(name)}_DIALECT to one of {', '.join(all_names())}, and {variable(name)}_BASE_URL"
        )
        raise ConfigurationError(f"target {name!r}: {unknown(provider_name, 'a known provider', providers)}{otherwise}")
    if not known(dialect):
        raise ConfigurationError(f"target {name!r}: {unknown(dialect, 'a dialect', all_names())}")
    for quirk in settings.quirks:
        if quirk not in QUIRKS:
            raise ConfigurationError(f"targets.{name}.quirks: {unknown(quirk, 'a quirk', QUIRKS)}")
    lookup = () if settings.file else _lookup(provider_name, provider, settings, providers)
    return described_by(provider, name, settings, dialect=dialect, lookup=lookup)


def described_by(
    provider: Provider | None, name: str, settings: TargetSettings, *, dialect: str, lookup: tuple[str, ...] = ()
) -> Target:
    """The target of a provider, or of an address alone. Raises `ConfigurationError` if it has no model or no address."""
    provider_name = _billed_by(name, settings)
    model = settings.model or (Path(settings.file).stem if settings.file else provider.model if provider else None)
    if not (model or lookup):
        raise ConfigurationError(f"target {name!r} names no model: set {variable(name)}_MODEL or targets.{name}.model")
    info = named(provider_name, model or ANY_MODEL)
    base_url = f"file:{settings.file}" if settings.file else _address(name, dialect, provider, settings).rstrip("/")
    return Target(
        name=name,
        provider=provider_name,
        dialect=dialect,
        model=info,
        base_url=base_url,
        key=settings.api_key,
        headers=settings.headers,
        temperature=DEFAULT_TEMPERATURE if settings.temperature is None else settings.temperature,
        max_tokens=settings.max_tokens or (REASONING_MAX_TOKENS if info.deliberates() else DEFAULT_MAX_TOKENS),
        timeout=settings.timeout,
        streams=settings.streams,
        simulated=settings.simulated,
        # Other addresses may not know it, and a dialect that was set stays set.
        responses=settings.dialect is None and dialect == CHAT and base_url == public_address(CHAT),
        tries_responses=settings.dialect is None and dialect == CHAT,
        quirks={**(provider.quirks if provider else {}), **settings.quirks},
        lookup=lookup,
        file=settings.file or "",
        region=region(settings, provider),
    )


def region(settings: TargetSettings, provider: Provider | None) -> str:
    """Where a target answers: as set, or where its preset is known to; "" for unknown. Another address may be anywhere."""
    if settings.region or provider is None or settings.base_url:
        return settings.region or ""
    return provider.region


def quota(target: Target, settings: TargetSettings) -> QuotaLimits | None:
    """What a target may use: as set, or for the free tier what is known of its model's; None is no limit."""
    value = settings.quota
    if value is None:
        return None
    known = target.model.free_quota or FreeQuota()
    if value.tier == "free":
        value = msgspec.structs.replace(
            value,
            requests_per_minute=value.requests_per_minute or known.requests_per_minute,
            tokens_per_minute=value.tokens_per_minute or known.tokens_per_minute,
            requests_per_day=value.requests_per_day or known.requests_per_day,
        )
    return QuotaLimits(
        requests_per_minute=value.requests_per_minute,
        input_tokens_per_minute=value.tokens_per_minute,
        requests_per_day=value.requests_per_day,
        tokens_per_day=known.tokens_per_day if value.tier == "free" else None,
    )


def free_within(target: Target, settings: TargetSettings) -> int | None:
    """Requests a day that a target's provider gives away, if the tier that it is asked on is not set; None where that is known."""
    known = target.model.free_quota
    if known is None or target.model.provider != target.provider or (settings.quota and settings.quota.tier):
        return None
    return known.requests_per_day


def on_free_tier(settings: TargetSettings) -> bool:
    """Whether a target is set to be asked on a free tier, where nothing is billed."""
    return settings.quota is not None and settings.quota.tier == "free"


def named(provider: str, model: str) -> ModelInfo:
    """What is known of a model, under the name that was asked for: a pinned snapshot stays pinned."""
    return msgspec.structs.replace(find_model(provider, model), id=model.strip())


def with_model(base: Target, model: str) -> Target:
    """The same target, asked for another model."""
    return msgspec.structs.replace(base, model=named(base.provider, model))


def described(name: str, settings: TargetSettings, *, providers: Mapping[str, Provider] = PROVIDERS) -> bool:
    """Whether it is known how to reach a target of that name, with or without a key."""
    return settings.dialect is not None or (settings.provider or name) in providers


def with_notice(target: Target, notice: str) -> Target:
    """The same target, whose answers say this too."""
    return msgspec.structs.replace(target, notice="; ".join(filter(None, (target.notice, notice))))


def usable(name: str, settings: TargetSettings, *, providers: Mapping[str, Provider] = PROVIDERS) -> bool:
    """Whether a target has what it takes to be asked: a key, or its own address that may need none."""
    provider = providers.get(settings.provider or name)
    return bool(settings.api_key or settings.base_url or settings.file) or (provider is not None and provider.keyless)


def key_variable(name: str) -> str:
    """The environment's variable for a target's key."""
    return f"{variable(name)}_API_KEY"


def variable(name: str) -> str:
    """What the environment's variables for a target begin with."""
    return name.upper().replace("-", "_")


def _billed_by(name: str, settings: TargetSettings) -> str:
    return settings.provider or (LOCAL if settings.file else name)


def _lookup(
    name: str, provider: Provider | None, settings: TargetSettings, providers: Mapping[str, Provider]
) -> tuple[str, ...]:
    """Which local servers to look for: none where it is set who is asked for what."""
    if provider is None or not provider.local:
        return ()
    if name == LOCAL and not settings.base_url:
        return tuple(other for other, preset in providers.items() if preset.local and other != LOCAL)
    return () if settings.model else (name,)


def address_of(provider: str, dialect: str, *, providers: Mapping[str, Provider] = PROVIDERS) -> str:
    """Where a provider is at home: the address that is asked where none is set."""
    preset = providers.get(provider)
    return (preset.base_url if preset is not None else None) or public_address(dialect)


def _address(name: str, dialect: str, provider: Provider | None, settings: TargetSettings) -> str:
    if settings.base_url is not None:
        home = (provider.base_url or provider.address) if provider else None
        return plain_base_url(settings.base_url, dialect, home or public_address(dialect))
    address = provider.base_url if provider else None
    if address is not None:
        return address
    if provider is None or provider.address is not None:
        example = f", e.g. {provider.address}" if provider else ""
        raise ConfigurationError(
            f"target {name!r} has no address: set {variable(name)}_BASE_URL or targets.{name}.base_url{example}"
        )
    return "http://127.0.0.1" if provider.local else public_address(dialect)
