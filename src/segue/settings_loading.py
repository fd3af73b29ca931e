"""Settings: the environment, a `.env` file and an optional `segue.toml`, as one frozen value.

What is said in several places is taken from the first of: the environment, `.env`, `segue.toml`, the defaults. Both files are looked
for in the working directory; `SEGUE_CONFIG` names another TOML file. A wrong value raises `ConfigurationError`, which names it, says
what is wrong with it, what is allowed and where it stands.

The environment, for a target `NAME` (`GEMINI`, `OPENAI`, `CLAUDE`, or any other in the chain, such as `GROQ`):

    NAME_API_KEY       the key (for gemini also GOOGLE_API_KEY, for claude also ANTHROPIC_API_KEY)
    NAME_MODEL         the model
    NAME_TEMPERATURE   0 to 2
    NAME_MAX_TOKENS    1 or more
    NAME_TIMEOUT       seconds to the first content, more than 0
    NAME_BASE_URL      another address
    NAME_DIALECT       the dialect it speaks: openai_chat, openai_responses, claude or gemini
    NAME_REGION        where it answers, e.g. `eu`, for `regions` in [policy]
    NAME_TIER          `free` keeps to the free tier's known limits, `paid` (the default) learns limits only from refusals
    SEGUE_CHAIN        the default chain, e.g. `gemini,openai,claude`
    SEGUE_LOCAL        `auto`: the chain ends with whichever local server is found running, as `local` in the chain does
    SEGUE_CONFIG       another settings file
    SEGUE_HOME         the directory of the ledger and of the gateway's keys
    SEGUE_POLICY       in which order a chain's targets are asked: priority, cost, latency, smart or weights
    SEGUE_LEDGER       the ledger's file; `none` keeps it in memory
    SEGUE_KEYS         the file of the gateway's keys, where they are not in MongoDB
    SEGUE_ORIGINS      web pages that may ask the gateway from a browser, e.g. `https://chat.example.com,app://obsidian.md`
    SEGUE_HOOKS        names of hooks that see requests and attempts, in order, e.g. `blocklist` (docs/extending.md)
    SEGUE_LOG          `json` or `text`: a line for each request and attempt
    SEGUE_LOG_LEVEL    `debug`, `info` (the default), `warning` or `error`
    SEGUE_LOG_BODIES   `true`: what is asked and answered is in the log too
    SEGUE_OTEL         `true`: OpenTelemetry traces and metrics; the gateway sends them where the OTEL_ variables say
    SEGUE_OTEL_BODIES  `true`: what is asked and answered is in the traces too
    SEGUE_HEALTH_CHECK seconds between the gateway's free health checks; 0 for none
    SEGUE_DAILY_BUDGET US dollars that may be spent a day, whatever for
    SEGUE_TIMEZONE     where a day of budgets and of usage begins at midnight, e.g. `Asia/Seoul`; UTC without it
    MONGODB_URL        where usage, budgets and the gateway's keys are kept for several machines
    MONGODB_TTL_DAYS   days after which attempts vanish from there; without it they stay

`segue.toml` has the same by other means: `chain`, `ledger`, `keys`, `daily_budget`, `timezone`, `mongodb_ttl_days`, `[targets.NAME]`,
`[chains.NAME]`, `[policy]`, `[prices.MODEL]`, `[monitoring]`, `origins` and `hooks`.
`policy = "smart"` stands for `[policy]` with that one line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dotenv import dotenv_values

from segue import plugins
from segue.errors import ConfigurationError
from segue.policy import Policy, PolicyName
from segue.secret import Secret
from segue.settings import DEFAULT_CHAIN, ChainSettings, MonitoringSettings, Settings, TargetSettings

T = TypeVar("T")

KEY_ALIASES = {
    "gemini": ("GOOGLE_API_KEY",),
    "claude": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_OPENAI_API_KEY",),
    "clova": ("CLOVASTUDIO_API_KEY", "CLOVA_STUDIO_API_KEY"),
    "moonshot": ("KIMI_API_KEY",),
    "perplexity": ("PPLX_API_KEY",),
    "zhipu": ("ZHIPUAI_API_KEY",),
}
"""Other variables in which a provider's key is looked for, as its own documentation names them."""


