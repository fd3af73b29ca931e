"""The table of presets, made from the data.

python -m tests.docs.providers_page writes it into docs/providers.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segue.catalog.providers import PROVIDERS, QUIRKS, Provider

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
BEGIN, END = "<!-- presets -->\n", "<!-- /presets -->\n"


def table() -> str:
    """What must stand between the marks."""
    return "\n".join([*_rows(), "", *_manners(), ""])


def written(page: str) -> str:
    """The page with the table as it must be."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def _rows() -> Iterator[str]:
    yield "| name | provider | address | default model | key |"
    yield "|---|---|---|---|---|"
    for name, preset in PROVIDERS.items():
        title = f"[{preset.title}]({preset.sources[0]})"
        address = preset.base_url or preset.address or ("" if preset.local else "the public one")
        yield f"| `{name}` | {title} | {address} | {_model(preset)} | {_key(name, preset)} |"


def _model(preset: Provider) -> str:
    if preset.model:
        return f"`{preset.model}`"
    return "the first it lists" if preset.local else "none: it is your deployment's name"


def _key(name: str, preset: Provider) -> str:
    keys = (f"{name.upper()}_API_KEY", *preset.key_variables)
    return "none needed" if preset.keyless else ", ".join(f"`{key}`" for key in keys)


def _manners() -> Iterator[str]:
    used: dict[str, list[str]] = {}
    for name, preset in PROVIDERS.items():
        for quirk, value in preset.quirks.items():
            used.setdefault(quirk, []).append(f"{name}{_value(value)}")
    yield "| quirk | what is done | for |"
    yield "|---|---|---|"
    for quirk, meaning in QUIRKS.items():
        yield f"| `{quirk}` | {meaning} | {', '.join(used.get(quirk, ()))} |"


def _value(value: Any) -> str:
    if value is True:
        return ""
    words = [str(one) for one in value] if isinstance(value, list | dict) else [str(value)]
    return f" (`{' '.join(words)}`)" if words else " (none)"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
