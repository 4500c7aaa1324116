"""A small experiment in a process of its own, to be interrupted and cut off from its server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import replearn

SRC = Path(replearn.__file__).parents[1]
PROBE = Path(__file__).parent / "probe_experiment.py"


class Probe:
    """A run of probe_experiment.py in a process of its own."""

    def __init__(self, home, url, name, steps, pause, patience=60, **environment):
        command = [sys.executable, str(PROBE), str(steps), str(pause), str(patience)]
        self.home = home
        home.mkdir(exist_ok=True)
        self.said = ""
        environment |= {
            "PYTHONPATH": str(SRC),
            "MONGO_URL": url,
            "MONGO_DB": name,
            "REPLEARN_HOME": str(home),
        }
        self.process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, line):
        for printed in self.process.stdout:
            if printed.strip() == line:
                return
        raise AssertionError(f"{line!r} was never printed: {self.process.stderr.read()[-2000:]}")

    def end(self):
        self.said = self.process.communicate(timeout=100)[1]
        return self.process.returncode

    @property
    def spool(self):
        return self.home / "sims" / "spool"


@pytest.fixture
def start_probe(tmp_path):
    """A function that starts a `Probe`; those that still run are killed at the end."""
    probes = []

    def start(*args, **kwargs):
        probes.append(Probe(tmp_path / f"home {len(probes)}", *args, **kwargs))
        return probes[-1]

    yield start
    for probe in probes:
        if probe.process.poll() is None:
            probe.process.kill()
        probe.process.communicate()
