"""The package's face: which names it has, what importing it costs, and that they are what they say."""

from __future__ import annotations

import subprocess
import sys

import segue


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_every_public_name_loads_and_none_is_forgotten() -> None:
    assert sorted(segue.__all__) == segue.__all__ or len(set(segue.__all__)) == len(segue.__all__)
    assert set(segue.__all__) == set(segue._MODULE_OF)
    for name in segue.__all__:
        assert getattr(segue, name) is not None


def test_importing_the_package_imports_neither_langchain_nor_anything_heavy() -> None:
    heavy = "{'langchain_core', 'pydantic', 'aiohttp', 'genai_prices', 'openai', 'rich', 'click'}"
    assert run(f"import sys, segue; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_the_client_works_without_langchain_and_without_a_proxy_without_aiohttp() -> None:
    script = "import sys; from segue import Segue; Segue(); print({'langchain_core', 'aiohttp'} & set(sys.modules))"
    assert run(script) == "set()"


def test_installed_packages_are_not_searched_for_plug_ins_where_none_is_named() -> None:
    """That takes some 40 ms, which the first request under a policy would pay."""
    script = (
        "from segue import Segue, plugins\n"
        "with Segue(sandbox=True) as segue:\n    segue.complete('hi', policy='smart')\n"
        "print(sorted(plugins._points))"
    )
    assert run(script) == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(segue, "no_such_name")


WITHOUT_LANGCHAIN = """
import importlib, pathlib, sys
for package in ("langchain_core", "langsmith", "pydantic"):
    sys.modules[package] = None
import segue
root = pathlib.Path(segue.__file__).parent
modules = [".".join(("segue", *path.relative_to(root).with_suffix("").parts)) for path in sorted(root.rglob("*.py"))]
for module in modules:
    if module not in ("segue.__main__", "segue.guide.functions") and not module.startswith("segue.langchain"):
        importlib.import_module(module.removesuffix(".__init__"))
try:
    segue.LLMClient
except ImportError as error:
    print(error)
"""


def test_everything_but_the_langchain_face_works_without_the_extra_langchain() -> None:
    assert run(WITHOUT_LANGCHAIN) == "segue.LLMClient needs LangChain: pip install 'segue-llm[langchain]'"