def load(
    environ: Mapping[str, str] | None = None, *, directory: str | Path = ".", config: str | Path | None = None
) -> Settings:
    """Reads the settings. `environ` replaces the process's environment, `config` the TOML file's place."""
    env = _Environment(os.environ if environ is None else environ, Path(directory) / ".env")
    named = config or env.get("SEGUE_CONFIG")
    path = Path(named) if named else Path(directory) / "segue.toml"
    if named and not path.is_file():
        raise ConfigurationError(f"there is no settings file {str(path)!r}: correct SEGUE_CONFIG or create the file")
    document = _read_toml(path) if path.is_file() else {}
    return _build(env, document, str(path))


class _Environment:
    """The environment over the `.env` file; remembers where a value came from."""

    def __init__(self, environ: Mapping[str, str], file: Path) -> None:
        self._environ = environ
        self._file = _read_dotenv(file) if file.is_file() else {}

    def get(self, name: str) -> str | None:
        return (self._environ.get(name) or self._file.get(name) or "").strip() or None

    def place(self, name: str) -> str:
        return "in the environment" if self._environ.get(name) else "in .env"


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name} is not in UTF-8: save it as such") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} is not valid TOML: {error}") from error


def _build(env: _Environment, document: dict[str, Any], path: str) -> Settings:
    known = {
        *[
            "chain",
            "ledger",
            "keys",
            "daily_budget",
            "timezone",
            "mongodb_ttl_days",
            "targets",
            "chains",
            "policy",
            "prices",
            "monitoring",
            "origins",
            "hooks",
        ]
    }
    for key in document.keys() - known:
        raise ConfigurationError(f"{key!r} is no setting: use one of {', '.join(sorted(known))} (in {path})")
    if isinstance(word := document.get("policy"), str):
        document = {**document, "policy": {"policy": word}}
    for key in ("targets", "chains", "policy", "prices", "monitoring"):
        if not isinstance(document.get(key, {}), dict):
            raise ConfigurationError(f"{key} must be a table: write [{key}] (in {path})")
    policy: Policy = _ordered(_convert({**document.get("policy", {})}, Policy, "policy", path), "policy", f"in {path}")
    if (word := env.get("SEGUE_POLICY")) is not None:
        policy = _ordered(policy.replace(policy=word), "SEGUE_POLICY", env.place("SEGUE_POLICY"))
    chain = _chain(env, document, path)
    chains = {name: _named_chain(name, table, policy, path) for name, table in document.get("chains", {}).items()}
    tables = document.get("targets", {})
    names = dict.fromkeys([*DEFAULT_CHAIN, *tables, *chain, *(t for c in chains.values() for t in c.targets)])
    return Settings(
        chain=chain,
        targets={name: _target(name, tables.get(name, {}), env, path) for name in names},
        chains=chains,
        policy=policy,
        prices=_convert(document.get("prices", {}), dict[str, dict[str, Any]], "prices", path),
        ledger=env.get("SEGUE_LEDGER") or document.get("ledger"),
        keys=env.get("SEGUE_KEYS") or document.get("keys"),
        daily_budget=_said(env, document, "daily_budget", "SEGUE_DAILY_BUDGET", _budget, path),
        timezone=_said(env, document, "timezone", "SEGUE_TIMEZONE", _timezone, path) or "UTC",
        mongodb_url=Secret(env.get("MONGODB_URL") or ""),
        mongodb_ttl_days=_ttl(env, document, path),
        monitoring=_monitoring(env, document.get("monitoring", {}), path),
        origins=_origins(env, document, path),
        hooks=_hooks(env, document, path),
    )


def _hooks(env: _Environment, document: dict[str, Any], path: str) -> tuple[str, ...]:
    if (said := env.get("SEGUE_HOOKS")) is not None:
        return tuple(filter(None, map(str.strip, said.split(","))))
    hooks: tuple[str, ...] = _convert(document.get("hooks", []), tuple[str, ...], "hooks", path)
    return hooks


