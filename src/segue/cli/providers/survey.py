"""What is known of each target, and whether it answers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from segue.catalog.models import lifecycle
from segue.catalog.prices import UnitPrices, price_of, read_overrides
from segue.catalog.providers import PROVIDERS
from segue.cli.display import console, label, table, write_json
from segue.embedded.model_file import problem_with
from segue.errors import ConfigurationError
from segue.failover.local_upstream import LocalUpstream
from segue.routing import resolve
from segue.routing.target import Target
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.base import Transport, TransportError
from segue.transport.default import default_transport
from segue.wire.codec import Call
from segue.wire.dialects import upstream

MILLION = 1_000_000


class Finding(msgspec.Struct, kw_only=True):
    """One target. `key` is "set", "none" or "not needed"; prices are US dollars a million tokens, None where unknown.

    `reachable` is None where nothing was asked; `problem` says why it is False, or what is wrong with the settings.
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


def show_survey(*, timeout: float | None, as_json: bool) -> None:
    """Prints a row for each target. `timeout` is in seconds; with None nothing is asked over the network."""
    findings = asyncio.run(survey(load(), timeout=timeout))
    if as_json:
        write_json(findings)
        return
    price = "$ in/out, 1M tokens"
    shown = table("", "target", "key", "model", "reachable", price, "remark", right=(price,))
    for finding in findings:
        shown.add_row(
            label(finding.target, finding.simulated),
            finding.key,
            finding.model or "",
            _reach_text(finding),
            f"{_plain(finding.input_price)}/{_plain(finding.output_price)}" if finding.model else "",
            "; ".join(filter(None, (finding.lifecycle, finding.problem))),
        )
    console.print(shown)


async def survey(settings: Settings, *, timeout: float | None) -> list[Finding]:
    """What is known of each target of the settings, the default chain's first."""
    transport = default_transport()
    try:
        names = dict.fromkeys([*settings.chain, *settings.targets])
        return list(await asyncio.gather(*(_find(name, settings, transport, timeout) for name in names)))
    finally:
        await transport.aclose()


async def _find(name: str, settings: Settings, transport: Transport, timeout: float | None) -> Finding:
    said = settings.target(name)
    finding = Finding(target=name, key="set" if said.api_key else "none", simulated=said.simulated)
    try:
        target = resolve.target(name, said)
    except ConfigurationError as error:
        finding.problem = str(error)
        return finding
    finding.model = "the first it lists" if target.model.id == resolve.ANY_MODEL else target.model.id
    finding.lifecycle = lifecycle(target.model, datetime.now(UTC).date()).message
    if (prices := _prices(target, settings)) is not None:
        finding.input_price, finding.output_price = prices.input * MILLION, prices.output * MILLION
    if resolve.usable(name, said):
        finding.key = "set" if target.key else "not needed"
        if timeout is not None:
            began = time.monotonic()
            finding.problem = await _unreachable(target, transport, timeout)
            finding.reachable, finding.seconds = finding.problem is None, time.monotonic() - began
    return finding


def _prices(target: Target, settings: Settings) -> UnitPrices | None:
    return price_of(target.provider, target.model.id, datetime.now(UTC), read_overrides(settings.prices))


async def _unreachable(target: Target, transport: Transport, timeout: float) -> str | None:
    """Why the models list did not come, or None; a model on this machine has none, but must be there."""
    if target.file:
        return problem_with(target.file)
    if len(target.lookup) > 1:
        failure = await LocalUpstream(target, PROVIDERS, transport, time.time).probe(connect=timeout)
        return failure.message if failure is not None else None
    codec = upstream(target.dialect)
    call = Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )
    try:
        async with asyncio.timeout(timeout):
            answer = await transport.send(codec.list_models(call), connect=timeout)
            try:
                if 200 <= answer.status < 300:
                    return None
                failure = codec.failure(answer.status, answer.headers, await answer.read(), wall=time.time())
                return f"{failure.kind} (HTTP {answer.status}): {failure.message}"
            finally:
                answer.close()
    except TimeoutError:
        return f"silent for {timeout:g} s"
    except TransportError as error:
        return error.message


def _reach_text(finding: Finding) -> str:
    if finding.reachable is None or finding.seconds is None:
        return ""
    return f"yes, {finding.seconds * 1000:.0f} ms" if finding.reachable else "no"


def _plain(price: Decimal | None) -> str:
    return "?" if price is None else f"{price.normalize():f}"
