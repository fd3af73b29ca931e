"""A page's snippets, run one after another in one namespace, as a reader who types them would.

    python -m tests.docs.snippets PAGE

Providers are the sandbox's, a gateway over it stands in for the page's 127.0.0.1:4000, and the working directory is the caller's. Python
may `await` at the top; of a console only the `$ segue …` lines are run, and those that never end are left out; TOML must load.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from segue import Sandbox, Segue, load
from segue.server.app import Gateway
from segue.server.metrics import Metrics

GATEWAY = "127.0.0.1:4000"
SERVED = "gemini", "openai", "claude", "groq"
ENDLESS = "serve", "sandbox"
"""Commands that run until they are stopped."""

_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Snippet(NamedTuple):
    language: str
    text: str
    line: int


def snippets(page: str) -> Iterator[Snippet]:
    """The fenced blocks of a page that name a language which can be run."""
    for match in _FENCE.finditer(page):
        if match[1] in ("python", "toml", "console"):
            yield Snippet(match[1], match[2], page.count("\n", 0, match.start()) + 2)


@contextmanager
def gateway(settings: Any) -> Iterator[str]:
    """A gateway over `settings` in a thread; gives its host and port."""
    metrics = Metrics()
    segue = Segue(settings, listeners=[metrics])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Gateway(segue.runtime, metrics=metrics), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10.0)
        listener.close()


def run(page: Path) -> None:
    """Runs a page's snippets; what a snippet raises names its line."""
    with Sandbox() as box:
        for name in SERVED:
            os.environ[f"{name.upper()}_API_KEY"] = f"{name}-key-of-the-sandbox"
            os.environ[f"{name.upper()}_BASE_URL"] = box.base_url(name)
        os.environ["GROQ_MODEL"] = "llama-3.3-70b-versatile"
        with gateway(load()) as address:
            space: dict[str, Any] = {"__name__": "__main__"}
            text = page.read_text(encoding="utf-8").replace(GATEWAY, address)
            with asyncio.Runner() as runner:
                for snippet in snippets(text):
                    _run(snippet, page, space, runner)


def _run(snippet: Snippet, page: Path, space: dict[str, Any], runner: asyncio.Runner) -> None:
    place = f"{page.name}, line {snippet.line}"
    if snippet.language == "toml":
        Path("snippet.toml").write_text(snippet.text, encoding="utf-8")
        load(config="snippet.toml")
        return
    if snippet.language == "console":
        for line in snippet.text.splitlines():
            if line.startswith("$ segue "):
                _command(shlex.split(line, comments=True)[2:], place)
        return
    code = compile("\n" * (snippet.line - 1) + snippet.text, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(eval(code, space))
    else:
        exec(code, space)


def _command(arguments: list[str], place: str) -> None:
    if arguments[0] in ENDLESS:
        _known(arguments, place)
        return
    done = subprocess.run([sys.executable, "-m", "segue", *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"{place}: segue {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")


def _known(arguments: list[str], place: str) -> None:
    """Checks the options of a command that is not run."""
    help_text = subprocess.run(
        [sys.executable, "-m", "segue", arguments[0], "--help"], capture_output=True, text=True, timeout=60
    ).stdout
    for option in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        if option not in help_text:
            raise AssertionError(f"{place}: segue {arguments[0]} has no option {option}")


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
