"""`segue providers`: what is set up, and whether it can be reached."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.status import guarded
from segue.errors import ConfigurationError

if TYPE_CHECKING:
    from segue.routing.target import Target
    from segue.settings import Settings
    from segue.transport.base import Transport

_MILLION = 1_000_000


@guarded
def providers(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each provider.", min=0.01)] = 3.0,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider whether it can be reached.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show each target: its key, model, price, and whether it answers (a models list, which costs nothing)."""
    from segue.settings import load

    settings = load()
    rows = asyncio.run(_rows(settings, timeout=None if offline else timeout))
    if as_json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    from segue.cli.display import console, table

    shown = table(
        "", "target", "key", "model", "reachable", "$ in/out, 1M tokens", "remark", right=("$ in/out, 1M tokens",)
    )
    for row in rows:
        name = f"{row['target']} (simulated)" if row["simulated"] else row["target"]
        shown.add_row(name, row["key"], row["model"] or "", row["reachable"], row["price"], row["remark"])
    console.print(shown)


async def _rows(settings: Settings, *, timeout: float | None) -> list[dict[str, Any]]:
    from segue.transport.aio import AioTransport

    names = dict.fromkeys([*settings.chain, *settings.targets])
    transport = AioTransport()
    try:
        return list(await asyncio.gather(*(_row(name, settings, transport, timeout) for name in names)))
    finally:
        await transport.aclose()


async def _row(name: str, settings: Settings, transport: Transport, timeout: float | None) -> dict[str, Any]:
    from segue.catalog.models import lifecycle
    from segue.routing import resolve

    said = settings.target(name)
    row = {
        "target": name,
        "key": "",
        "model": said.model,
        "simulated": said.simulated,
        "reachable": "",
        "price": "",
        "remark": "",
    }
    try:
        target = resolve.target(name, said)
    except ConfigurationError as error:
        return row | {"key": "set" if said.api_key else "none", "remark": str(error)}
    usable = resolve.usable(name, said)
    row["key"] = "set" if target.key else "not needed" if usable else "none"
    row["model"] = target.model.id
    row["price"] = _price(target, settings)
    row["remark"] = lifecycle(target.model, datetime.now(UTC).date()).message or ""
    if usable and timeout is not None:
        row["reachable"] = await _reach(target, transport, timeout)
    return row


def _price(target: Target, settings: Settings) -> str:
    from segue.catalog.prices import price_of, read_overrides

    prices = price_of(target.provider, target.model.id, datetime.now(UTC), read_overrides(settings.prices))
    if prices is None:
        return "unknown"
    return f"{_plain(prices.input)}/{_plain(prices.output)}"


def _plain(price: Any) -> str:
    return f"{(price * _MILLION).normalize():f}"


async def _reach(target: Target, transport: Transport, timeout: float) -> str:
    """Whether the models list comes, or why not."""
    from segue.transport.base import TransportError
    from segue.wire.codec import Call
    from segue.wire.dialects import upstream

    codec = upstream(target.dialect)
    call = Call(
        model=target.model, base_url=target.base_url, key=target.key, headers=target.headers, quirks=target.quirks
    )
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            answer = await transport.send(codec.list_models(call), connect=timeout)
            try:
                if 200 <= answer.status < 300:
                    return f"yes, {(time.monotonic() - began) * 1000:.0f} ms"
                body = await answer.read()
                failure = codec.failure(answer.status, answer.headers, body, wall=time.time())
                return f"no: {failure.kind} ({answer.status}) {failure.message}"
            finally:
                answer.close()
    except TimeoutError:
        return f"no: silent for {timeout:g} s"
    except TransportError as error:
        return f"no: {error.message}"
