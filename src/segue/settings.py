"""Settings as one frozen value. `settings_loading` reads them from the environment, `.env` and `segue.toml`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from segue.chat.request import Temperature, Tokens
from segue.policy import Policy, Positive, Seconds
from segue.secret import Secret

DEFAULT_CHAIN = ("gemini", "openai", "claude")
DEFAULT_TEMPERATURE = 0.7
"""The original guide's, as is `DEFAULT_MAX_TOKENS`."""
DEFAULT_MAX_TOKENS = 1500


class QuotaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that are kept before they are exceeded; None is no limit, or with `tier = "free"` the model's known free one."""

    tier: Literal["free", "paid"] | None = None
    """`free` keeps the model's known free limits where none is set below, and costs nothing; with None limits are learned from refusals."""
    requests_per_minute: Positive | None = None
    """Requests within any 60 s, failed ones too."""
    tokens_per_minute: Positive | None = None
    """Prompt tokens within any 60 s."""
    requests_per_day: Positive | None = None
    """Requests a day, which begins at midnight in Los Angeles."""


class TargetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is set for one target; None where nothing is. Ranges are those of the environment variables above."""

    provider: str | None = None
    """Who bills for it, if that is not the target's own name: a preset's name."""
    dialect: str | None = None
    """`openai_chat`, `openai_responses`, `claude` or `gemini`; else the provider's own."""
    model: str | None = None
    """The model's id, as the provider has it; else the provider's default."""
    base_url: str | None = None
    """Another address: http:// or https://, with or without `/v1`, without the dialect's own path."""
    region: str | None = None
    """Where it answers, in words of your own such as `eu`, for `regions` in `[policy]`; else the preset's, at its address."""
    api_key: Secret = Secret("")
    """Better in the environment or in `.env`."""
    temperature: Temperature | None = None
    """Left out where the model does not take it."""
    max_tokens: Tokens | None = None
    """The longest answer, in tokens."""
    timeout: Seconds | None = None
    """Seconds to the first content."""
    streams: bool = True
    """False: it can't stream, so its timers are totals."""
    simulated: bool = False
    """A local stand-in answers, no model; whatever shows its answers says so."""
    headers: dict[str, str] = {}
    """Sent with every request."""
    quirks: dict[str, Any] = {}
    """How it departs from its dialect; a preset has them already."""
    quota: QuotaSettings | None = None
    """Limits that are kept before they are exceeded."""
    file: str | None = None
    """A GGUF file whose model runs on this machine, or `smollm2` for the small model of a package (docs/local.md)."""


class ChainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A named chain: its targets in order and the policy it runs under."""

    targets: tuple[str, ...]
    """Targets' names, in order."""
    policy: Policy
    """In the file, its fields stand in the chain's own table."""
    daily_budget: Decimal | None = None
    """US dollars that the chain may spend a day."""


class MonitoringSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written down and sent out about requests, and how providers are watched."""

    log: Literal["json", "text"] | None = None
    """A line for each request and each attempt, in this form; none where nothing is set."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    log_bodies: bool = False
    """What is asked and answered is in the log too, its secrets taken out."""
    otel: bool = False
    """OpenTelemetry traces and metrics; the gateway sends them to where the OTEL_ variables of the environment say."""
    otel_bodies: bool = False
    """What is asked and answered is in the traces too, its secrets taken out."""
    health_check: Annotated[
        float, msgspec.Meta(ge=0.0, le=86_400.0, description="seconds, up to 86400; 0 for none")
    ] = 60.0
    """Seconds between the gateway's free health checks of each key; 0 for none."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is set."""

    chain: tuple[str, ...] = DEFAULT_CHAIN
    """The default chain: targets' names, in order."""
    targets: dict[str, TargetSettings] = {}
    """What is set for each target."""
    chains: dict[str, ChainSettings] = {}
    """Further chains, each with a name."""
    policy: Policy = Policy()
    """Every knob of failing over."""
    prices: dict[str, dict[str, Any]] = {}
    """Tables of prices by model, as `catalog.prices.read_overrides` takes them: US dollars a million tokens."""
    ledger: str | None = None
    """Path of the ledger's file; None for the default place, "none" for memory."""
    ledger_days: Annotated[float, msgspec.Meta(ge=1.0, le=20_000.0, description="days, 1 to 20000")] | None = None
    """Days after which attempts leave the ledger's file, and only their sums stay; without it they stay. For MongoDB: `mongodb_ttl_days`."""
    keys: str | None = None
    """Path of the file with the gateway's keys; None for the default place."""
    daily_budget: Decimal | None = None
    """US dollars that may be spent a day, whatever for."""
    timezone: str = "UTC"
    """Where a day of budgets and of usage begins at midnight: a name such as `Asia/Seoul`."""
    mongodb_url: Secret = Secret("")
    """In the environment only."""
    mongodb_ttl_days: Annotated[float, msgspec.Meta(ge=1.0, le=20_000.0, description="days, 1 to 20000")] | None = None
    """Days after which attempts vanish from MongoDB; without it they stay."""
    monitoring: MonitoringSettings = MonitoringSettings()
    """Logs, traces and health checks."""
    hooks: tuple[str, ...] = ()
    """Names of the hooks that see requests and attempts, in order (docs/extending.md)."""
    fast_path: bool = True
    """False: every request is carried with all that failing over needs, also those that never need it (docs/architecture.md)."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask the gateway from a browser, beside those of this machine: `scheme://host`, or `*` for all."""

    def target(self, name: str) -> TargetSettings:
        """What is set for a target; all defaults for one that is not mentioned."""
        return self.targets.get(name, TargetSettings())
