"""What a check of the doctor's finds, and the checks that need no network: settings, keys by their looks, models' lives, proxies, the books."""

from __future__ import annotations

import os
import shutil
import sqlite3
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from segue.catalog.models import lifecycle
from segue.catalog.prices import dearest_of_family, price_of, read_overrides
from segue.catalog.providers import PROVIDERS, Provider
from segue.errors import ConfigurationError
from segue.ledger.stores.factory import place_of
from segue.ledger.stores.schema import FULL
from segue.routing import aging, resolve
from segue.routing.target import Target
from segue.settings import Settings

LITTLE_ROOM = 100 * 1024 * 1024
"""Bytes on the ledger's disk below which a warning is due: some 200,000 attempts."""
LOCKED = 1.0
"""Seconds that another process may hold the ledger before that is worth a word."""

_PLACEHOLDERS = ("your", "xxx", "...", "<", "changeme", "placeholder")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """`about` is a target's name, or what else was looked at. `advice` says in one line what to do; "" where there is nothing to do.

    A `fault` keeps something from working; a `warning` will, or may; a `note` is good to know.
    """

    about: str
    what: str
    state: Literal["ok", "note", "warning", "fault"]
    finding: str
    advice: str = ""


def names_of(settings: Settings) -> tuple[str, ...]:
    """The targets that the settings use: of the chain, of the named chains, and those that have a key or an address."""
    chains = [name for chain in settings.chains.values() for name in chain.targets]
    set_up = [name for name, target in settings.targets.items() if target.api_key or target.base_url]
    return tuple(dict.fromkeys([*settings.chain, *chains, *set_up]))


def check_target(name: str, settings: Settings) -> tuple[list[Checkup], Target | None]:
    """Checks of a target without a request to it, and the target if it can be asked."""
    settings_of = settings.target(name)
    try:
        target = resolve.target(name, settings_of)
    except ConfigurationError as error:
        return [
            Checkup(about=name, what="settings", state="fault", finding=str(error), advice="correct the setting named")
        ], None
    if not resolve.usable(name, settings_of):
        return [_no_key(name, settings)], None
    found = [] if not settings_of.api_key else list(_looks(name, target, settings))
    return found, target


def _no_key(name: str, settings: Settings) -> Checkup:
    variable = f"{resolve.variable(name)}_API_KEY"
    preset = PROVIDERS.get(settings.target(name).provider or name)
    page = f" (make one at {preset.key_page})" if preset is not None and preset.key_page else ""
    value = "no key is set, so the chain leaves it out"
    return Checkup(
        about=name,
        what="key",
        state="note",
        finding=value,
        advice=f"set {variable}{page}, or take {name} out of the chain",
    )


def _looks(name: str, target: Target, settings: Settings) -> Iterator[Checkup]:
    key = settings.target(name).api_key.reveal()
    preset = PROVIDERS.get(target.provider)
    lower = key.lower()
    problem = ""
    if key != key.strip("\"'") or any(character.isspace() for character in key):
        problem = "holds spaces or quotes"
    elif not key.isascii() or lower.startswith(_PLACEHOLDERS) or "api_key" in lower or "api-key" in lower:
        problem = "looks like a placeholder"
    elif preset is not None and target.base_url == resolve.address_of(target.provider, target.dialect):
        problem = _foreign(key, preset)
    if problem:
        advice = f"look at {resolve.variable(name)}_API_KEY"
        yield Checkup(about=name, what="key", state="warning", finding=f"the key {problem}", advice=advice)


def _foreign(key: str, preset: Provider) -> str:
    """Why a key is likely to be another provider's; "" if it is not. A private address may have its own keys."""
    prefix = _prefix(key)
    if prefix and prefix not in preset.key_prefixes and (maker := _maker(prefix)):
        return f"looks like {maker}'s"
    if preset.key_prefixes and not key.startswith(preset.key_prefixes):
        return f"does not begin with {' or '.join(preset.key_prefixes)}, as {preset.title}'s do"
    return ""


def _prefix(key: str) -> str:
    known = [prefix for preset in PROVIDERS.values() for prefix in preset.key_prefixes if key.startswith(prefix)]
    return max(known, key=len, default="")


def _maker(prefix: str) -> str:
    """Whose keys begin like this; "" if several ones' do."""
    makers = [preset.title for preset in PROVIDERS.values() if prefix in preset.key_prefixes]
    return makers[0] if len(makers) == 1 else ""


def check_life(target: Target, today: date) -> Iterator[Checkup]:
    life = lifecycle(target.model, today)
    if life.message is None:
        return
    variable = f"{resolve.variable(target.name)}_MODEL"
    heir = life.successor or aging.current(target, today, replace=True).model.id
    if life.status == "retired" and heir == target.model.id:
        advice = f"name another model in {variable}"
        yield Checkup(about=target.name, what="model", state="fault", finding=life.message, advice=advice)
        return
    days = (target.model.shutdown - today).days if target.model.shutdown else None
    left = f" ({days} days left)" if days is not None and days > 0 else ""
    advice = f"name another model in {variable}" if heir == target.model.id else f"set {variable}={heir}"
    yield Checkup(about=target.name, what="model", state="warning", finding=f"{life.message}{left}", advice=advice)


