"""Reading what providers send where it does not have the form that their dialect gives it.

A decoder reads an event typed: that is fast, and enough for most answers. Only what the typed decoder refuses comes here:

- text that is almost JSON: bytes that are not UTF-8, control characters inside strings, `NaN`, half a surrogate pair;
- a value of another type whose meaning is clear: a number as a string, 5.0 or 5.7 for a count, an object where its text is
  meant, one object for a list of one; `null`, `false`, `""`, `[]` and `{}` for nothing.

A field that still cannot be read counts as absent, unless its shape says `Needed`: then the event is unreadable.

A character that a provider cut in two (`\\ud83d` ends one delta, `\\ude00` begins the next) is joined again; a half that
stays alone becomes U+FFFD.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar, cast

import msgspec
from msgspec.inspect import (
    AnyType,
    BoolType,
    DictType,
    FloatType,
    IntType,
    ListType,
    Metadata,
    NoneType,
    RawType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from segue.chat.events import Failed, Finished, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnd, UpstreamEvent

T = TypeVar("T")

Needed: TypeAlias = Annotated[T, msgspec.Meta(extra={"needed": True})]
"""A field without which an event is worthless: it never counts as absent because it can't be read."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""All that decoding hostile bytes can raise."""


_FILLERS: Final = frozenset(
    {b"", b"null", b"true", b"false", b'""', b"[]", b"{}", b"ping", b"pong", b"heartbeat", b"keepalive", b"keep-alive"}
)


class Unreadable(ValueError):
    """What was sent has no clear meaning, and the answer needs it."""


class _Misfit(Exception):
    """A value that cannot be read as the type wanted."""


class Leniency:
    """The lenient decoder of one answer. `used`: it was needed, so text may hold halves of characters."""

    __slots__ = ("_halves", "used")

    def __init__(self) -> None:
        self.used = False
        self._halves: dict[str | int, str] = {}

    def read(self, data: bytes, shape: type[T]) -> T:
        """`data`, which the typed decoder refused, as `shape`. Raises `Unreadable`."""
        self.used = True
        try:
            return cast("T", _fit(_parse(data), _described(cast("Hashable", shape))))
        except _Misfit as misfit:
            raise Unreadable(str(misfit)) from None

    def mend(self, events: list[UpstreamEvent]) -> list[UpstreamEvent]:
        """The events with whole characters. A half at the end of a text is held back until its other half may have arrived."""
        whole: list[UpstreamEvent] = []
        for event in events:
            match event:
                case TextDelta(text, phase):
                    if text := self._whole("text", text):
                        whole.append(TextDelta(text, phase))
                case ThinkingDelta(text=text) if text:
                    whole.append(msgspec.structs.replace(event, text=self._whole("thinking", text)))
                case ToolCallDelta(index, arguments=arguments):
                    whole.append(msgspec.structs.replace(event, arguments=self._whole(index, arguments)))
                case ToolCallEnd(index):
                    if self._halves.pop(index, ""):
                        whole.append(ToolCallDelta(index, arguments=_REPLACEMENT))
                    whole.append(event)
                case Finished():
                    if self._halves.pop("text", ""):
                        whole.append(TextDelta(_REPLACEMENT))
                    whole.append(event)
                case Failed():
                    self._halves.clear()
                    whole.append(event)
                case _:
                    whole.append(event)
        return [_encodable(event) for event in whole]

    def _whole(self, channel: str | int, text: str) -> str:
        text = self._halves.pop(channel, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[channel] = text[-1]
            text = text[:-1]
        return whole_characters(text)


_REPLACEMENT: Final = "\ufffd"


def _encodable(event: UpstreamEvent) -> UpstreamEvent:
    """The event, with whole characters in its names and ids too."""
    try:
        msgspec.json.encode(event)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(event), ensure_ascii=False)
        return msgspec.convert(json.loads(whole_characters(text)), type(event))
    return event


def is_json(data: bytes) -> bool:
    """Whether it is one JSON value, in the form that the standard gives it."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except UNREADABLE:
        return False
    return True


def is_filler(data: bytes) -> bool:
    """Whether an event's data is empty: no data, an empty value, a comment, a keep-alive."""
    data = data.strip()
    return (len(data) <= 10 and data.lower() in _FILLERS) or data.startswith(b":")


