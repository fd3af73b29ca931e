"""What docs/monitoring.md and deploy/monitoring say of metrics and of the log is what the code does."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path

import yaml
from tests.docs.metrics_table import rows

from segue.chat.usage import Usage
from segue.monitoring import log, otel
from segue.server import app
from segue.server.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


def test_the_table_of_metrics_is_made_from_the_code() -> None:
    """Regenerated with `python -m tests.docs.metrics_table`."""
    assert re.findall(r"^\| `segue_\w+` \|.*\|$", PAGE, re.MULTILINE) == rows()


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    known = {name for names in Metrics()._registry._collector_to_names.values() for name in names}
    folder = ROOT / "deploy" / "monitoring"
    rules = yaml.safe_load((folder / "alerts.yaml").read_text(encoding="utf-8"))
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((folder / "grafana.json").read_text(encoding="utf-8"))
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(asked) > 20
    assert {name for each in asked for name in re.findall(r"segue_\w+", each)} <= known


def test_every_field_of_the_log_is_in_its_table_and_no_other() -> None:
    table = PAGE.partition("| field | in | |")[2].partition("\n\n")[0]
    written = {name for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    source = inspect.getsource(log) + inspect.getsource(app.Gateway._log_unasked)
    named = set(re.findall(r'"(\w+)":|fields\["(\w+)"\]', source))
    found = {name for pair in named for name in pair if name}
    found |= {"seams", "hedges", "hedge", "continuation", "shown", "simulated", *Usage.__struct_fields__}
    found -= {"segue"}
    assert written == found


def test_the_measurements_of_opentelemetry_are_in_the_page() -> None:
    made = re.findall(r'create_(?:histogram|counter)\(\s*"([\w.]+)"', inspect.getsource(otel))
    assert len(made) == 7
    assert [name for name in made if f"| `{name}` |" not in PAGE] == []
    events = {
        node.args[0].value
        for node in ast.walk(ast.parse(inspect.getsource(otel)))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "add_event"
        and isinstance(node.args[0], ast.Constant)
    }
    assert [name for name in events if f"`{name}`" not in PAGE] == []
