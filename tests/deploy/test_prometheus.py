"""A real Prometheus, with the configuration of deploy/monitoring, before a real gateway that asks for keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.free_port import free_port

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
PATIENCE = 60.0
"""Seconds that anything is waited for at most."""


def segue(home: Path, *arguments: str) -> list[str] | str:
    environ = {name: os.environ[name] for name in ("PATH",) if name in os.environ} | {"SEGUE_HOME": str(home)}
    command = [sys.executable, "-m", "segue", *arguments]
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout.strip()


@contextmanager
def running(command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {"PATH": os.environ.get("PATH", ""), "SEGUE_HOME": str(home)}
    with (home / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def ask(url: str, key: str = "", body: dict[str, Any] | None = None) -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=PATIENCE) as answer:
        return json.loads(answer.read())


def until(what: str, true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < give_up, f"{what} within {PATIENCE:g} s"
        time.sleep(0.2)


def test_prometheus_scrapes_with_a_key_that_cannot_spend_and_notices_a_dead_gateway(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("NOTICE: prometheus is not installed (Debian's package has it), so no gateway is scraped by it")
    metrics_key = str(segue(tmp_path, "keys", "create", "prometheus", "--scope", "metrics"))
    caller = str(segue(tmp_path, "keys", "create", "team"))
    gateway, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (tmp_path / "segue.key").write_text(metrics_key, encoding="utf-8")
    shutil.copy(MONITORING / "alerts.yaml", tmp_path)
    configuration = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    configuration["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
    job = configuration["scrape_configs"][0]
    job["authorization"]["credentials_file"] = str(tmp_path / "segue.key")
    job["static_configs"] = [{"targets": [gateway]}]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")

    def value(query: str) -> float | None:
        url = f"http://{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        answer = ask(url)
        assert answer["status"] == "success", answer
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    serve = [sys.executable, "-m", "segue", "serve", "--sandbox", "--keys", "--port", gateway.partition(":")[2]]
    watch = [
        "prometheus",
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={prometheus}",
    ]
    question = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 20}
    with running(watch, tmp_path):
        with running(serve, tmp_path):
            until("the gateway listens", lambda: ask(f"http://{gateway}/health/live")["status"] == "ok")
            ask(f"http://{gateway}/v1/chat/completions", caller, question)
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(f"http://{gateway}/v1/chat/completions", metrics_key, question)
            refused.value.close()
            assert refused.value.code == 403
            until(
                "a scrape shows the request",
                lambda: value('sum(segue_requests_total{dialect="openai_chat", status="200"})') == 1.0,
            )
            assert value('up{job="segue"}') == 1.0
            assert value('count(segue_target_state{state="ready"} == 1)') == 3.0
            dashboard = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    value(target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h"))
            rules = ask(f"http://{prometheus}/api/v1/rules")["data"]["groups"][0]["rules"]
            until(
                "rules are evaluated",
                lambda: all(
                    rule["health"] == "ok"
                    for rule in ask(f"http://{prometheus}/api/v1/rules")["data"]["groups"][0]["rules"]
                ),
            )
            assert len(rules) == 11
            until("a gateway in good health calls nobody", lambda: value('count(ALERTS{severity="page"})') is None)
        until("its death is seen", lambda: value('ALERTS{alertname="SegueDown", alertstate="pending"}') == 1.0)
