"""Settings: the environment, a `.env` file and an optional `segue.toml`, as one frozen value.

A value that is set in several places is taken from the first of: the environment, `.env`, `segue.toml`, the defaults. Both files are looked
for in the working directory, and may not take the environment's keys (see `settings_trust`); `SEGUE_CONFIG` names another TOML file. A wrong value raises `ConfigurationError`, which names it, says
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
    NAME_TIER          `free` keeps to the free tier's known limits and costs nothing, `paid` learns limits from refusals; set it for Gemini (routing.md, "Free quota")
    SEGUE_CHAIN        the default chain, e.g. `gemini,openai,claude`
    SEGUE_LOCAL        `auto`: the chain ends with whichever local server is found running, as `local` in the chain does
    SEGUE_CONFIG       another settings file
    SEGUE_HOME         the directory of the ledger and of the gateway's keys
    SEGUE_POLICY       in which order a chain's targets are asked: priority, cost, latency, smart or weights
    SEGUE_LEDGER       the ledger's file; `none` keeps it in memory
    SEGUE_LEDGER_DAYS  days after which attempts leave that file, and only their sums stay; without it they stay
    SEGUE_KEYS         the file of the gateway's keys, where they are not in MongoDB
    SEGUE_ORIGINS      web pages that may ask the gateway from a browser, e.g. `https://chat.example.com,app://obsidian.md`
    SEGUE_HOOKS        names of hooks that see requests and attempts, in order, e.g. `blocklist` (docs/extending.md)
    SEGUE_FAST_PATH    `false`: every request is carried with all that failing over needs, also those that never need it (docs/architecture.md)
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

`segue.toml` has the same by other means: `chain`, `ledger`, `ledger_days`, `keys`, `daily_budget`, `timezone`, `mongodb_ttl_days`, `[targets.NAME]`,
`[chains.NAME]`, `[policy]`, `[prices.MODEL]`, `[monitoring]`, `origins`, `hooks` and `fast_path`.
`policy = "smart"` stands for `[policy]` with that one line.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dotenv import dotenv_values

from segue import policy as policies
from segue import settings_trust as trust
from segue.catalog.providers import PROVIDERS
from segue.errors import ConfigurationError
from segue.policy import Policy
from segue.secret import Secret
from segue.settings import DEFAULT_CHAIN, ChainSettings, MonitoringSettings, QuotaSettings, Settings, TargetSettings
from segue.validation import convert, fields, nearest, read, unknown

log = logging.getLogger("segue")

T = TypeVar("T")

_MONITORING: Final = {
    "log": "SEGUE_LOG",
    "log_level": "SEGUE_LOG_LEVEL",
    "log_bodies": "SEGUE_LOG_BODIES",
    "otel": "SEGUE_OTEL",
    "otel_bodies": "SEGUE_OTEL_BODIES",
    "health_check": "SEGUE_HEALTH_CHECK",
}
"""The variable of each field of `MonitoringSettings`."""
_VARIABLES: Final = frozenset(
    {
        *_MONITORING.values(),
        *(
            f"SEGUE_{name}"
            for name in (
                "CHAIN",
                "LOCAL",
                "CONFIG",
                "HOME",
                "POLICY",
                "LEDGER",
                "LEDGER_DAYS",
                "KEYS",
                "ORIGINS",
                "HOOKS",
                "FAST_PATH",
            )
        ),
        *(f"SEGUE_{name}" for name in ("DAILY_BUDGET", "TIMEZONE", "KEY", "SERVE")),
    }
)
"""All variables that begin with `SEGUE_`; KEY is where programs keep their key to the gateway, SERVE the gateway's own."""
_OF_A_TARGET: Final = ("model", "base_url", "dialect", "region", "temperature", "max_tokens", "timeout")
"""The fields of `TargetSettings` that a variable sets."""
_SUFFIXES: Final = frozenset({"API_KEY", "TIER", *map(str.upper, _OF_A_TARGET)})
_TABLES: Final = ("targets", "chains", "policy", "prices", "monitoring")
_HEADER: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
"""A header's name (RFC 9110, section 5.6.2)."""
_MISSPELT: Final = 0.75
"""How like a known variable's an unknown one's name must be, 0 to 1, to be taken for a misspelling: other programs have variables too."""


