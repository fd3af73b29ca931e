"""The settings' reference, made from the code that reads them.

python -m tests.docs.settings_page > docs/settings.md
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from segue import settings_loading
from segue.secret import Secret
from segue.settings import Settings

HEAD = """# Settings

Everything is optional. What is set in several places is taken from the first of: the environment, a `.env` file in the working directory,
`segue.toml` there (or the file that `SEGUE_CONFIG` names), the defaults below. A wrong value is named with what is allowed:

    GEMINI_TEMPERATURE=3 is out of range: use 0 to 2 (in the environment)

**Files of the working directory may not take the environment's keys.** `.env`, and a `segue.toml` that is only found there, may set an
address and its key together. A key of the environment is never sent to an address that only such a file names: that is an error, which
names the file, the key, and what to do. Set the address in the environment too (`OPENAI_BASE_URL`), put the key beside the address, or
name the file yourself (`SEGUE_CONFIG=segue.toml`). `${VARIABLE}` in these files stands for itself.

## The environment
"""

TOML = """
## segue.toml

Times are in seconds, money is in US dollars; what has no default is not set.
"""


def page() -> str:
    """The page as it must stand in docs/settings.md."""
    return "\n".join((HEAD, _environment(), TOML, *_tables(), ""))


def _environment() -> str:
    """The variables that the docstring of `segue.settings_loading` lists, with its own words."""
    rows = ["| variable | meaning |", "|---|---|"]
    block = (
        (settings_loading.__doc__ or "").partition("The environment, for")[2].partition("\n\n")[2].partition("\n\n`")[0]
    )
    for line in textwrap.dedent(block).splitlines():
        if line.startswith(" "):
            rows[-1] = f"{rows[-1][:-2]} {line.strip()} |"
        else:
            name, _, meaning = line.partition(" ")
            rows.append(f"| `{name}` | {meaning.strip()} |")
    return "`NAME` is a target: `GEMINI`, `OPENAI`, `CLAUDE`, or another of the chain, such as `GROQ`.\n\n" + "\n".join(
        rows
    )


def _tables() -> Iterator[str]:
    yield "### The file itself\n"
    yield _table(Settings)
    for heading, struct in _reachable():
        yield f"\n### {heading}\n\n{inspect.getdoc(struct)}\n"
        yield _table(struct)


def _reachable() -> list[tuple[str, type[msgspec.Struct]]]:
    """The structs a settings file is made of, with the heading of the table that sets them."""
    found: dict[type[msgspec.Struct], str] = {}

    waiting: list[tuple[type[msgspec.Struct], str]] = [(Settings, "")]
    for struct, heading in waiting:
        for name, annotation in typing.get_type_hints(struct).items():
            for kind in _kinds(annotation):
                if kind not in found:
                    keyed = ".NAME" if typing.get_origin(annotation) is dict else ""
                    found[kind] = f"{heading}.{name}{keyed}".removeprefix(".")
                    waiting.append((kind, found[kind]))
    return [(f"`[{heading}]`", struct) for struct, heading in found.items()]


def _kinds(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and annotation is not Secret:
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _kinds(inner)


def _table(struct: type[msgspec.Struct]) -> str:
    texts = _field_docs(struct)
    rows = ["| name | type | default | |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        rows.append(f"| `{field.name}` | {_type(field.type)} | {_default(field)} | {texts.get(field.name, '')} |")
    return "\n".join(rows)


def _field_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The text below each field in the struct's source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(definition, ast.ClassDef)
    docs: dict[str, str] = {}
    for before, node in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs[ast.unparse(before.target)] = " ".join(str(node.value.value).split())
    return docs


def _type(annotation: Any) -> str:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return " or ".join(_type(kind) for kind in typing.get_args(annotation) if kind is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *notes = typing.get_args(annotation)
        meant = next((note.description for note in notes if isinstance(note, msgspec.Meta) and note.description), None)
        return meant or _type(kind)
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f'`"{value}"`' for value in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        inner = typing.get_args(annotation)
        return f"list of {_type(inner[0])}" if inner[-1] is ... else " and ".join(map(_type, inner))
    if typing.get_origin(annotation) is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return "table"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Secret: "text, secret"}
    return names.get(annotation, "any")


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None or isinstance(value, Secret | msgspec.Struct) or value in ({}, ()):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


if __name__ == "__main__":
    print(page(), end="")
