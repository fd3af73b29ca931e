"""The models lists of the three dialects, as the simulated providers answer them."""

from __future__ import annotations

from datetime import date

from segue.wire import models

_RELEASED = date(2026, 1, 1)


def models_document(dialect: str, names: tuple[str, ...]) -> models.Document:
    """What `GET …/models` answers."""
    return models.many(dialect, [_listed(name) for name in names])


def model_document(dialect: str, name: str) -> models.Document:
    """What `GET …/models/{model}` answers."""
    return models.one(dialect, _listed(name))


def _listed(name: str) -> models.Listed:
    title = f"{name} (simulated)"
    return models.Listed(id=name, title=title, owner="sandbox", released=_RELEASED, window=1_048_576, max_output=65_536)
