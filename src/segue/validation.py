"""One check, with one wording, for every value that a person writes: an option, a setting, a header.

A range stands once, as `msgspec.Meta` on the field that has it; its `description` is what a message says is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect

from segue.errors import ConfigurationError

SHOWN: Final = 80
"""Characters of a wrong value that a message shows."""


def convert(name: str, value: Any, kind: Any, *, strict: bool = True, place: str = "") -> Any:
    """The value as `kind`, a type or an annotated one.

    `strict=False` reads text, as it stands in variables and headers: "3" is a number, "true" a truth, "a,b" two names. `place` ends the
    message, e.g. " (in .env)". Raises `ConfigurationError` if the value has another type or is out of range.
    """
    try:
        return msgspec.convert(_plain(value) if strict else _read(value, kind), kind, strict=strict)
    except msgspec.ValidationError as error:
        one = isinstance(value, str) and isinstance(inspect.type_info(kind), inspect.VarTupleType)
        use = f"a list, such as [{value!r}]" if one else allowed(kind)
        raise ConfigurationError(f"{name}{_shown(value, strict)} {_problem(error)}: use {use}{place}") from None


def read(kind: type[msgspec.Struct], table: Mapping[str, Any], name: str, *, place: str = "") -> dict[str, Any]:
    """The fields of a struct that a table of a file has, and in tables within it those of the structs within.

    Raises `ConfigurationError` for one that does not exist or is wrong.
    """
    types = fields(kind)
    for field in table:
        if field not in types:
            raise unknown(f"{name}.{field}", "a setting", [f"{name}.{known}" for known in types], place=place)
    values: dict[str, Any] = {}
    for field, value in table.items():
        if (inner := _struct(types[field])) is not None and isinstance(value, Mapping):
            values[field] = inner(**read(inner, value, f"{name}.{field}", place=place))
        else:
            values[field] = convert(f"{name}.{field}", value, types[field], place=place)
    return values


def check(struct: msgspec.Struct, name: str) -> None:
    """Raises `ConfigurationError` for a field of a struct made in code that is wrong: making one checks nothing."""
    for field, kind in fields(type(struct)).items():
        value = getattr(struct, field)
        if isinstance(value, msgspec.Struct):
            check(value, f"{name}.{field}")
        else:
            convert(f"{name}.{field}", value, kind)


def unknown(name: str, what: str, known: Collection[str], *, place: str = "") -> ConfigurationError:
    """The error for a name that does not exist: it has the nearest one that does, else all of them."""
    near = nearest(name, known)
    hint = f": did you mean {near!r}?" if near else f"; use one of {', '.join(sorted(known))}"
    return ConfigurationError(f"{name!r} is not {what}{hint}{place}")


def nearest(name: str, known: Collection[str], *, cutoff: float = 0.65) -> str | None:
    """The known name that was probably meant, None if none is near. `cutoff` is `difflib`'s, 0 to 1."""
    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


@lru_cache(maxsize=64)
def fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of a struct's fields by name."""
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def allowed(kind: Any) -> str:
    """What a type allows, in words."""
    return _words(inspect.type_info(kind))


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner, extra_json_schema=extra):
            return (extra or {}).get("description") or _words(inner)
        case inspect.UnionType(types=types):
            return " or ".join(_words(inner) for inner in types if not isinstance(inner, inspect.NoneType))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType(values=values):
            return ", ".join(map(str, values))
        case inspect.TupleType(item_types=items):
            return f"{len(items)} values, each {_words(items[0])}"
        case inspect.VarTupleType(item_type=item):
            return f"a list, each {_words(item)}"
        case inspect.DictType(value_type=value):
            return f"a table of names, each {_words(value)}"
        case inspect.StructType(cls=cls):
            return f"a {cls.__name__}"
    return "another value"


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds, or may hold beside None."""
    for inner in (kind, *get_args(kind)):
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner
    return None


def _shown(value: Any, quoted: bool) -> str:
    if isinstance(value, Mapping):
        return ""  # its values may be secret
    text = repr(value) if quoted else str(value)
    return f"={text}" if len(text) <= SHOWN else f"={text[:SHOWN]}…"


def _problem(error: msgspec.ValidationError) -> str:
    """Whether the type or only the range is wrong: msgspec says in the first case what it got."""
    return "is wrong" if ", got " in str(error) or "Invalid" in str(error) else "is out of range"


def _plain(value: Any) -> Any:
    """A number of a subclass, such as numpy's, as the number that it is."""
    return float(value) if isinstance(value, float) and type(value) is not float else value


def _read(value: Any, kind: Any) -> Any:
    if isinstance(value, str) and isinstance(inspect.type_info(kind), inspect.TupleType | inspect.VarTupleType):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value.strip() if isinstance(value, str) else value