def _ordered(policy: Policy, setting: str, place: str) -> Policy:
    """The policy, if the order that it names is Segue's own or a plug-in's."""
    if policy.policy not in (allowed := (*get_args(PolicyName), *plugins.names("policies"))):
        raise ConfigurationError(f"{setting}={policy.policy} is not a policy: use {', '.join(allowed)} ({place})")
    return policy


def _chain(env: _Environment, document: dict[str, Any], path: str) -> tuple[str, ...]:
    if (said := env.get("SEGUE_CHAIN")) is not None:
        names = tuple(name.strip() for name in said.split(",") if name.strip())
        place = env.place("SEGUE_CHAIN")
    else:
        names, place = _convert(document.get("chain", DEFAULT_CHAIN), tuple[str, ...], "chain", path), f"in {path}"
    if not names or len(set(names)) != len(names):
        raise ConfigurationError(f"chain must name each of its targets once, and at least one ({place})")
    if (local := env.get("SEGUE_LOCAL")) not in (None, "auto", "off"):
        raise ConfigurationError(f"SEGUE_LOCAL={local} is not known: use auto or off ({env.place('SEGUE_LOCAL')})")
    return names if local != "auto" or "local" in names else (*names, "local")


def _origins(env: _Environment, document: dict[str, Any], path: str) -> tuple[str, ...]:
    if (said := env.get("SEGUE_ORIGINS")) is not None:
        return tuple(filter(None, map(str.strip, said.split(","))))
    origins: tuple[str, ...] = _convert(document.get("origins", ()), tuple[str, ...], "origins", path)
    return origins


def _named_chain(name: str, table: Any, policy: Policy, path: str) -> ChainSettings:
    where = f"chains.{name}"
    if not isinstance(table, dict) or "targets" not in table:
        raise ConfigurationError(f'{where} must be a table with targets: targets = ["gemini", …] (in {path})')
    knobs = {key: value for key, value in table.items() if key not in ("targets", "daily_budget")}
    merged = {**msgspec.to_builtins(policy), **knobs}
    return ChainSettings(
        targets=_convert(table["targets"], tuple[str, ...], f"{where}.targets", path),
        policy=_ordered(_convert(merged, Policy, where, path), f"{where}.policy", f"in {path}"),
        daily_budget=_budget(f"{where}.daily_budget", table.get("daily_budget"), f"in {path}"),
    )


def _said(
    env: _Environment, document: dict[str, Any], name: str, variable: str, read: Callable[[str, Any, str], T], path: str
) -> T:
    """A setting that the environment has as `variable`, and the file as `name`."""
    if (said := env.get(variable)) is not None:
        return read(variable, said, env.place(variable))
    return read(name, document.get(name), f"in {path}")


def _budget(what: str, said: Any, place: str) -> Decimal | None:
    if said is None:
        return None
    try:
        budget = Decimal(str(said))
        if isinstance(said, bool) or not 0 < budget <= 1_000_000:
            raise ValueError
    except (InvalidOperation, ValueError):
        allowed = "use US dollars, more than 0 and up to 1000000"
        raise ConfigurationError(f"{what}={said} is no daily budget: {allowed} ({place})") from None
    return budget


def _timezone(what: str, said: Any, place: str) -> str | None:
    if said is None:
        return None
    try:
        return ZoneInfo(said).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError(f"{what}={said} is no time zone: use a name such as Asia/Seoul ({place})") from None


_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "SEGUE_LOG": ("log", ("json", "text")),
    "SEGUE_LOG_LEVEL": ("log_level", ("debug", "info", "warning", "error")),
    "SEGUE_LOG_BODIES": ("log_bodies", ("true", "false")),
    "SEGUE_OTEL": ("otel", ("true", "false")),
    "SEGUE_OTEL_BODIES": ("otel_bodies", ("true", "false")),
}
"""Variables that are one of a few words, and the field of `MonitoringSettings` that each sets."""


