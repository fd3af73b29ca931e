"""Every public symbol is documented, and stands in the reference."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

PUBLIC = ("segue", "segue.ext", "segue.testing")
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def symbols(module: str) -> dict[str, Any]:
    loaded = importlib.import_module(module)
    return {f"{module}.{name}": getattr(loaded, name) for name in loaded.__all__}


def members(name: str, symbol: Any) -> dict[str, Any]:
    """The symbol and what a reader of the reference sees of it: its own public methods and properties."""
    own = vars(symbol) if inspect.isclass(symbol) and symbol.__module__.startswith("segue") else {}
    shown = {
        f"{name}.{member}": value
        for member, value in own.items()
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | classmethod))
    }
    return {name: symbol, **shown}


def promised() -> set[str]:
    """The methods that a public protocol documents: who implements them need not say it again."""
    protocols = [symbol for symbol in symbols("segue.ext").values() if getattr(symbol, "_is_protocol", False)]
    return {name for protocol in protocols for name, value in vars(protocol).items() if inspect.isfunction(value)}


def documented(symbol: Any) -> bool:
    """Whether it has its own docstring; a class does not inherit one."""
    return bool(vars(symbol).get("__doc__") if inspect.isclass(symbol) else inspect.getdoc(symbol))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_symbol_says_what_it_is(module: str) -> None:
    """A type alias can't carry a docstring at run time; its module says what it is."""
    known = promised()
    missing = [
        member
        for name, symbol in symbols(module).items()
        if inspect.isclass(symbol) or inspect.isfunction(symbol)
        for member, value in members(name, symbol).items()
        if not documented(value) and not (member != name and member.rpartition(".")[2] in known)
    ]
    assert not missing, f"without a docstring: {', '.join(missing)}"


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_symbol_stands_in_the_reference(module: str) -> None:
    shown = set(
        re.findall(r"^::: ([\w.]+)", "".join(p.read_text(encoding="utf-8") for p in REFERENCE.glob("*.md")), re.M)
    )
    defined = {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    assert not defined - shown, f"not in docs/reference: {', '.join(sorted(defined - shown))}"
