"""Fixtures for all tests: a real private MongoDB server, and a fresh database on it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a private mongod in a folder of this test session."""
    from replearn.runs.server import start_server, stop_server

    folder: Path = tmp_path_factory.mktemp("mongo server")
    yield start_server(folder)
    stop_server(folder)


@pytest.fixture
def database(mongo_server: str, monkeypatch: pytest.MonkeyPatch):
    """A fresh database, which `open_database()` also gives; dropped afterwards."""
    from replearn.runs.database import close_clients, open_database

    name = f"test_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("MONGO_URL", mongo_server)
    monkeypatch.setenv("MONGO_DB", name)
    opened = open_database()
    yield opened
    opened.client.drop_database(name)
    close_clients()
