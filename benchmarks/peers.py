"""The gateways of `benchmarks.gateways`: how each is installed, started and asked. Versions are pinned; what is installed goes to `.peers`.

Every one is set to pass Chat Completions on to one OpenAI-compatible address, without a database, as its documentation has it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.free_port import free_port

ROOT = Path(__file__).parent.parent
HOME = ROOT / "benchmarks/.peers"
HOST = "127.0.0.1"

Started = tuple[list[str], dict[str, str], int]
"""A command, its environment beside ours, and the port."""


class Peer(NamedTuple):
    """`start` takes the upstream's port, a free one and a folder. `headers` may name the upstream's port as `{upstream}`. `finds_port`: the
    gateway chooses a port itself and logs it."""

    name: str
    start: Callable[[int, int, Path], Started]
    path: str = "/v1/chat/completions"
    model: str = "gpt-4.1"
    headers: dict[str, str] = {}
    rounds: int = 3
    patience: float = 30.0
    finds_port: bool = False

    def port_of(self, log: Path, port: int) -> int:
        if not self.finds_port:
            return port
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            if found := re.search(rf"listens at http://{HOST}:(\d+)", log.read_text("utf-8", "replace")):
                return int(found[1])
            time.sleep(0.1)
        return port


def peers(python: str = sys.executable) -> list[Peer]:
    """All of them; Segue and the floor run on this interpreter."""
    key = new_key()
    custom = {
        "authorization": "Bearer k",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://{HOST}:{{upstream}}/v1",
    }
    return [
        ours(key, python),
        Peer("nginx", _nginx),
        floor(python),
        Peer("floor with books", partial(_floor_with_books, python), headers={"authorization": f"Bearer {key}"}),
        Peer("TensorZero", _tensorzero, "/openai/v1/chat/completions", "tensorzero::model_name::m", finds_port=True),
        Peer("smg", _smg, headers={"authorization": "Bearer k"}),
        Peer("ferrogw", _ferrogw, headers={"authorization": "Bearer k"}),
        Peer("Portkey", _portkey, headers=custom, rounds=1),
        Peer("LiteLLM", _litellm, headers={"authorization": "Bearer k"}, rounds=1, patience=120.0),
    ]


def ours(key: str, python: str = sys.executable) -> Peer:
    return Peer("segue", partial(_segue, python), headers={"authorization": f"Bearer {key}"})


def floor(python: str = sys.executable) -> Peer:
    """What a pass-through in Python costs that promises nothing: `benchmarks.floor`."""
    return Peer("floor", partial(_floor, python))


def _keys() -> Path:
    return HOME / "keys.sqlite"


def new_key() -> str:
    """A key of our own gateway, made once a run."""
    from segue.server.keys.sqlite import FileKeyRing

    HOME.mkdir(exist_ok=True)
    _keys().unlink(missing_ok=True)
    return FileKeyRing(_keys()).create("benchmark")[1].reveal()


def _segue(python: str, upstream: int, port: int, folder: Path) -> Started:
    env = {
        "PYTHONPATH": str(ROOT / "src"),
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"http://{HOST}:{upstream}/v1",
        "OPENAI_MODEL": "gpt-4.1",
        "SEGUE_CHAIN": "openai",
        "SEGUE_KEYS": str(_keys()),
        "SEGUE_LEDGER": str(folder / f"ledger-{port}.sqlite"),
    }
    return [python, "-m", "segue", "serve", "--keys", "--port", str(port)], env, port


def _floor(python: str, upstream: int, port: int, folder: Path) -> Started:
    return [python, "-m", "benchmarks.floor", str(port), str(upstream)], {"PYTHONPATH": str(ROOT)}, port


def _floor_with_books(python: str, upstream: int, port: int, folder: Path) -> Started:
    ledger = str(folder / f"floor-{port}.sqlite")
    command = [python, "-m", "benchmarks.floor_with_books", str(port), str(upstream), str(_keys()), ledger]
    return command, {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}, port


def _nginx(upstream: int, port: int, folder: Path) -> Started:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        raise OSError("Debian's package nginx-light is not there")
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
        events {{ worker_connections 8192; }}
        http {{
          access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
          keepalive_requests 100000000;
          upstream provider {{ server {HOST}:{upstream}; keepalive 64; keepalive_requests 100000000; }}
          server {{ listen {HOST}:{port};
            location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
        }}
        """,
        encoding="utf-8",
    )
    return [program, "-c", str(config), "-e", str(folder / "error.log")], {}, port


