"""What `prices.jsonl` has to say: the installed price list's words on the catalogue's models.

python -m tests.catalog.price_snapshot          # writes the file
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import msgspec
from genai_prices.types import StartDateConstraint

from segue.catalog.models import entries
from segue.catalog.prices import SNAPSHOT, Listed, Since, schedule_in_list
from segue.catalog.providers import names_of


def lines() -> Iterator[Listed]:
    """The models whose prices change on days, if at all; what changes with the hour is left to the list."""
    places = {(names_of(info.provider).price_list or info.provider, info.id) for info in entries()}
    for provider, model in sorted(places):
        schedule = schedule_in_list(provider, model)
        if all(constraint is None or isinstance(constraint, StartDateConstraint) for constraint, _ in schedule):
            dated = tuple((since and Since(since.start_date), prices) for since, prices in schedule)
            yield Listed(version("genai-prices"), provider, model, dated)


def written() -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines())


if __name__ == "__main__":
    SNAPSHOT.write_bytes(written())
