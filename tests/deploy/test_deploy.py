"""The files of deploy/ are accepted by the programs that read them, or by the schemas that are published of them.

`make test-deploy` installs the checkers that PyPI has; promtool is in Debian's package `prometheus`, systemd-analyze in `systemd`. What is
missing is named in the notice of a test that is skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from segue.settings_loading import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MONITORING = DEPLOY / "monitoring"


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOTICE: {name} is not installed, so its check of deploy/ is left out")
    return found


def module(name: str) -> list[str]:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"NOTICE: {name} is not installed, so its check of deploy/ is left out: make test-deploy")
    return [sys.executable, "-W", "ignore", "-m", name]


def accepted(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_alert_rules() -> None:
    accepted(tool("promtool"), "check", "rules", MONITORING / "alerts.yaml")


def test_alerts_are_set_off_by_the_values_they_are_for_and_by_no_others() -> None:
    accepted(tool("promtool"), "test", "rules", Path(__file__).parent / "alerts.test.yaml")


def test_every_alert_has_a_case() -> None:
    named = {
        case["alertname"]
        for group in yaml.safe_load((Path(__file__).parent / "alerts.test.yaml").read_text(encoding="utf-8"))["tests"]
        for case in group["alert_rule_test"]
        if case.get("exp_alerts")
    }
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == named


def test_promtool_accepts_the_scrape_configuration_with_its_key(tmp_path: Path) -> None:
    key = tmp_path / "segue.key"
    key.write_text("sk-segue-1", encoding="utf-8")
    shutil.copy(MONITORING / "alerts.yaml", tmp_path)
    text = (MONITORING / "prometheus.yaml").read_text(encoding="utf-8")
    assert "/etc/prometheus/segue.key" in text
    configuration = tmp_path / "prometheus.yaml"
    configuration.write_text(text.replace("/etc/prometheus/segue.key", str(key)), encoding="utf-8")
    accepted(tool("promtool"), "check", "config", configuration)


def test_alerts_name_the_job_that_the_scrape_configuration_has() -> None:
    jobs = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    assert f'up{{job="{jobs[0]["job_name"]}"}}' in (MONITORING / "alerts.yaml").read_text(encoding="utf-8")


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"panel:query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$__range", "1h")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    accepted(tool("promtool"), "check", "rules", file)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "segue.service").read_text(encoding="utf-8")
    assert "/opt/segue/bin/segue" in text
    unit = tmp_path / "segue.service"
    unit.write_text(text.replace("/opt/segue/bin/segue", shutil.which("true") or ""), encoding="utf-8")
    accepted(tool("systemd-analyze"), "verify", "--man=no", unit)


@pytest.mark.parametrize(
    ("asked", "refused"), [("'--enable-optimizations' '--with-lto'", False), ("'--prefix=/usr'", True)]
)
def test_the_container_is_built_on_an_optimised_python_alone(asked: str, refused: bool) -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(set(bases)) == 1, "the check in the first stage is for both"
    check = next(line for line in re.findall(r'^RUN python -c "(.+)"$', text, re.MULTILINE))
    build = f"import sysconfig; sysconfig.get_config_vars()['CONFIG_ARGS'] = {asked!r}\n"
    done = subprocess.run([sys.executable, "-c", build + check], capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0, "not an optimised build" in done.stderr) == (refused, refused)


def test_compose_files_follow_the_published_schema() -> None:
    accepted(
        *module("check_jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
        DEPLOY / "compose.yaml",
        DEPLOY / "compose.mongodb.yaml",
    )


def test_kubernetes_files_follow_the_published_schemas() -> None:
    accepted(*module("kubernetes_validate"), "--strict", *sorted((DEPLOY / "kubernetes").glob("*.yaml")))


def test_the_dashboard_has_nothing_that_grafana_does_not_know() -> None:
    module("grafana_foundation_sdk")
    dashboards = importlib.import_module("grafana_foundation_sdk.models.dashboard")
    encoder = importlib.import_module("grafana_foundation_sdk.cog.encoder")
    written = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    read = json.loads(encoder.JSONEncoder().encode(dashboards.Dashboard.from_json(written)))
    assert _lost(written, read) == []


def _lost(written: object, read: object, place: str = "") -> list[str]:
    """The places of `written` that are not the same in `read`."""
    if isinstance(written, dict) and isinstance(read, dict):
        return [lost for key in written for lost in _lost(written[key], read.get(key), f"{place}/{key}")]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        return [lost for number, (one, other) in pairs for lost in _lost(one, other, f"{place}/{number}")]
    return [] if written == read else [place]


def test_the_settings_file_sets_the_defaults_and_all_its_examples_are_valid(tmp_path: Path) -> None:
    text = (DEPLOY / "segue.toml").read_text(encoding="utf-8")
    assert load({}, config=DEPLOY / "segue.toml", directory=tmp_path) == load({}, directory=tmp_path)
    examples = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    active = tmp_path / "all.toml"
    active.write_text(examples, encoding="utf-8")
    settings = load({"GROQ_API_KEY": "g"}, config=active, directory=tmp_path)
    assert settings.chains["fast"].targets == ("groq", "gemini")


def test_every_way_of_running_reads_the_same_settings_file() -> None:
    place = "/etc/segue/segue.toml"
    unit = (DEPLOY / "segue.service").read_text(encoding="utf-8")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["segue"]
    pods = [
        document["spec"].get("template", document)["spec"]["containers"][0]
        for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if document["kind"] in ("StatefulSet", "Pod")
    ]
    assert f"SEGUE_CONFIG={place}" in unit
    assert compose["environment"]["SEGUE_CONFIG"] == place
    assert f"./segue.toml:{place}:ro" in compose["volumes"]
    assert len(pods) == 2
    assert all({"name": "SEGUE_CONFIG", "value": place} in pod["env"] for pod in pods)