def _monitoring(env: _Environment, table: dict[str, Any], path: str) -> MonitoringSettings:
    values = {**table}
    for variable, (field, words) in _WORDS.items():
        if (said := env.get(variable)) is not None:
            if (word := said.lower()) not in words:
                raise ConfigurationError(f"{variable}={said}: use {' or '.join(words)} ({env.place(variable)})")
            values[field] = word == "true" if "true" in words else word
    interval, place = values.get("health_check", 60.0), f"in {path}"
    what = "monitoring.health_check"
    if (said := env.get("SEGUE_HEALTH_CHECK")) is not None:
        interval, place, what = said, env.place("SEGUE_HEALTH_CHECK"), "SEGUE_HEALTH_CHECK"
    values["health_check"] = _number(what, interval, _HEALTH_CHECK, place)
    settings: MonitoringSettings = _convert(values, MonitoringSettings, "monitoring", path)
    return settings


_Range: TypeAlias = tuple[type[int] | type[float], float, float, str]
"""A number's type, its least and greatest, and how to say so."""


def _ttl(env: _Environment, document: dict[str, Any], path: str) -> float | None:
    variable = "MONGODB_TTL_DAYS"
    if (said := env.get(variable)) is not None:
        return _number(variable, said, _DAYS, env.place(variable))
    said = document.get("mongodb_ttl_days")
    return None if said is None else _number("mongodb_ttl_days", said, _DAYS, f"in {path}")


_DAYS: _Range = (float, 1.0, 20_000.0, "use days, 1 or more")
_HEALTH_CHECK: _Range = (float, 0.0, 86400.0, "use seconds, 0 for none")
_RANGES: dict[str, _Range] = {
    "temperature": (float, 0.0, 2.0, "use 0 to 2"),
    "max_tokens": (int, 1, float("inf"), "use a whole number from 1"),
    "timeout": (float, 1e-3, float("inf"), "use seconds, more than 0"),
}


def _target(name: str, table: Any, env: _Environment, path: str) -> TargetSettings:
    if not isinstance(table, dict):
        raise ConfigurationError(f"targets.{name} must be a table: write [targets.{name}] (in {path})")
    values = {**table}
    key = values.pop("api_key", None)
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(f"targets.{name}.api_key must be text (in {path})")
    for field in values.keys() & _RANGES.keys():
        values[field] = _number(f"targets.{name}.{field}", values[field], _RANGES[field], f"in {path}")
    prefix = name.upper().replace("-", "_")
    for field in ("model", "base_url", "dialect", "region", *_RANGES):
        if (text := env.get(variable := f"{prefix}_{field.upper()}")) is not None:
            values[field] = _number(variable, text, _RANGES[field], env.place(variable)) if field in _RANGES else text
    if (tier := env.get(variable := f"{prefix}_TIER")) is not None:
        if tier not in ("free", "paid"):
            raise ConfigurationError(f"{variable}={tier} is no tier: use free or paid ({env.place(variable)})")
        values["quota"] = {**values.get("quota", {}), "tier": tier}
    for variable in (f"{prefix}_API_KEY", *KEY_ALIASES.get(name, ())):
        if (text := env.get(variable)) is not None:
            key = text
            break
    _check_url(name, values.get("base_url"))
    settings: TargetSettings = _convert(values, TargetSettings, f"targets.{name}", path)
    return msgspec.structs.replace(settings, api_key=Secret(key or ""))


def _number(what: str, value: Any, range_: _Range, place: str) -> float | int:
    kind, low, high, allowed = range_
    try:
        number = kind(value)
        if isinstance(value, bool) or (kind is int and float(value) != number):
            raise ValueError
    except (TypeError, ValueError):
        raise ConfigurationError(f"{what}={value} is not a number that fits: {allowed} ({place})") from None
    if not low <= number <= high:
        raise ConfigurationError(f"{what}={value} is out of range: {allowed} ({place})")
    return number


def _check_url(name: str, url: Any) -> None:
    if url is None:
        return
    if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise ConfigurationError(f"the base URL of {name} is not one: it must begin with http:// or https://")
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError(f"the base URL of {name} is not one: see whether its host and its port are right")


def _convert(value: Any, kind: Any, what: str, path: str) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        names = ", ".join(_fields(kind))
        hint = f"; it may have {names}" if names else ""
        raise ConfigurationError(f"{what} is wrong: {error}{hint} (in {path})") from error


def _fields(kind: Any) -> Iterator[str]:
    return iter(getattr(kind, "__struct_fields__", ()))
