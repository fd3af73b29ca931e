"""The page's own words for moments, asked of its modules in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import pairwise

import pytest

from segue.server.dashboard.assets import DIRECTORY

SCRIPT = """
globalThis.document = { documentElement: { lang: "en" } };
globalThis.localStorage = { getItem: () => null };
const { ticks } = await import(process.argv[1]);
const day = 86400, axes = [[5, 12], [15, 8], [30, 20], [60, 10], [300, 12], [3600, 24], [6 * 3600, 28], [day, 7], [5 * day, 6]];
console.log(JSON.stringify(axes.map(([step, count]) => ticks(Array.from({ length: count }, (_, place) => 1790000040 + step * place), step))));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="it takes Node to run the page's modules")
def test_neighbours_on_a_time_axis_never_have_the_same_label_and_no_time_stands_twice_in_a_day() -> None:
    command = ["node", "--input-type=module", "-e", SCRIPT, (DIRECTORY / "format.js").as_uri()]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"TZ": "Asia/Seoul", "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    axes = json.loads(answer.stdout)
    for labels in axes:
        assert all(one != other for one, other in pairwise(labels)), labels
    assert all(len(set(labels)) == len(labels) for labels in axes if len(labels) != 28), axes
    week = axes[6]
    assert sum("/" in label for label in week) == 7, week