def load(
    environ: Mapping[str, str] | None = None, *, directory: str | Path = ".", config: str | Path | None = None
) -> Settings:
    """Reads the settings. `environ` replaces the process's environment, `config` the TOML file's place."""
    env = _Environment(os.environ if environ is None else environ, Path(directory) / ".env")
    named = config or env.get("SEGUE_CONFIG")
    trusted = config is not None or env.sets("SEGUE_CONFIG")
    path = Path(named) if named else Path(directory) / "segue.toml"
    there = _is_file(path, optional=not named)
    if named and not there:
        raise ConfigurationError(f"there is no settings file {str(path)!r}: correct SEGUE_CONFIG or create the file")
    document = _read_toml(path) if there else {}
    return _build(env, document, str(path), trusted=trusted)


class _Environment:
    """The environment over the `.env` file; remembers where a value came from."""

    def __init__(self, environ: Mapping[str, str], file: Path) -> None:
        self._environ = environ
        self._file = _read_dotenv(file) if _is_file(file) else {}

    def get(self, name: str) -> str | None:
        return (self._environ.get(name) or self._file.get(name) or "").strip() or None

    def sets(self, name: str) -> bool:
        """Whether the process's own environment has it."""
        return bool(self._environ.get(name, "").strip())

    def apart(self, name: str) -> tuple[str | None, str | None]:
        """A variable of the process's own environment, and of `.env`."""
        return self._environ.get(name, "").strip() or None, self._file.get(name, "").strip() or None

    def names(self) -> list[str]:
        """The variables that are set, sorted."""
        return sorted({*self._environ, *self._file})

    def place(self, name: str) -> str:
        return "in the environment" if self.sets(name) else "in .env"


def _is_file(path: Path, *, optional: bool = True) -> bool:
    """Whether a file is there. An optional one whose directory this user may not enter counts as absent."""
    try:
        return path.is_file()
    except OSError as error:
        if optional:
            return False
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} can't be read: {error.strerror}; let this user read it, or take it away")


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name} is not in UTF-8: save it as such") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name} is not in UTF-8: save it as such") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path.name} is not valid TOML: {error}") from error


def _build(env: _Environment, document: dict[str, Any], path: str, *, trusted: bool) -> Settings:
    place = f" (in {path})"
    known = fields(Settings).keys() - {"mongodb_url"}
    for key in document:
        if key not in known:
            raise unknown(key, "a setting", known, place=place)
    if isinstance(word := document.get("policy"), str):
        document = {**document, "policy": {"policy": word}}
    for key in _TABLES:
        if not isinstance(document.get(key, {}), dict):
            raise ConfigurationError(f"{key} must be a table: write [{key}]{place}")
    policy = _policy(Policy(), document.get("policy", {}), "policy", place)
    if (word := env.get("SEGUE_POLICY")) is not None:
        policy = policy.replace(policy=_order(word, "SEGUE_POLICY", f" ({env.place('SEGUE_POLICY')})"))
    chain = _chain(env, document, path)
    chains = {name: _named_chain(name, table, policy, place) for name, table in document.get("chains", {}).items()}
    tables = document.get("targets", {})
    items = (*DEFAULT_CHAIN, *tables, *chain, *(target for named in chains.values() for target in named.targets))
    ready = (name for name, preset in PROVIDERS.items() if preset.model is not None and _key(name, env) is not None)
    names = dict.fromkeys((*items, *ready))
    for variable, near in _misspelt(env, names):
        _warn(f"{variable} is not a variable of Segue: did you mean {near}? ({env.place(variable)})")
    return Settings(
        chain=chain,
        targets={name: _target(name, tables.get(name, {}), env, place, trusted=trusted) for name in names},
        chains=chains,
        policy=policy,
        prices=convert("prices", document.get("prices", {}), dict[str, dict[str, Any]], place=place),
        ledger=_setting(env, document, "ledger", "SEGUE_LEDGER", path),
        ledger_days=_setting(env, document, "ledger_days", "SEGUE_LEDGER_DAYS", path),
        keys=_setting(env, document, "keys", "SEGUE_KEYS", path),
        daily_budget=_first_set(env, document, "daily_budget", "SEGUE_DAILY_BUDGET", _budget, path),
        timezone=_first_set(env, document, "timezone", "SEGUE_TIMEZONE", _timezone, path) or "UTC",
        mongodb_url=Secret(env.get("MONGODB_URL") or ""),
        mongodb_ttl_days=_setting(env, document, "mongodb_ttl_days", "MONGODB_TTL_DAYS", path),
        monitoring=_monitoring(env, document.get("monitoring", {}), place),
        origins=_setting(env, document, "origins", "SEGUE_ORIGINS", path) or (),
        hooks=_setting(env, document, "hooks", "SEGUE_HOOKS", path) or (),
        fast_path=_setting(env, document, "fast_path", "SEGUE_FAST_PATH", path) is not False,
    )


