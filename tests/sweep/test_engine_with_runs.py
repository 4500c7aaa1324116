"""Real runs in sweeps: two drivers at once, and a driver that is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from processes import is_alive, kill, wait_until

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
WORDS = "experiments.unsupervised with dataset.digits model.higgins training.beta progress=False"


@pytest.fixture
def sweep(database, monkeypatch) -> Iterator[Callable[..., subprocess.Popen]]:
    """A function that starts `python -m sweep`; it and all it started are gone at the end."""
    started = []

    def start(options: str, words: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "sweep", *options.split(), *WORDS.split(), *words.split()]
        started.append(
            subprocess.Popen(
                command,
                cwd=SCRIPTS,
                text=True,
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        )
        return started[-1]

    yield start
    for driver in started:
        try:
            left = psutil.Process(driver.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            left = []
        for pid in [*(child.pid for child in left), driver.pid]:
            kill(pid)
        driver.communicate()


@pytest.mark.slow
def test_two_drivers_of_one_sweep_run_each_point_once(sweep, database):
    drivers = [sweep("--cluster inline", "training.steps=1 seed=0,1") for _ in range(2)]
    for driver in drivers:
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == 0, output
        assert "2 of 2 finished" in output
    runs = list(database.runs.find({}, {"status": 1, "config.seed": 1}))
    assert [run["status"] for run in runs] == ["COMPLETED"] * 2
    assert sorted(run["config"]["seed"] for run in runs) == [0, 1]


@pytest.mark.slow
def test_the_command_goes_on_with_what_a_killed_driver_left(sweep, database):
    words = "training.steps=200 training.log_every=10 training.validate_every=200"
    driver = sweep("--cluster local --workers 1 --threads 1", words)
    wait_until(lambda: database.runs.find_one({"artifacts.name": "step-00000010.safetensors"}), 90)
    left = [child.pid for child in psutil.Process(driver.pid).children(recursive=True)]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not any(map(is_alive, left)), 60)
    (first,) = database.runs.find()
    assert first["status"] == "INTERRUPTED"
    again = sweep("--cluster inline", words)
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    last = database.runs.find_one({"status": "COMPLETED"})
    assert last["info"]["resumed_from"] == first["_id"] and database.runs.count_documents({}) == 2
    steps = database.metrics.find_one({"run_id": last["_id"], "name": "train.loss"})["steps"]
    assert steps == list(range(10, 201, 10))
