"""Every pattern of the two packages, and everything that judges a text, takes time in proportion to the text: tried with 100 kB of its worst.

The limit is generous, for a machine that is busy. What is quadratic takes minutes for 100 kB, so each trial climbs from a small size and
stops at the first that is too slow.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import pkgutil
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import career_coach
import segue
from segue.catalog.models import find_model, listed
from segue.catalog.tokens import estimate_tokens
from segue.errors import InvalidRequestError
from segue.monitoring.redaction import Redactor
from segue.routing.complexity import complexity
from segue.server import routes
from segue.wire import delay
from segue.wire.dialects import upstream
from segue.wire.mistakes import split_path
from segue.wire.openai.error_document import plain_text
from segue.wire.sse import EndlessError, SSEParser

from .worst_case import Attack, attacks

LIMIT = 5.0
"""Seconds for the largest size. Measured on an idle core: 0.3 at most."""
SIZES = (20_000, 100_000)
FIRST = 3_000
"""Characters at which all attacks on a pattern are tried; the slowest `FEW` are tried again with more, and the slowest of those climbs."""
FEW = 3

METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")


class Used(NamedTuple):
    """A pattern and the method by which its module calls it."""

    name: str
    pattern: re.Pattern[Any]
    method: str


def modules() -> Iterator[ModuleType]:
    for package in (segue, career_coach):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def patterns() -> list[Used]:
    """Those that are module globals, also in tuples and tables, and those that are written where they are used."""
    found: dict[tuple[str | bytes, int, str], Used] = {}
    for module in modules():
        if not module.__file__ or not module.__file__.endswith(".py"):
            continue
        tree = ast.parse(inspect.getsource(module))
        methods = _methods(tree)
        for name, value in vars(module).items():
            for used in _held(f"{module.__name__}.{name}", value, methods.get(name) or ["search", "fullmatch"]):
                found.setdefault((used.pattern.pattern, used.pattern.flags, used.method), used)
        for used in _written(module.__name__, tree):
            found.setdefault((used.pattern.pattern, used.pattern.flags, used.method), used)
    return list(found.values())


def _methods(tree: ast.AST) -> dict[str, list[str]]:
    """The methods of patterns that a module calls on each of its names."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            found[node.value.id].add(node.attr)
    return {name: sorted(methods) for name, methods in found.items()}


def _held(name: str, value: Any, methods: list[str], depth: int = 3) -> Iterator[Used]:
    if isinstance(value, re.Pattern):
        yield from (Used(name, value, method) for method in methods)
    elif isinstance(owner := getattr(value, "__self__", None), re.Pattern):
        yield Used(name, owner, value.__name__)
    elif depth and isinstance(value, dict):
        yield from _held(name, [*value, *value.values()], methods, depth)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _held(name, item, methods, depth - 1)


def _written(module: str, tree: ast.AST) -> Iterator[Used]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is(node.func.value, "re"):
            first = node.args[0] if node.args else None
            if node.func.attr in METHODS and isinstance(first, ast.Constant):
                yield Used(f"{module}:{node.lineno}", re.compile(first.value), node.func.attr)


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def run(used: Used, text: str) -> float:
    subject = text.encode() if isinstance(used.pattern.pattern, bytes) else text
    began = time.perf_counter()
    call = getattr(used.pattern, used.method)
    if used.method in ("sub", "subn"):
        call(subject[:0], subject)
    elif used.method == "finditer":
        list(call(subject))
    else:
        call(subject)
    return time.perf_counter() - began


def climb(attack: Attack, trial: Callable[[str], float], what: str) -> None:
    for size in SIZES:
        took = trial(attack.text(size))
        assert took < LIMIT, f"{what}: {took:.1f} s for {size} characters of {attack!r}"


def slowest(used: Used) -> list[Attack]:
    """The attacks on a pattern that take longest, the worst first."""
    few = sorted(attacks(used.pattern), key=lambda attack: -run(used, attack.text(FIRST)))[:FEW]
    return sorted(few, key=lambda attack: -run(used, attack.text(SIZES[0])))


def test_each_pattern_is_linear_in_its_worst_text() -> None:
    found = patterns()
    assert len(found) > 100, "the patterns are elsewhere: look for them where they are"
    for used in found:
        worst = slowest(used)[0]
        climb(worst, partial(run, used), f"{used.name}.{used.method}")


def test_the_attacks_find_what_is_quadratic() -> None:
    """The check itself can fail: the pattern that took 100 s for a name of 100 kB is found by its own attacks."""
    bad = Used("dated", re.compile(r"(?:[-@](?:\d{8}|20\d\d-\d\d-\d\d|00\d|latest))+$"), "search")
    least = {
        size: max(min(run(bad, attack.text(size)) for _ in range(5)) for attack in slowest(bad)) for size in (500, 4000)
    }
    assert least[4000] > 20 * least[500]


WORDS = ("a", "0", " ", "-", "_", "가", "\n", "\\", '"', "`", "<title>", "eyJ-", "-20240101", "exceed", " - at `$.a")


def _refused(path: str) -> None:
    try:
        routes.find("GET", path, {})
    except InvalidRequestError:
        pass


def _stream(text: str) -> None:
    parser, data = SSEParser(), text.encode()
    with contextlib.suppress(EndlessError):  # more lines than an event may have: its bound, in good time
        for at in range(0, len(data), 1000):
            parser.feed(data[at : at + 1000])
    parser.leftover()


def _failure(dialect: str) -> Callable[[str], object]:
    codec = upstream(dialect)

    def judge(text: str) -> object:
        body = b'{"error":{"message":"%b","type":"x","code":400}}' % text.encode("unicode_escape").replace(b'"', b"'")
        return codec.failure(400, {"content-type": "application/json", "retry-after": text}, body, wall=0.0)

    return judge


JUDGES: dict[str, Callable[[str], object]] = {
    "find_model": lambda text: find_model("openai", text),
    "find_model of a family": lambda text: find_model("claude", f"claude-sonnet-4{text}"),
    "listed": lambda text: listed("gemini", f"models/gemini-{text}"),
    "complexity": complexity,
    "estimate_tokens": estimate_tokens,
    "redaction": Redactor(["sk-known-secret"]),
    "duration": delay.duration,
    "until": lambda text: delay.until(text, 0.0),
    "retry_after": lambda text: delay.retry_after({"retry-after": text}, 0.0),
    "split_path": split_path,
    "plain_text": lambda text: plain_text(text.encode()),
    "route": lambda text: _refused(f"/v1/models/{text}"),
    "sse": _stream,
    "sse data": lambda text: _stream("data: " + text.replace("\n", "\ndata: ")),
    "failure of openai_chat": _failure("openai_chat"),
    "failure of openai_responses": _failure("openai_responses"),
    "failure of claude": _failure("claude"),
    "failure of gemini": _failure("gemini"),
}


@pytest.mark.parametrize("name", JUDGES)
def test_what_judges_a_text_is_linear_in_it(name: str) -> None:
    judge = JUDGES[name]

    def trial(text: str) -> float:
        began = time.perf_counter()
        judge(text)
        return time.perf_counter() - began

    for word in WORDS:
        climb(Attack("", word, ""), trial, name)
