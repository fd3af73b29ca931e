"""What is added from outside: dialects, ledger stores, routing policies and hooks, by name.

A program calls `register`; an installed package declares an entry point in the kind's group instead, and is imported when its name is first
used. What is registered wins over an entry point of the same name. Segue's own names cannot be replaced: the modules that use a kind ask
here only for names that they do not know.

    [project.entry-points."segue.policies"]
    roomy = "my_package:roomiest_first"

The groups are `segue.dialects`, `segue.stores`, `segue.policies` and `segue.hooks`. docs/extending.md shows one of each.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from segue.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind: TypeAlias = Literal["dialects", "stores", "policies", "hooks"]

NAME: Final = re.compile(r"[a-z][a-z0-9_+.-]{0,63}")
"""What a plug-in can be called: it stands in settings, URLs and metrics."""


def register(kind: Kind, name: str, plugin: Any) -> None:
    """Adds a plug-in to this process, in place of the one of that name. Raises `ConfigurationError` for a name that does not match `NAME`."""
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(
            f"{name!r} can't name one of segue.{kind}: use a to z, 0 to 9 and _ + . - after a letter"
        )
    with _lock:
        _registered[kind][name] = plugin


def find(kind: Kind, name: str) -> Any | None:
    """The plug-in of that name, None if there is none.

    Raises `ConfigurationError` if its package cannot be imported.
    """
    if (known := _registered[kind].get(name)) is not None:
        return known
    if (point := _declared(kind).get(name)) is None:
        return None
    try:
        plugin = point.load()
    except Exception as error:
        raise ConfigurationError(f"the plug-in {name!r} ({point.value}) can't be imported: {error}") from error
    with _lock:
        return _registered[kind].setdefault(name, plugin)


def names(kind: Kind) -> tuple[str, ...]:
    """The names of all plug-ins of a kind, sorted; none of them is imported for it."""
    return tuple(sorted({*_registered[kind], *_declared(kind)}))


def _declared(kind: Kind) -> dict[str, EntryPoint]:
    """The entry points of a kind. Read once: what is installed later is found by the next process."""
    with _lock:
        if (known := _points.get(kind)) is None:
            from importlib.metadata import entry_points  # noqa: PLC0415  (most runs use no plug-in)

            known = _points[kind] = {point.name: point for point in entry_points(group=f"segue.{kind}")}
        return known


_registered: Final[dict[Kind, dict[str, Any]]] = {"dialects": {}, "stores": {}, "policies": {}, "hooks": {}}
_points: Final[dict[Kind, dict[str, EntryPoint]]] = {}
_lock: Final = threading.RLock()
