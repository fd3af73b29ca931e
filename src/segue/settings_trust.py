"""Which key goes to a target's address, where files of the working directory have a say in it.

A person who can put a file there, for example in a repository that is cloned, must not get at the environment's keys (CVE-2026-21852 was such a hole). So
`.env`, and a `segue.toml` that is only found there, set addresses and keys together:

- To an address that only such a file names goes the key that such a file gives.
- A key of the environment never goes there. Where there is no other, that is an error, which names the file and the key.
- Addresses that the environment names, or that a provider has by itself, get the environment's key as ever; but the key of one provider does
  not go to another, whose name a file puts in its place.

A file that the environment names (`SEGUE_CONFIG`) is the environment's word.
"""

from __future__ import annotations

from typing import NamedTuple

from segue.catalog.providers import PROVIDERS
from segue.errors import ConfigurationError


class Words(NamedTuple):
    """The settings of a target's address: each None where it is not set."""

    base_url: str | None
    provider: str | None
    dialect: str | None


class Keys(NamedTuple):
    """A target's key by where it stands; None where there is none. `variable` is the environment's name for it."""

    variable: str
    environment: str | None
    dotenv: str | None
    toml: str | None


def key_for(
    name: str, keys: Keys, *, configured: Words, trusted: Words, place: str, simulated: bool = False
) -> str | None:
    """The key of the target `name`. `configured` are all settings of its address, `trusted` those that do not come from a file of the
    working directory; `place` is that file. A `simulated` target needs no key.

    Raises `ConfigurationError` where the environment's key would go to an address that only the file names.
    """
    address = _home(name, configured)
    if address == _home(name, trusted) or (configured.base_url is None and name not in PROVIDERS):
        return keys.environment or keys.dotenv or keys.toml
    beside = keys.dotenv or keys.toml
    if beside is None and keys.environment is not None and not simulated:
        prefix = keys.variable.removesuffix("_API_KEY")
        raise ConfigurationError(
            f"{keys.variable} is not sent to {address}: only {place} names that address for {name!r}, and a file of the working "
            f"directory may not take a key of the environment. If the address is yours, set {prefix}_BASE_URL in the environment "
            f"too, or put the key beside the address in the file; if it is not, take it out of {place}"
        )
    return beside


def _home(name: str, words: Words) -> str:
    """The address of a target with these settings, or, if it has none, whose address it is."""
    provider = words.provider or name
    preset = PROVIDERS.get(provider)
    if words.base_url is not None:
        return words.base_url.rstrip("/")
    if preset is not None and preset.base_url is not None:
        return preset.base_url.rstrip("/")
    dialect = words.dialect or (preset.dialect if preset is not None else "")
    return f"the address of {dialect.partition('_')[0] or provider}"
