"""What msgspec says of a value of the wrong shape, taken apart."""

from __future__ import annotations


def split_path(text: str) -> tuple[str, str]:
    """The message without its end, and the path of the field at fault that the end names: `messages[0].role`; "" for the whole value."""
    what, mark, path = text.rpartition(" - at `$")
    return (what, path.removesuffix("`").removeprefix(".")) if mark else (text, "")
