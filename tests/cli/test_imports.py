"""What a command loads: no more than it needs, so that each is there at once. Measured by modules, because times differ between machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FACES = {
    "langchain_core",
    "aiohttp",
    "uvicorn",
    "uvloop",
    "fastapi",
    "starlette",
    "pymongo",
    "opentelemetry",
    "jsonschema",
}
ENGINE = {"segue.runtime", "segue.client", "segue.sandbox", "segue.server.app", "httptools", "segue.transport.h1"}
PRICES = {"genai_prices", "httpx2", "pydantic"}
DIALECTS = {f"segue.wire.{name}" for name in ("claude", "gemini", "openai_chat", "openai_responses")}

UNNEEDED = {
    ("--version",): FACES | ENGINE | PRICES | {"rich", "segue.wire"},
    ("--help",): FACES | ENGINE | PRICES | {"rich.table", "segue.wire", "segue.routing"},
    ("chat", "--help"): FACES | ENGINE | PRICES | {"rich.table", "segue.wire"},
    ("usage",): FACES | ENGINE | PRICES | {"segue.wire.dialects", "importlib.metadata"},
    ("status", "--once"): FACES | ENGINE | PRICES | DIALECTS | {"urllib.request", "rich.live", "importlib.metadata"},
    ("keys", "list"): FACES | ENGINE | PRICES | {"importlib.metadata"},
    ("doctor", "--offline"): FACES | ENGINE | PRICES | DIALECTS,
    ("providers", "--offline"): FACES | ENGINE | PRICES | DIALECTS | {"segue.transport"},
    ("estimate", "text"): FACES | ENGINE | PRICES | DIALECTS | {"segue.transport"},
    ("catalog", "check"): FACES | ENGINE | PRICES | {"segue.transport"},
    ("route", "explain", "Prove it"): FACES | ENGINE | PRICES | DIALECTS,
    ("route", "simulate"): FACES | ENGINE | PRICES | DIALECTS,
    ("route", "train"): FACES | ENGINE | PRICES,
    ("sandbox", "--list-faults"): FACES | PRICES | {"segue.runtime", "segue.client"},
}

PROGRAM = """
import json, os, sys
from segue.cli.app import app
for number, (arguments, unneeded) in enumerate(json.loads(sys.argv[1])):
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            app(arguments, prog_name="segue")
        except SystemExit:
            pass
    with open(f"{number}.json", "w") as found:
        json.dump(sorted(set(unneeded) & set(sys.modules)), found)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="one process forks for each command, which is quick")
def test_a_command_loads_only_what_it_needs(tmp_path: Path) -> None:
    Path("text").write_text("A résumé", encoding="utf-8")
    asked = json.dumps([(arguments, sorted(modules)) for arguments, modules in UNNEEDED.items()])
    subprocess.run([sys.executable, "-c", PROGRAM, asked], timeout=60, check=True)
    found = {" ".join(arguments): Path(f"{at}.json").read_text() for at, arguments in enumerate(UNNEEDED)}
    assert {command: loaded for command, loaded in found.items() if loaded != "[]"} == {}
