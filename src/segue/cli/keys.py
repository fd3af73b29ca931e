"""`segue keys`: the keys that programs present to the gateway."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from segue.cli.exit_status import guarded

if TYPE_CHECKING:
    from segue.server.keys.store import Key


@click.group(no_args_is_help=True)
def keys() -> None:
    """Make, show and revoke the gateway's keys."""


@keys.command()
@click.argument("name")
@click.option("--rate", type=click.IntRange(min=1), help="Requests a minute.")
@click.option("--daily-budget", metavar="USD", help="US dollars a day.")
@click.option(
    "--models",
    metavar="A,B",
    help="The models it may ask for, e.g. auto,openai/gpt-6-luna; all if left out.",
)
@click.option(
    "--scope",
    default="calls",
    help="What it is for: calls, metrics (and history; it can't spend), or admin for both.",
)
@guarded
def create(name: str, rate: int | None, daily_budget: str | None, models: str | None, scope: str) -> None:
    """Make a key. Its secret is printed this once.

    NAME is what the key is for.
    """
    from segue.cli.display import notes
    from segue.server.keys.factory import keyring_of
    from segue.settings_loading import load

    allowed = () if models is None else tuple(word.strip() for word in models.split(","))
    ring = keyring_of(load())
    key, secret = ring.create(name, rate=rate, daily_budget=_dollars(daily_budget), models=allowed, scope=scope)  # type: ignore[arg-type]
    click.echo(secret.reveal())
    message = f"This is {key.id}. Keep its secret now: only a hash is stored in {ring.place}, it can't be shown again."
    notes.print(message, markup=False, soft_wrap=True)


@keys.command("list")
@guarded
def list_keys() -> None:
    """Show the keys, never their secrets."""
    import time

    from rich.text import Text

    from segue.budgets.admission import store_of, zone_of
    from segue.budgets.lease import day_of
    from segue.cli.display import console, money, notes, table
    from segue.ledger.stores.money import from_pico
    from segue.server.keys.factory import how_to_have_one, keyring_of
    from segue.server.keys.store import budget_of
    from segue.settings_loading import load

    settings = load()
    ring = keyring_of(settings)
    listed = ring.listed()
    if not listed:
        notes.print(f"There is no key in {ring.place}: {how_to_have_one(settings)}", markup=False, soft_wrap=True)
        return
    spent = store_of(settings).spent(day_of(time.time(), zone_of(settings)))
    made = table(
        "",
        "id",
        "name",
        "for",
        "models",
        "a minute",
        "a day",
        "today",
        "state",
        right=("a minute", "a day", "today"),
        prose=("models",),
    )
    for key in listed:
        made.add_row(
            key.id,
            Text(key.name),
            key.scope,
            Text(", ".join(key.models) or "all"),
            str(key.rate or ""),
            money(key.daily_budget) if key.daily_budget is not None else "",
            money(from_pico(spent.get(budget_of(key), 0))) if key.daily_budget is not None else "",
            _state(key),
        )
    console.print(made, markup=False)
    notes.print(f"They are in {ring.place}.", style="dim", markup=False, soft_wrap=True)


@keys.command()
@click.argument("id")
@guarded
def revoke(id: str) -> None:
    """End a key for good.

    ID is what `segue keys list` shows. Running gateways refuse the key within two seconds.
    """
    from segue.server.keys.factory import keyring_of
    from segue.settings_loading import load

    ring = keyring_of(load())
    key = ring.revoke(id)
    click.echo(f"{key.id} ({key.name}) is revoked in {ring.place}; running gateways refuse it within two seconds.")


@keys.command()
@guarded
def copy() -> None:
    """Copy this machine's keys, which are in a file, to MongoDB. Their secrets stay good."""
    from segue.errors import ConfigurationError
    from segue.server.keys.factory import keyring_of
    from segue.server.keys.sqlite import FileKeyRing, keys_path
    from segue.settings_loading import load

    settings = load()
    if not settings.mongodb_url:
        raise ConfigurationError("there is nowhere to copy keys to: set MONGODB_URL")
    file, ring = FileKeyRing(keys_path(settings)), keyring_of(settings)
    click.echo(f"Keys taken over from {file.place} into {ring.place}: {ring.adopt(file)}")


def _dollars(text: str | None) -> Decimal | None:
    from segue.errors import ConfigurationError

    if text is None:
        return None
    try:
        return Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise ConfigurationError(f"--daily-budget {text!r} is no amount: use US dollars, such as 2.50") from None


def _state(key: Key) -> str:
    import datetime

    moment = key.created if key.revoked is None else key.revoked
    day = datetime.datetime.fromtimestamp(moment, datetime.UTC).date()
    return f"{'since' if key.revoked is None else 'revoked'} {day}"
