"""Fixtures of the data set tests: folders of their own for data files."""

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, whose data/ is also $REPLEARN_DATA."""
    folder = tmp_path / "home with a space"
    (folder / "data").mkdir(parents=True)
    monkeypatch.setenv("REPLEARN_HOME", str(folder))
    monkeypatch.delenv("REPLEARN_DATA", raising=False)
    return folder
