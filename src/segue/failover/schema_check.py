"""Whether a value follows a JSON Schema, in bounded time: the schema comes from a caller, and the check runs on the event loop.

A schema is compiled once and kept (the `KEPT` latest). These limits hold for any schema and any value:

- `MOST_SECONDS` of this thread's CPU time for one check, looked at before every keyword: exponential references and wide unions end there.
- Patterns run on an engine with a time limit, what is left of the check's; very long patterns and texts are not matched at all.
- References are resolved inside the schema only; nothing is fetched.
- Recursion ends at Python's own limit; `unevaluatedItems` and `unevaluatedProperties`, whose rules can't be bounded, are not checked.

A schema that can't be checked within them, or that is invalid, accepts every value: that is not the target's failure.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import jsonschema
import msgspec
import regex
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

log = logging.getLogger("segue")

KEPT: Final = 64
MOST_BYTES: Final = 100_000
"""A schema that is larger, as JSON, is not checked; providers refuse such schemas."""
MOST_SECONDS: Final = 0.1
MOST_PATTERN: Final = 500
MOST_MATCHED: Final = 20_000
"""Characters of a pattern, and of a text that a pattern is matched against."""

_LEFT_OUT: Final = frozenset({"unevaluatedItems", "unevaluatedProperties", "format"})

_limit = threading.local()


class _TooCostlyError(Exception):
    """The check has used up its time."""


class SchemaCheck:
    """One compiled schema. Safe to share between threads."""

    def __init__(self, encoded: bytes) -> None:
        document = msgspec.json.decode(encoded)
        default = jsonschema.Draft202012Validator
        draft = _bounded(jsonschema.validators.validator_for(document, default=default))
        self._validator = draft(document, registry=SPECIFICATIONS)
        self._given_up = False

    def problem(self, value: Any) -> str | None:
        """The first thing that is wrong with `value`, or None. Quotes the schema, never the value."""
        _limit.at = time.thread_time() + MOST_SECONDS
        try:
            error = next(self._validator.iter_errors(value), None)
            return None if error is None else _described(error)
        except Exception as reason:  # a hostile or broken schema can raise anything
            if not self._given_up:
                self._given_up = True
                log.warning("answers can't be checked against a schema: %s", type(reason).__name__.strip("_"))
            return None


def schema_check(schema: dict[str, Any]) -> SchemaCheck | None:
    """The check for a schema; None if it is invalid, or too large to be checked."""
    try:
        encoded = msgspec.json.encode(schema)
        return _compiled(encoded) if len(encoded) <= MOST_BYTES else None
    except Exception:  # the schema is invalid, in one of many ways
        return None


@functools.lru_cache(KEPT)
def _compiled(encoded: bytes) -> SchemaCheck:
    return SchemaCheck(encoded)


def _described(error: jsonschema.ValidationError) -> str:
    path, keyword = error.json_path[:120], error.validator
    wanted: Any = error.validator_value
    if keyword == "required":
        instance: Any = error.instance
        missing = [name for name in wanted if name not in instance]
        return f"{path} lacks {', '.join(missing)[:120]}"
    if isinstance(wanted, str | int | float) and not isinstance(wanted, bool):
        return f"{path} violates {keyword}: {str(wanted)[:120]}"
    return f"{path} violates {keyword}"


# Keywords, each within the check's time.

_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Any]


@functools.cache
def _bounded(draft: Any) -> Any:
    """A draft's validator class, with every keyword under the time limit."""
    keywords = {name: _timed(_OWN.get(name, rule)) for name, rule in draft.VALIDATORS.items() if name not in _LEFT_OUT}
    return jsonschema.validators.create(draft.META_SCHEMA, keywords, type_checker=draft.TYPE_CHECKER, id_of=draft.ID_OF)


def _timed(rule: _Keyword) -> _Keyword:
    def timed(validator: Any, wanted: Any, instance: Any, schema: Any) -> Any:
        if time.thread_time() > _limit.at:
            raise _TooCostlyError
        if instance is None and schema.get("nullable") is True:  # OpenAPI's form of allowing null
            return None
        return rule(validator, wanted, instance, schema)

    return timed


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; True where that is unknown."""
    if len(text) > MOST_MATCHED or (compiled := _pattern(pattern)) is None:
        return True
    left = max(0.001, _limit.at - time.thread_time())
    try:
        return compiled.search(text, timeout=left) is not None
    except TimeoutError:
        raise _TooCostlyError from None


@functools.lru_cache(1000)
def _pattern(pattern: str) -> Any:
    try:
        return regex.compile(pattern) if len(pattern) <= MOST_PATTERN else None
    except (regex.error, ValueError, RecursionError):
        return None


def _pattern_keyword(validator: Any, wanted: str, instance: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _matches(wanted, instance):
        yield jsonschema.ValidationError("the pattern does not match")


def _pattern_properties(
    validator: Any, wanted: dict[str, Any], instance: Any, _: Any
) -> Iterator[jsonschema.ValidationError]:
    for name, value in instance.items() if isinstance(instance, dict) else ():
        for pattern, schema in wanted.items():
            if _matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, instance: Any, schema: dict[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name not in known and not any(_matches(pattern, name) for pattern in patterns):
            if wanted is False:
                yield jsonschema.ValidationError("a property is not allowed")
            else:
                yield from validator.descend(value, wanted, path=name)


def _unique_items(validator: Any, wanted: bool, instance: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
    if wanted and isinstance(instance, list):
        distinct = {msgspec.json.encode(item, order="deterministic") for item in instance}
        if len(distinct) < len(instance):
            yield jsonschema.ValidationError("an item is repeated")


_OWN: Final = {
    "pattern": _pattern_keyword,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
