from __future__ import annotations

import subprocess
import sys

SERVER = "segue.embedded.server"


def test_the_process_of_a_model_loads_nothing_of_segue_but_itself() -> None:
    script = f"import sys, {SERVER}; print(*sorted(name for name in sys.modules if name.startswith('segue')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["segue", "segue.embedded", SERVER]


def test_its_options_are_shown_and_a_wrong_one_is_refused() -> None:
    shown = subprocess.run([sys.executable, "-m", SERVER, "--help"], capture_output=True, text=True, check=True)
    assert "--reproducible" in shown.stdout
    refused = subprocess.run([sys.executable, "-m", SERVER, "x", "--slots", "many"], capture_output=True, text=True)
    assert refused.returncode == 2
