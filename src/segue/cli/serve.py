"""`segue serve`: the gateway."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segue.cli.exit_status import guarded
from segue.cli.number import Number
from segue.errors import ConfigurationError

if TYPE_CHECKING:
    from segue.runtime import Runtime
    from segue.server.serve import ServeOptions


@click.command()
@click.option("--host", default="127.0.0.1", help="The address to listen on; others than loopback need a key.")
@click.option("--port", type=click.IntRange(1, 65535), default=4000, help="The port.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes, one a core.")
@click.option("--keys", is_flag=True, help="Ask for a key on loopback too, as behind a proxy.")
@click.option("--grace", type=Number(min=0), default=30.0, help="Seconds that open streams have after SIGTERM.")
@click.option("--max-body", type=click.IntRange(min=1), default=32, help="The largest request, in MiB.")
@click.option("--sandbox", is_flag=True, help="Let local stand-ins answer, no model.")
@guarded
def serve(host: str, port: int, workers: int, keys: bool, grace: float, max_body: int, sandbox: bool) -> None:
    """Serve the chain to any program, in any language.

    Point its base URL here: OpenAI's and Anthropic's SDKs and Google's speak to it as to their own.
    """
    from segue.cli.breakable import Breakable
    from segue.cli.simulated import ON_DEMAND
    from segue.sandbox import Sandbox
    from segue.server.serve import ServeOptions, build, listener, serve
    from segue.settings_loading import load

    if sandbox and workers > 1:
        raise ConfigurationError("stand-ins serve one process: leave out --workers or --sandbox")
    options = ServeOptions(
        host=host, port=port, workers=workers, keys=keys, grace=grace, max_body=max_body * 1024 * 1024
    )
    settings = load()
    with Sandbox(delay=0.02) if sandbox else nullcontext() as box:
        used = settings if box is None else box.settings(settings, every=True)
        application = build(used, options, None if box is None else Breakable(box))
        with listener(options) as taken:
            _welcome(application.runtime, options, "" if box is None else ON_DEMAND)
            serve(application, options, taken)


def _welcome(runtime: Runtime, options: ServeOptions, text: str) -> None:
    from segue.routing.resolve import variable

    if text:
        click.echo(text)
    targets = runtime.targets
    click.echo("chain: " + " > ".join(f"{target.name} ({target.model.id})" for target in targets.chain(None).targets))
    if missing := [name for name in runtime.settings.chain if not targets.usable(name)]:
        keys = ", ".join(f"{variable(name)}_API_KEY" for name in missing)
        click.echo(f"left out, no key: {', '.join(missing)} (set {keys})")
    files = [name for name in (".env", os.environ.get("SEGUE_CONFIG") or "segue.toml") if Path(name).is_file()]
    click.echo(f"settings: {', '.join(['the environment', *files])}")
    address = _address(options.host, options.port)
    click.echo(f"segue listens on {address}; Ctrl-C ends it. Point programs here:")
    click.echo(f"  OPENAI_BASE_URL={address}/v1\n  ANTHROPIC_BASE_URL={address}\n  GOOGLE_GEMINI_BASE_URL={address}")
    click.echo(f"people look at {address}/dashboard/")


def _address(host: str, port: int) -> str:
    """Where a program reaches the gateway: one that listens everywhere, by this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
