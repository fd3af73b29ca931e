"""A README followed line by line on a fresh clone, as a newcomer who types everything that stands there.

    python -m tests.docs.follow                                       # both READMEs, with this Python; three minutes each
    python -m tests.docs.follow --python /usr/bin/python3.12 README.ko.md

The clone is of the last commit, in a temporary directory with its own environment and home. The first Python snippet runs
without any key. For the line that exports keys, providers are stand-ins at addresses of this machine; what serves is asked once and ended.
Ends with status 1 if a line fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from segue import Sandbox

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("README.md", "README.ko.md")
LIMIT: Final = 600.0
"""Seconds for a line."""
_STEP: Final = re.compile(r"^```(\w+)\n(.*?)^```$|^ {4}(\S[^\n]*)$", re.MULTILINE | re.DOTALL)
_WORDS: Final = re.compile(r"\s{3,}|\s+#")
"""What parts a command from the words about it."""


class Step(NamedTuple):
    line: int
    language: str
    text: str


def steps(page: str) -> Iterator[Step]:
    """The page's snippets and its indented lines, in order."""
    for match in _STEP.finditer(page):
        language, text = (match[1], match[2]) if match[1] else ("shell", match[3])
        yield Step(page.count("\n", 0, match.start()) + 1, language, text)


class Newcomer:
    """Types a page's lines. `failed` has those that did not do as the page says, `ran` counts the others."""

    def __init__(self, clone: Path, python: str, box: Sandbox) -> None:
        self._clone = clone
        self._python = python
        self._box = box
        home = clone.parent / "home"
        home.mkdir()
        kept = {name: os.environ[name] for name in ("LANG", "SSL_CERT_FILE", "PIP_INDEX_URL") if name in os.environ}
        paths = f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self._bare = {**kept, "PATH": paths, "HOME": str(home), "PYTHONUTF8": "1", "PYTHON": python}
        self._keyed = dict(self._bare)
        for name in box.providers:
            self._keyed[f"{name.upper()}_API_KEY"] = f"{name}-key-of-the-sandbox"
            self._keyed[f"{name.upper()}_BASE_URL"] = box.base_url(name)
        self._environ = self._bare
        self._python_before: list[str] = []
        self.failed: list[str] = []
        self.ran = 0

    def follow(self, page: Path) -> None:
        for step in steps(page.read_text(encoding="utf-8")):
            where, began = f"{page.name}:{step.line}", time.monotonic()
            try:
                done = self._shell(step.text) if step.language == "shell" else self._snippet(step)
            except (subprocess.SubprocessError, OSError, AssertionError) as error:
                self.failed.append(f"{where}: {error}")
                done = "FAILED"
            self.ran += done == "ran"
            first = step.text.strip().splitlines()[0]
            print(f"{done:10} {time.monotonic() - began:6.1f} s  {where:18} {first[:90]}", flush=True)

    def _snippet(self, step: Step) -> str:
        if step.language == "toml":
            (self._clone / "followed.toml").write_text(step.text, encoding="utf-8")
            self._run(["python", "-c", "import segue; segue.load(config='followed.toml')"], self._keyed)
            return "ran"
        assert step.language == "python", f"nothing is known of {step.language}"
        # As in a notebook: await is allowed, and what earlier snippets made is there.
        first = not self._python_before
        program = "import ast, asyncio, inspect\nspace = {}\n" + "".join(self._python_before) + _cell(step.text)
        self._run(["python", "-c", program], self._bare if first else self._keyed)
        self._python_before.append(_cell(step.text))
        return "ran"

    def _shell(self, line: str) -> str:
        command, *about = _WORDS.split(line.removeprefix("$ ").strip(), maxsplit=1)
        if command.startswith("export "):
            self._environ = self._keyed
            return "ran"
        if "any-program-there-is" in command:
            return "ran"  # it was asked when the gateway was served, one line above
        if about and (install := re.search(r"pip install (?:'[^']+'|\./\S+)", about[0])):
            self._run(shlex.split(install[0]), self._environ)
        words = shlex.split(command)
        if words[0] == "make":
            self._run([*words, f"PYTHON={self._python}"], self._bare)
            return "ran"
        if words[:2] == ["segue", "serve"]:
            self._serve(words)
            return "ran"
        if words[:2] == ["segue", "sandbox"]:
            self._until(words, "ANTHROPIC_BASE_URL")
            return "ran"
        if words[0] == "career-coach-web":
            self._until(words, "http://127.0.0.1:")
            return "ran"
        if "resume.json" in words:
            (self._clone / "resume.json").write_bytes((self._clone / "examples" / "resume_en.json").read_bytes())
        self._run(words, self._environ)
        return "ran"

    def _run(self, words: list[str], environ: dict[str, str]) -> None:
        done = subprocess.run(
            words, cwd=self._clone, env=environ, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise AssertionError(f"{shlex.join(words)[:200]} ended with {done.returncode}: {done.stderr[-600:]}")

    def _serve(self, words: list[str]) -> None:
        with self._until(words, "OPENAI_BASE_URL", keep=True) as process:
            try:
                body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}).encode()
                asked = urllib.request.Request(
                    "http://127.0.0.1:4000/v1/chat/completions", body, {"content-type": "application/json"}
                )
                with urllib.request.urlopen(asked, timeout=20) as answer:
                    assert json.load(answer)["choices"][0]["finish_reason"] == "stop"
            finally:
                process.send_signal(signal.SIGINT)

    def _until(self, words: list[str], word: str, *, keep: bool = False) -> subprocess.Popen[str]:
        """Runs a command that never ends until it writes `word`."""
        environ = {**self._environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            words, cwd=self._clone, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        written = ""
        while word not in written:
            line = process.stdout.readline()
            if not line:
                raise AssertionError(f"{shlex.join(words)} ended with {process.wait()}: {written}")
            written += line
        if not keep:
            process.send_signal(signal.SIGINT)
            with process:
                process.stdout.read()
        return process


def _cell(text: str) -> str:
    return (
        f"code = compile({text!r}, 'README', 'exec', flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)\n"
        "if code.co_flags & inspect.CO_COROUTINE:\n    asyncio.run(eval(code, space))\n"
        "else:\n    exec(code, space)\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pages", nargs="*", default=PAGES)
    parser.add_argument("--python", default=sys.executable, help="the Python to follow it with")
    options = parser.parse_args()
    version = subprocess.run([options.python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    failed = []
    for page in options.pages:
        with tempfile.TemporaryDirectory() as directory, Sandbox() as box:
            clone = Path(directory) / "segue"
            subprocess.run(["git", "clone", "--quiet", "--local", str(ROOT), str(clone)], check=True)
            newcomer = Newcomer(clone, options.python, box)
            newcomer.follow(clone / page)
        print(f"{page} on {version}: {newcomer.ran} lines and snippets followed, {len(newcomer.failed)} failed\n")
        failed += newcomer.failed
    print(*failed, sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
