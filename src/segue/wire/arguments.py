"""The arguments of a tool call that goes back to a model, which may be another than the one that wrote them."""

from __future__ import annotations

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def object_text(arguments: str) -> str:
    """The JSON text of an object: the arguments as they stand, or where they are none, one that shows the model what it wrote."""
    text = arguments.strip() or "{}"
    try:
        _OBJECT.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.encode({"not_json": text}).decode()
    return text