def _tensorzero(upstream: int, port: int, folder: Path) -> Started:
    python = _environment("tensorzero", "tensorzero==2026.6.0")
    config = folder / "tensorzero.toml"
    config.write_text(
        f"""
        gateway.observability.enabled = false
        [models.m]
        routing = ["up"]
        [models.m.providers.up]
        type = "openai"
        model_name = "gpt-4.1"
        api_base = "http://{HOST}:{upstream}/v1/"
        api_key_location = "none"
        """,
        encoding="utf-8",
    )
    program = (
        "import sys, threading, tensorzero.tensorzero as t\n"
        "options = dict(clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False)\n"
        "gateway = t._start_http_gateway(config_file=sys.argv[1], **options)\n"
        "print('listens at', gateway.base_url, flush=True)\n"
        "threading.Event().wait()\n"
    )
    return [str(python), "-c", program, str(config)], {}, port


def _smg(upstream: int, port: int, folder: Path) -> Started:
    python = _environment("smg", "smg==1.13.0")
    options = {
        "--host": HOST,
        "--port": str(port),
        "--backend": "openai",
        "--worker-urls": f"http://{HOST}:{upstream}",
        "--api-key": "k",
        "--policy": "passthrough",
        "--history-backend": "none",
        "--log-level": "warn",
        "--prometheus-host": HOST,
        "--prometheus-port": str(free_port()),
        "--shutdown-grace-period-secs": "1",
    }
    words = [word for option in options.items() for word in option]
    return (
        [str(python.parent / "smg"), "launch", *words, "--disable-load-monitoring", "--disable-health-check"],
        {},
        port,
    )


def _ferrogw(upstream: int, port: int, folder: Path) -> Started:
    python = _environment("ferrogw", "ferrogw==1.5.10")
    config = folder / "ferrogw.yaml"
    config.write_text("strategy: { mode: single }\ntargets:\n  - virtual_key: openai\n", encoding="utf-8")
    env = {
        "GATEWAY_CONFIG": str(config),
        "HOST": HOST,
        "PORT": str(port),
        "MASTER_KEY": "k",
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"http://{HOST}:{upstream}",
        "LOG_LEVEL": "error",
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
    }
    return [str(python.parent / "ferrogw"), "serve"], env, port


PORTKEY = {
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    # With the newest that it admits, each streamed answer is a 500, "immutable".
    "overrides": {"@hono/node-server": "1.13.8"},
}


def _portkey(upstream: int, port: int, folder: Path) -> Started:
    home = HOME / "portkey"
    server = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not server.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text(json.dumps(PORTKEY), encoding="utf-8")
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], check=True, cwd=home)
    env = {"TRUSTED_CUSTOM_HOSTS": HOST, "NODE_ENV": "production"}
    return ["node", str(server), f"--port={port}", "--headless"], env, port


def _litellm(upstream: int, port: int, folder: Path) -> Started:
    python = _environment("litellm", "litellm[proxy]==1.106.0")
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n  - model_name: gpt-4.1\n    litellm_params:\n      model: openai/gpt-4.1\n"
        f"      api_base: http://{HOST}:{upstream}/v1\n      api_key: k\n",
        encoding="utf-8",
    )
    command = [str(python.parent / "litellm"), "--config", str(config), "--host", HOST, "--port", str(port)]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    return command, env, port


def _environment(name: str, package: str) -> Path:
    """The interpreter of an environment with this package in it."""
    home = HOME / name
    python = home / "bin/python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package],
            check=True,
            env={**os.environ, "PIP_CONSTRAINT": ""},
        )
        (home / "ready").touch()
    return python