def unframed(data: bytes) -> list[bytes]:
    """The documents in data that is not one document: the prefix `data:` written twice, or events without a blank line between them."""
    return [line for line in (line.strip().removeprefix(b"data:").strip() for line in data.splitlines()) if line]


def plain_text(value: Any) -> str:
    """The text that a value is or stands for; raises `Unreadable` for a value that has none and is not empty."""
    if isinstance(value, str):
        return value
    if _is_nothing(value):
        return ""
    try:
        return _text(value)
    except _Misfit as misfit:
        raise Unreadable(str(misfit)) from None


def whole_characters(text: str) -> str:
    """The text with the halves of surrogate pairs put together, and U+FFFD for a half that is alone."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parse_json(text: str) -> Any:
    """JSON text as providers write it; raises `Unreadable`."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def _parse(data: bytes) -> Any:
    return parse_json(data.decode("utf-8-sig", "replace"))


@cache
def _described(shape: Hashable) -> Type:
    return type_info(shape)


def _is_nothing(value: object) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _fit(value: Any, wanted: Type) -> Any:
    """`value` as the wanted type, or `_Misfit`."""
    match wanted:
        case Metadata(type=inner):
            return _fit(value, inner)
        case UnionType(types=options):
            return _fit_one(value, options)
        case StructType() if isinstance(value, dict):
            return _fit_struct(value, wanted)
        case StructType() if isinstance(value, list) and len(value) == 1:
            return _fit(value[0], wanted)
        case ListType(item_type=item):
            if isinstance(value, (list, dict)):
                return list(_fit_items(value if isinstance(value, list) else [value], item))
        case VarTupleType(item_type=item) if isinstance(value, list):
            return tuple(_fit_items(value, item))
        case DictType() if isinstance(value, dict):
            return value
        case RawType():
            return msgspec.Raw(json.dumps(value).encode())
        case AnyType():
            return value
        case NoneType() if value is None:
            return None
        case StrType():
            return _text(value)
        case IntType() | FloatType():
            return _number(value, whole=isinstance(wanted, IntType))
        case BoolType() if isinstance(value, (bool, int, str)) and value in _BOOLS:
            return _BOOLS[value]
    raise _Misfit(f"{value!r:.60} is out of place")


_BOOLS: Final = {True: True, False: False, "true": True, "True": True, "false": False, "False": False}
_TYPES: Final[dict[type[Type], type[Any]]] = {
    StrType: str,
    BoolType: bool,
    IntType: int,
    FloatType: float,
    ListType: list,
    DictType: dict,
    StructType: dict,
    NoneType: type(None),
}


def _fit_one(value: Any, options: Iterable[Type]) -> Any:
    """The first of a union's types that fits; those whose JSON type it is come first."""
    in_order = sorted(options, key=lambda option: type(value) is not _TYPES.get(type(option)))
    for option in in_order:
        try:
            return _fit(value, option)
        except _Misfit:
            continue
    if _is_nothing(value) and any(isinstance(option, NoneType) for option in in_order):
        return None
    raise _Misfit(f"{value!r:.60} is out of place")


def _fit_struct(value: dict[str, Any], wanted: StructType) -> Any:
    fields: dict[str, Any] = {}
    for field in wanted.fields:
        if field.encode_name not in value:
            continue
        found = value[field.encode_name]
        try:
            fields[field.name] = _fit(found, field.type)
        except _Misfit as misfit:
            needed = isinstance(field.type, Metadata) and (field.type.extra or {}).get("needed")
            if needed and not _is_nothing(found):
                raise Unreadable(f"{field.encode_name}: {misfit}") from None
    try:
        return wanted.cls(**fields)
    except TypeError as error:
        raise _Misfit(str(error)) from None


def _fit_items(values: list[Any], item: Type) -> Iterable[Any]:
    for value in values:
        if not _is_nothing(value):
            with suppress(_Misfit):
                yield _fit(value, item)


def _text(value: Any) -> str:
    """Text, or what stands for it: a number, an object that has a text, a list of such."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        for name in ("text", "content", "value"):
            if name in value:
                return _text(value[name])
    if isinstance(value, list) and value:
        return "".join(_text(one) for one in value)
    raise _Misfit(f"{value!r:.60} is not text")


def _number(value: Any, *, whole: bool) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _Misfit(f"{value!r:.60} is not a number")
    try:
        return int(float(value)) if whole else float(value)
    except (ValueError, OverflowError):
        raise _Misfit(f"{value!r:.60} is not a number") from None
