"""The tests stand where map.toml and the folders' names say, and reach every module."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import grimp

TESTS = Path(__file__).parent
MAP: dict[str, list[str]] = tomllib.loads((TESTS / "map.toml").read_text(encoding="utf-8"))
GRAPH = grimp.build_graph("segue", cache_dir=None)
MODULES = sorted(module for module in GRAPH.modules if not GRAPH.find_children(module))
_IMPORT = re.compile(
    r"^\s*(?:from (segue[\w.]*) import (\([^)]*\)|[^\n#]*)|import (segue[\w.]*))|[\"'](segue(?:\.\w+)+)", re.M
)
_FACES = {"segue": ["segue.client", "segue.langchain.registry", "segue.guide.functions", "segue.sandbox.box"]}
"""What the package loads lazily, and a command line, which a test runs as a program, imports when it is called."""


def homes(module: str) -> list[Path]:
    """Where a module is tested: its nearest line in the map, else the folder of its package's name."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if (named := MAP.get(".".join(parts[:length]))) is not None:
            return [TESTS / place for place in named]
    return [TESTS / parts[1]]


@cache
def reached(home: Path) -> frozenset[str]:
    """The modules that the tests of a place import, by themselves or through what they import."""
    found: set[str] = set()
    for file in [home] if home.is_file() else home.rglob("*.py"):
        for package, names, plain, quoted in _IMPORT.findall(file.read_text(encoding="utf-8")):
            base = package or plain or quoted
            named = {f"{base}.{name}" for name in re.findall(r"\w+", names)} | {base}
            found |= {module for module in named if module in GRAPH.modules} | set(_FACES.get(base, ()))
        if file.parent.name == "cli" or "-m" in file.read_text(encoding="utf-8"):
            found |= {"segue.__main__", "segue.cli.app"}
    for module in tuple(found):
        found |= GRAPH.find_upstream_modules(module)
    return frozenset(found)


def test_every_module_is_reached_by_the_tests_that_stand_for_it() -> None:
    assert MODULES
    missing = [
        module for module in MODULES if not any(home.exists() and module in reached(home) for home in homes(module))
    ]
    assert not missing, (
        f"no test stands for {', '.join(missing)}: write one in the folder of its name, or name it in map.toml"
    )


def test_every_line_of_the_map_names_what_there_is() -> None:
    for module, places in MAP.items():
        assert module in GRAPH.modules, f"{module} in map.toml is no module"
        for place in places:
            assert (TESTS / place).exists(), f"{place} in map.toml is not there"
