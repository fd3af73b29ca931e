"""A real Prometheus, with the configuration of deploy/monitoring, before a real gateway that asks for keys."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.free_port import free_port
from tests.deploy.processes import PATIENCE, gateway, running, segue, until

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"


def ask(url: str, key: str = "", body: dict[str, Any] | None = None) -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=PATIENCE) as answer:
        return json.loads(answer.read())


def test_prometheus_scrapes_with_a_key_that_cannot_spend_and_notices_a_dead_gateway(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("NOTICE: prometheus is not installed (Debian's package has it), so no gateway is scraped by it")
    metrics_key = segue(tmp_path, "keys", "create", "prometheus", "--scope", "metrics")
    caller = segue(tmp_path, "keys", "create", "team")
    port = free_port()
    prometheus = f"127.0.0.1:{free_port()}"
    (tmp_path / "segue.key").write_text(metrics_key, encoding="utf-8")
    shutil.copy(MONITORING / "alerts.yaml", tmp_path)
    configuration = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    configuration["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
    job = configuration["scrape_configs"][0]
    job["authorization"]["credentials_file"] = str(tmp_path / "segue.key")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")

    def value(query: str) -> float | None:
        url = f"http://{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        answer = ask(url)
        assert answer["status"] == "success", answer
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    watch = [
        "prometheus",
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={prometheus}",
    ]
    question = {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 20}
    with running(watch, tmp_path):
        with gateway(tmp_path, port) as address:
            ask(f"http://{address}/v1/chat/completions", caller, question)
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(f"http://{address}/v1/chat/completions", metrics_key, question)
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
            until("a gateway in good health pages no one", lambda: value('count(ALERTS{severity="page"})') is None)
        until("its death is seen", lambda: value('ALERTS{alertname="SegueDown", alertstate="pending"}') == 1.0)
