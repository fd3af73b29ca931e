"""The table of metrics, made from the code that counts them.

    python -m tests.docs.metrics_table

prints the rows as they must stand in docs/monitoring.md.
"""

from __future__ import annotations

from typing import Any

from segue.server.metrics import Metrics

SUFFIX = {"counter": "_total", "gauge": "", "histogram": ""}


def rows() -> list[str]:
    """One row a metric that is ours, in the order in which they are made."""
    return [_row(each) for each in Metrics()._registry._collector_to_names if hasattr(each, "_labelnames")]


def _row(metric: Any) -> str:
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"| `{metric._name}{SUFFIX[metric._type]}` | {metric._type} | {labels} | {metric._documentation} |"


if __name__ == "__main__":
    print("\n".join(rows()))
