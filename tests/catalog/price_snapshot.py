"""What `prices.jsonl` and `listed.jsonl` have to say: the installed price list's words on the catalogue's models, and its models' names.

python -m tests.catalog.price_snapshot          # writes the files
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, time
from importlib.metadata import version

import msgspec
from genai_prices.types import StartDateConstraint, TimeOfDateConstraint

from segue.catalog.models import entries
from segue.catalog.prices import NAMES, SNAPSHOT, Between, Listed, ListedNames, Since, names_in_list, schedule_in_list
from segue.catalog.providers import PROVIDERS, names_of


def prices() -> Iterator[Listed]:
    """The catalogue's models."""
    places = {(names_of(info.provider).price_list or info.provider, info.id) for info in entries()}
    for provider, model in sorted(places):
        schedule = tuple((_plain(constraint), units) for constraint, units in schedule_in_list(provider, model))
        yield Listed(version("genai-prices"), provider, model, schedule)


def names() -> Iterator[ListedNames]:
    """The providers whose new models are looked for."""
    for name, preset in PROVIDERS.items():
        if preset.tracked:
            listed_as = names_of(name).price_list or name
            yield ListedNames(version("genai-prices"), listed_as, names_in_list(listed_as))


def written(lines: Iterable[object]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _plain(
    constraint: Since | Between | StartDateConstraint | TimeOfDateConstraint | None,
) -> Since | Between | None:
    if isinstance(constraint, StartDateConstraint):
        return Since(constraint.start_date)
    if isinstance(constraint, TimeOfDateConstraint):
        return Between(_zoned(constraint.start_time), _zoned(constraint.end_time))
    return constraint


def _zoned(moment: time) -> time:
    """Times of the list without a zone are UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    SNAPSHOT.write_bytes(written(prices()))
    NAMES.write_bytes(written(names()))
