"""Tasks that are processes of a moment, and what they left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from replearn.sweep.task import Task


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
