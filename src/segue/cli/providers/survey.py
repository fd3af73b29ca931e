"""What is known of each target, and whether it answers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.models import lifecycle
from segue.catalog.prices import UnitPrices, price_of, read_overrides
from segue.cli.display import console, label, table, write_json
from segue.cli.progress import waiting
from segue.cli.tier import Tier, note, tier_of
from segue.errors import ConfigurationError
from segue.routing import resolve
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load

MILLION = 1_000_000


class Finding(msgspec.Struct, kw_only=True):
    """One target. `key` is "set", "none" or "not needed"; prices are US dollars a million tokens, None where unknown.

    `tier` is None where the provider gives nothing away. `reachable` is None where nothing was asked; `problem` says why it is False, or what is wrong with the settings.
    """

    target: str
    key: str
    simulated: bool
    model: str | None = None
    lifecycle: str | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    reachable: bool | None = None
    seconds: float | None = None
    problem: str | None = None
    tier: Tier | None = None


def show_survey(*, timeout: float | None, as_json: bool) -> None:
    """Prints a row for each target. `timeout` is in seconds; with None nothing is asked over the network."""
    findings = survey(load(), timeout=timeout)
    if as_json:
        write_json(findings)
        return
    price = "$ in/out, 1M tokens"
    shown = table("", "target", "key", "model", "reachable", price, right=(price,))
    for finding in findings:
        shown.add_row(
            label(finding.target, finding.simulated),
            finding.key,
            finding.model or "",
            _reach_text(finding),
            f"{_plain(finding.input_price)}/{_plain(finding.output_price)}" if finding.model else "",
        )
    console.print(shown)
    for finding in findings:
        remarks = (finding.problem, finding.lifecycle, note(finding.tier, "as shown"))
        for remark in filter(None, remarks):
            console.print(f"{finding.target}: {remark}", style="dim", markup=False)


def survey(settings: Settings, *, timeout: float | None) -> list[Finding]:
    """What is known of each target of the settings, the default chain's first."""
    found, asked = [], []
    for name in dict.fromkeys([*settings.chain, *settings.targets]):
        finding, target = _find(name, settings)
        found.append(finding)
        if target is not None:
            asked.append((finding, target))
    if asked and timeout is not None:
        from segue.cli.providers.reach import ask_all

        names = ", ".join(target.name for _, target in asked)
        with waiting(f"asking {names} for their models, {timeout:g} s at most …"):
            answers = ask_all([target for _, target in asked], timeout)
        for (finding, _), (problem, waited) in zip(asked, answers, strict=True):
            finding.problem, finding.reachable, finding.seconds = problem, problem is None, waited
    return found


def _find(name: str, settings: Settings) -> tuple[Finding, Target | None]:
    """What is known without asking, and the target if it can be asked."""
    value = settings.target(name)
    finding = Finding(target=name, key="set" if value.api_key else "none", simulated=value.simulated)
    try:
        target = resolve.target(name, value)
    except ConfigurationError as error:
        finding.problem = str(error)
        return finding, None
    finding.model = "the first it lists" if target.model.id == resolve.ANY_MODEL else target.model.id
    finding.lifecycle = lifecycle(target.model, datetime.now(UTC).date()).message
    finding.tier = tier_of(target, value)
    if (prices := _prices(target, settings)) is not None:
        finding.input_price, finding.output_price = prices.input * MILLION, prices.output * MILLION
    if not resolve.usable(name, value):
        return finding, None
    finding.key = "set" if target.key else "not needed"
    return finding, target


def _prices(target: Target, settings: Settings) -> UnitPrices | None:
    return price_of(target.provider, target.model.id, datetime.now(UTC), read_overrides(settings.prices))


def _reach_text(finding: Finding) -> str:
    if finding.reachable is None or finding.seconds is None:
        return ""
    return f"yes, {finding.seconds * 1000:.0f} ms" if finding.reachable else "no"


def _plain(price: Decimal | None) -> str:
    return "?" if price is None else f"{price.normalize():f}"
