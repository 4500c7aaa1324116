"""The chaos itself, in short: kills happen, and nothing is lost."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.slow
def test_a_sweep_survives_some_kills():
    words = ["--seconds", "4", "--points", "2", "--seed", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *words], cwd=SCRIPTS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"kill -9 \d+, a (run|worker|driver|database)", done.stdout)
    assert "configurations finished once: 2 of 2\n" in done.stdout
    assert done.stdout.endswith("amiss: nothing\n")
