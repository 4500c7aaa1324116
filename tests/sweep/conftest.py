"""Tasks that are processes of a moment, sweeps of real runs, SLURM, and what they left behind."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import slurm as slurm_server
from processes import family, kill
from small_runs import STEPS, WORDS

from replearn.sweep.task import Task

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def nap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """A function that makes a task of `nap.py`; words by keyword, `environment` by its own."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    folder = str(Path(__file__).parent)

    def make(index: int = 0, environment: dict | None = None, **words: object) -> Task:
        words = {"folder": tmp_path, "name": f"t{index}", **words}
        given = {"PYTHONPATH": folder, "REPLEARN_SWEEP": "naps", **(environment or {})}
        return Task(index, "nap", [f"{key}={value}" for key, value in words.items()], given)

    return make


@pytest.fixture
def noted(tmp_path: Path) -> Callable[..., list[str]]:
    """A function that gives what the attempts of a task noted, without the pids."""

    def read(index: int = 0) -> list[str]:
        path = tmp_path / f"t{index}"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[0] for line in lines]

    return read


@pytest.fixture
def pids(tmp_path: Path) -> Callable[[int], list[int]]:
    """A function that gives the pids of the attempts of a task."""

    def read(index: int) -> list[int]:
        path = tmp_path / f"t{index}"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith("start")]

    return read


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test for logs, spool and keys; claims are short there."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.setenv("REPLEARN_LEASE", "5")
    return tmp_path


@pytest.fixture
def sweep(database, home) -> Iterator[Callable[..., subprocess.Popen]]:
    """A function that starts `python -m sweep`; it and all it started are gone at the end."""
    started = []

    def start(options: str, words: str, steps: int = STEPS, **how: object) -> subprocess.Popen:
        words = f"{WORDS} training.steps={steps} training.validate_every={steps} {words}"
        command = [sys.executable, "-m", "sweep", *options.split(), *words.split()]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how}
        started.append(
            subprocess.Popen(command, cwd=SCRIPTS, text=True, start_new_session=True, **how)
        )
        return started[-1]

    yield start
    for driver in started:
        for pid in [*family(driver.pid), driver.pid]:
            kill(pid)
        driver.communicate()


@pytest.fixture(scope="session")
def slurm_daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm_server.Slurm]:
    """A SLURM of one node on the loopback, for all tests that want one."""
    if (reason := slurm_server.why_not()) is not None:
        pytest.skip(reason)
    with slurm_server.started(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture
def slurm(slurm_daemons, home, monkeypatch: pytest.MonkeyPatch) -> Iterator[slurm_server.Slurm]:
    """SLURM, whose commands this test and what it starts find; without jobs at the end."""
    for name, value in slurm_daemons.environment.items():
        if os.environ.get(name) != value and name in slurm_server.NAMES:
            monkeypatch.setenv(name, value)
    yield slurm_daemons
    slurm_daemons.clear()