def check_price(target: Target, settings: Settings, today: date) -> Iterator[Checkup]:
    """A model without a price, where there are budgets that it is to keep to."""
    budgets = (settings.daily_budget, *(chain.daily_budget for chain in settings.chains.values()))
    asked = aging.current(target, today, replace=True).model.id
    if not any(budgets) or price_of(target.provider, asked, today, read_overrides(settings.prices)) is not None:
        return
    family = dearest_of_family(target.provider, asked, today)
    counted = "no budget sees it" if family is None else "budgets count it at its family's dearest"
    yield Checkup(
        about=target.name,
        what="price",
        state="warning",
        finding=f"no price is known for {asked}: {counted}",
        advice=f'write [prices."{asked}"] into segue.toml',
    )


def check_quota(target: Target, settings: Settings, today: date) -> Iterator[Checkup]:
    free = aging.current(target, today, replace=True).model.free_quota
    if free is None:
        return
    value = settings.target(target.name).quota
    limits = f"{free.requests_per_minute or '?'} requests a minute, {free.requests_per_day or '?'} a day"
    if value is not None and value.tier == "free":
        yield Checkup(about=target.name, what="quota", state="ok", finding=f"kept to the free tier: {limits}")
    elif value is None or value.tier is None:
        variable = f"{resolve.variable(target.name)}_TIER"
        text = f"{variable} is not set: costs are booked at list prices, and policies take it to be free"
        yield Checkup(
            about=target.name,
            what="quota",
            state="note",
            finding=text,
            advice=f"set {variable}=free on the free tier ({limits}), {variable}=paid where billing is on",
        )


def check_proxies(environ: Mapping[str, str]) -> Iterator[Checkup]:
    for name in _PROXIES:
        value = environ.get(name) or environ.get(name.lower())
        if not value:
            continue
        if name.startswith("SSL_"):
            there = Path(value).exists()
            state: Literal["note", "fault"] = "note" if there else "fault"
            result = f"{name}={value}" + ("" if there else ", and there is no such file")
            yield Checkup(
                about="network",
                what="proxy",
                state=state,
                finding=result,
                advice="" if there else f"correct or unset {name}",
            )
        elif name == "NO_PROXY":
            yield Checkup(about="network", what="proxy", state="note", finding=f"NO_PROXY={value}")
        else:
            yield Checkup(
                about="network", what="proxy", state="note", finding=f"requests go through {_bare(value)} ({name})"
            )
    if not any(environ.get(name) or environ.get(name.lower()) for name in _PROXIES) and urllib.request.getproxies():
        yield Checkup(about="network", what="proxy", state="note", finding="the system's settings name a proxy")


def _bare(url: str) -> str:
    """A proxy's address without the name and the password it may hold."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return f"{parts.scheme}://{parts.hostname or '?'}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "what is no address"


def check_ledger(settings: Settings) -> Checkup:
    """Whether the books can be written, without writing to them."""
    try:
        path = place_of(settings.ledger)
    except ConfigurationError as error:
        return Checkup(
            about="ledger", what="file", state="fault", finding=str(error), advice="set SEGUE_LEDGER to a file"
        )
    if "://" in (settings.ledger or "") and not str(settings.ledger).startswith("sqlite:"):
        return Checkup(about="ledger", what="store", state="note", finding=f"kept by a plug-in, at {settings.ledger}")
    if path is None:
        return Checkup(
            about="ledger", what="file", state="note", finding="kept in memory only, as SEGUE_LEDGER=none asks"
        )
    home = next(place for place in (path.parent, *path.parents) if os.path.exists(place))
    advice = f"let {home} be a directory that this user can write to, or set SEGUE_LEDGER to a file elsewhere"
    if os.path.isfile(path) and not os.access(path, os.W_OK):
        advice = f"let this user read and write {path}, or set SEGUE_LEDGER to another file"
    if not (home.is_dir() and os.access(home, os.W_OK)) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        return Checkup(about="ledger", what="file", state="fault", finding=f"{path} can't be written", advice=advice)
    free = shutil.disk_usage(home).free
    if free < FULL:
        message = f"the disk is full: {path} can't grow, and what is booked waits in memory"
        return Checkup(about="ledger", what="file", state="fault", finding=message, advice="make room on the disk")
    if path.exists() and (trouble := _locked(path)):
        return Checkup(
            about="ledger", what="file", state="fault", finding=f"{path}: {trouble}", advice=_cure(trouble, path)
        )
    if free < LITTLE_ROOM:
        message = f"{path} is writable, but the disk has only {free // 2**20} MB left"
        return Checkup(about="ledger", what="file", state="warning", finding=message, advice="make room on the disk")
    return Checkup(about="ledger", what="file", state="ok", finding=f"{path} can be written")


def _locked(path: Path) -> str:
    """What keeps a transaction from beginning, "" if nothing does."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCKED)) as books:
            books.execute("BEGIN IMMEDIATE")
            books.execute("SELECT count(*) FROM sqlite_master").fetchone()
            books.rollback()
    except sqlite3.Error as error:
        return str(error)
    return ""


def _cure(trouble: str, path: Path) -> str:
    if "locked" in trouble:
        return "another process holds the file for long: look which one it is, or set SEGUE_LEDGER to another file"
    return f"move {path} away, or set SEGUE_LEDGER to another file: a new one is made"
