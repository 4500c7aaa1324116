"""Fixtures of the run tests: an experiment in this process, and one in a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import gridfs
import pytest
import sacred
import torch
from sacred import Experiment, stdout_capturing
from safetensors.torch import save

import replearn
from replearn.runs.claims import claim
from replearn.runs.commandline import run_commandline
from replearn.runs.observer import RunObserver
from replearn.runs.output import install_capture

SRC = Path(replearn.__file__).parents[1]
PROBE = Path(__file__).parent / "probe_experiment.py"


class Probe:
    """A run of probe_experiment.py in a process of its own, to interrupt and to cut off."""

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


@pytest.fixture
def run_with(database, tmp_path, monkeypatch):
    """Run a main function as an experiment; return its document and the observer."""
    monkeypatch.setattr(stdout_capturing, "tee_output_python", stdout_capturing.tee_output_python)
    monkeypatch.setattr(sacred.SETTINGS, "DEFAULT_BEAT_INTERVAL", 0.2)
    monkeypatch.setattr(sacred.SETTINGS, "DISCOVER_DEPENDENCIES", "none")
    install_capture()

    def run(main, config=None, observer=None, prepare=None, fails=None, **options):
        experiment = Experiment("probe", save_git_info=False, interactive=True)
        experiment.add_config(config or {"a": 1})
        experiment.main(main)
        if prepare:
            prepare(experiment)
        observer = observer or RunObserver(database, spool_folder=tmp_path / "spool", patience=1)
        experiment.observers.append(observer)
        if fails:
            with pytest.raises(fails):
                experiment.run(options=options)
        else:
            experiment.run(options=options)
        return database.runs.find_one({"_id": observer.run_entry["_id"]}), observer

    return run


@pytest.fixture
def curve(database):
    """A function: the steps and values of a stored metric, None where there is none."""

    def find(run_id, name):
        found = database.metrics.find_one({"run_id": run_id, "name": name})
        return found and (found["steps"], found["values"])

    return find


@pytest.fixture
def task(tmp_path, monkeypatch):
    """This process is a task of the sweep "s1", with leases of two seconds."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.setenv("REPLEARN_SWEEP", "s1")
    monkeypatch.setenv("REPLEARN_LEASE", "2")


@pytest.fixture
def sweep(task, database):
    """The database of the sweep."""
    return database


@pytest.fixture
def run_probe():
    """Run an experiment whose main function is `action(_run)`; returns the exit code."""

    def run(action, **config):
        experiment = Experiment("probe", save_git_info=False)
        experiment.add_config({"seed": 0, "resume": None, "kind": "a"} | config)
        experiment.main(lambda _run: action(_run))
        return run_commandline(experiment, ["X"])

    return run


@pytest.fixture
def steal(database):
    """A function: take the only claim over, as if its owner had been silent for a whole lease."""

    def steal():
        database.claims.update_one({}, [{"$set": {"lease_until": "$$NOW"}}])
        time.sleep(0.002)
        return claim(database, database.claims.find_one()["_id"], "thief")

    return steal


@pytest.fixture
def elsewhere(database):
    """A second database on the same server."""
    other = database.client[f"{database.name}_2"]
    yield other
    database.client.drop_database(other.name)


@pytest.fixture
def study(database, store_run):
    """Two training runs that share a source file, and an analysis of them; ids 1, 2 and 3."""
    source = gridfs.GridFS(database).put(
        b"code", filename="/repo/src/a.py", md5="0" * 32, metadata={"sha256": None}
    )
    for seed in (0, 1):
        store_run(
            {"seed": seed, "beta": 0.5, "none": None},
            metrics={"val.loss": [2.0, float("nan"), float(seed)]},
            artifacts={"step-00000100.safetensors": save({"w": torch.tensor([1.0, 2.0])})},
        )
    store_run(experiment="analysis.model", artifacts={"table.tex": b"\\toprule"})
    database.runs.update_many(
        {"_id": {"$in": [1, 2]}}, {"$set": {"experiment.sources": [["src/a.py", source]]}}
    )
    database.runs.update_one({"_id": 3}, {"$set": {"info.source_runs": [1, 2]}})
    return database


@pytest.fixture
def everything():
    """A function: how many documents the collections of runs have."""

    def count(database) -> dict[str, int]:
        names = ("runs", "metrics", "fs.files", "fs.chunks")
        return {name: database[name].count_documents({}) for name in names}

    return count