def _setting(env: _Environment, document: dict[str, Any], name: str, variable: str, path: str) -> Any:
    """A field of `Settings` that the environment has as `variable`, and the file as `name`; None where neither has it."""
    kind = fields(Settings)[name]
    if (text := env.get(variable)) is not None:
        return convert(variable, text, kind, strict=False, place=f" ({env.place(variable)})")
    return convert(name, document[name], kind, place=f" (in {path})") if name in document else None


def _policy(base: Policy, table: Mapping[str, Any], name: str, place: str) -> Policy:
    """The base with the fields of a table changed."""
    if "policy" in table:
        _order(table["policy"], f"{name}.policy", place)
    return msgspec.structs.replace(base, **read(Policy, table, name, place=place))


def _order(value: Any, what: str, place: str) -> str:
    order: str = policies.checked("policy", value, what=what, place=place)
    return order


def _misspelt(env: _Environment, targets: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables that Segue does not read, each with the one that was probably meant."""
    prefixes = {f"{_prefix(name)}_" for name in targets}
    aliases = {variable for preset in PROVIDERS.values() for variable in preset.key_variables}
    for variable in env.names():
        if variable in _VARIABLES or variable in aliases:
            continue
        if variable.startswith("SEGUE_"):
            if near := nearest(variable.removeprefix("SEGUE_"), _words(_VARIABLES), cutoff=_MISSPELT):
                yield variable, f"SEGUE_{near}"
            continue
        for prefix in prefixes:
            suffix = variable.removeprefix(prefix)
            if suffix != variable and suffix not in _SUFFIXES:
                if near := nearest(suffix, _SUFFIXES, cutoff=_MISSPELT):
                    yield variable, f"{prefix}{near}"
                break


def _words(variables: frozenset[str]) -> set[str]:
    return {variable.removeprefix("SEGUE_") for variable in variables}


def _warn(message: str) -> None:
    """Logs a warning, once in a process: settings are read again whenever a client is made."""
    if message not in _warned:
        _warned.add(message)
        log.warning("%s", message)


_warned: Final[set[str]] = set()


def _chain(env: _Environment, document: dict[str, Any], path: str) -> tuple[str, ...]:
    names = _setting(env, document, "chain", "SEGUE_CHAIN", path)
    names = DEFAULT_CHAIN if names is None else names
    if not names or len(set(names)) != len(names):
        place = env.place("SEGUE_CHAIN") if env.get("SEGUE_CHAIN") is not None else f"in {path}"
        raise ConfigurationError(f"chain must name each of its targets once, and at least one ({place})")
    local = env.get("SEGUE_LOCAL") or "off"
    convert("SEGUE_LOCAL", local, Literal["auto", "off"], place=f" ({env.place('SEGUE_LOCAL')})")
    return names if local == "off" or "local" in names else (*names, "local")


def _named_chain(name: str, table: Any, policy: Policy, place: str) -> ChainSettings:
    where = f"chains.{name}"
    if not isinstance(table, dict) or "targets" not in table:
        raise ConfigurationError(f'{where} must be a table with targets: targets = ["gemini", …]{place}')
    knobs = {key: value for key, value in table.items() if key not in ("targets", "daily_budget")}
    return ChainSettings(
        targets=convert(f"{where}.targets", table["targets"], tuple[str, ...], place=place),
        policy=_policy(policy, knobs, where, place),
        daily_budget=_budget(f"{where}.daily_budget", table.get("daily_budget"), place),
    )


def _first_set(
    env: _Environment,
    document: dict[str, Any],
    name: str,
    variable: str,
    parse: Callable[[str, Any, str], T],
    path: str,
) -> T:
    """A setting that the environment has as `variable`, and the file as `name`."""
    if (value := env.get(variable)) is not None:
        return parse(variable, value, f" ({env.place(variable)})")
    return parse(name, document.get(name), f" (in {path})")


def _budget(what: str, value: Any, place: str) -> Decimal | None:
    if value is None:
        return None
    try:
        budget = Decimal(str(value))
        if isinstance(value, bool) or not 0 < budget <= 1_000_000:
            raise ValueError
    except (InvalidOperation, ValueError):
        allowed = "use US dollars, more than 0 and up to 1000000"
        raise ConfigurationError(f"{what}={value} is not a daily budget: {allowed}{place}") from None
    return budget


def _timezone(what: str, value: Any, place: str) -> str | None:
    if value is None:
        return None
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ConfigurationError(f"{what}={value} is not a time zone: use a name such as Asia/Seoul{place}") from None


def _monitoring(env: _Environment, table: dict[str, Any], place: str) -> MonitoringSettings:
    values = read(MonitoringSettings, table, "monitoring", place=place)
    for field, variable in _MONITORING.items():
        if (text := env.get(variable)) is not None:
            kind = fields(MonitoringSettings)[field]
            values[field] = convert(variable, text.lower(), kind, strict=False, place=f" ({env.place(variable)})")
    return MonitoringSettings(**values)


def _target(name: str, table: Any, env: _Environment, place: str, *, trusted: bool) -> TargetSettings:
    if not isinstance(table, dict):
        raise ConfigurationError(f"targets.{name} must be a table: write [targets.{name}]{place}")
    key = table.get("api_key")
    if key is not None and not isinstance(key, str):
        raise ConfigurationError(f"targets.{name}.api_key must be text{place}")
    rest = {field: value for field, value in table.items() if field != "api_key"}
    values = read(TargetSettings, rest, f"targets.{name}", place=place)
    prefix = _prefix(name)
    for field in _OF_A_TARGET:
        if (text := env.get(variable := f"{prefix}_{field.upper()}")) is not None:
            kind = fields(TargetSettings)[field]
            values[field] = convert(variable, text, kind, strict=False, place=f" ({env.place(variable)})")
    if (text := env.get(variable := f"{prefix}_TIER")) is not None:
        tier = convert(variable, text, fields(QuotaSettings)["tier"], place=f" ({env.place(variable)})")
        values["quota"] = msgspec.structs.replace(values.get("quota") or QuotaSettings(), tier=tier)
    variable = f"{prefix}_BASE_URL"
    named = (variable, f" ({env.place(variable)})") if env.get(variable) else (f"targets.{name}.base_url", place)
    _check_url(values.get("base_url"), *named)
    _check_headers(values.get("headers", {}), name, place)
    key = _trusted_key(name, table, values, env, place, trusted=trusted)
    return TargetSettings(**values, api_key=Secret(key or ""))


def _trusted_key(
    name: str, table: Mapping[str, Any], values: Mapping[str, Any], env: _Environment, place: str, *, trusted: bool
) -> str | None:
    """A target's key, if it may go where the target is. Raises `ConfigurationError` if it may not."""
    value = trust.Words(*map(values.get, trust.Words._fields))
    own = {field: env.apart(f"{_prefix(name)}_{field.upper()}")[0] for field in ("base_url", "dialect")}
    ours = trust.Words(**{field: own.get(field) or (table.get(field) if trusted else None) for field in value._fields})
    variables = _key_variables(name)
    variable = next(filter(env.get, variables), variables[0])
    environment, dotenv = env.apart(variable)
    in_dotenv = [field for field in own if own[field] is None and env.get(f"{_prefix(name)}_{field.upper()}")]
    keys = trust.Keys(variable, environment, dotenv, table.get("api_key"))
    file = ".env" if in_dotenv else place.removeprefix(" (in ").removesuffix(")")
    return trust.key_for(
        name, keys, configured=value, trusted=ours, place=file, simulated=bool(values.get("simulated"))
    )


def _key(name: str, env: _Environment) -> str | None:
    """A target's key in the environment. One makes a provider usable by name, whether or not a chain has it."""
    return next(filter(None, map(env.get, _key_variables(name))), None)


def _key_variables(name: str) -> tuple[str, ...]:
    """The variables in which a target's key is looked for."""
    preset = PROVIDERS.get(name)
    return f"{_prefix(name)}_API_KEY", *(preset.key_variables if preset is not None else ())


def _prefix(name: str) -> str:
    """What the variables of a target begin with."""
    return name.upper().replace("-", "_")


def _check_headers(headers: Mapping[str, str], name: str, place: str) -> None:
    """Values are not shown: one may hold a key."""
    for field, value in headers.items():
        if not _HEADER(field):
            what = f"{field!r} is not a header's name: use letters, digits and hyphens"
            raise ConfigurationError(f"targets.{name}.headers: {what}{place}")
        if any(end in value for end in "\r\n\0"):
            raise ConfigurationError(f"targets.{name}.headers.{field} must be one line{place}")


def _check_url(url: Any, name: str, place: str) -> None:
    """The address itself is not shown: it may hold a password."""
    if url is None:
        return
    if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise ConfigurationError(f"{name} is not an address: it must begin with http:// or https://{place}")
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError(f"{name} is not an address: see whether its host and its port are right{place}")
