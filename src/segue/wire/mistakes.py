"""The parts of msgspec's message about a value of the wrong shape."""

from __future__ import annotations


def split_path(text: str) -> tuple[str, str]:
    """The message without its end, and the path of the field at fault in that end: `messages[0].role`; "" for the whole value."""
    what, mark, path = text.rpartition(" - at `$")
    return (what, path.removesuffix("`").removeprefix(".")) if mark else (text, "")
