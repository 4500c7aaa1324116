"""Fixtures for all tests: a real private MongoDB server, and a fresh database on it."""

import hashlib
import os
import random
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

# Of torch and BLAS, before they are imported: the arrays of tests are small, and on a busy machine
# threads that wait for each other take up to thirty times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell script that starts the tests with `&` has them, and the runs they start, ignore Ctrl-C;
# `nohup` has them ignore a hang-up.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def server_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """A function that makes a folder for a private mongod; all are stopped at the end.

    Their ports are random and not the usual ones, so that test sessions beside this one and the
    user's own server never take the port of a server that a test restarts.
    """
    from replearn.runs.server import stop_server

    folders = []

    def make() -> Path:
        folders.append(tmp_path_factory.mktemp("mongo server"))
        port = random.SystemRandom().randrange(20_000, 27_000)
        (folders[-1] / "url").write_text(f"mongodb://127.0.0.1:{port}\n")
        return folders[-1]

    yield make
    for folder in folders:
        stop_server(folder)


@pytest.fixture(scope="session")
def mongo_server(server_folders: Callable[[], Path]) -> str:
    """The URL of a private mongod in a folder of this test session."""
    from replearn.runs.server import start_server

    return start_server(server_folders())


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


@pytest.fixture
def store_run(database) -> Callable[..., int]:
    """Store a finished run as the observer leaves it, without the time that a real run takes.

    `metrics` maps names to values at steps 0, 10, 20 …; `artifacts` maps names to bytes; every
    other keyword is a field of the run document, None leaves a field out.
    """
    import gridfs

    files = gridfs.GridFS(database)

    def store(
        config: dict[str, Any] | None = None,
        metrics: dict[str, list[float]] | None = None,
        artifacts: dict[str, bytes] | None = None,
        experiment: str = "unsupervised",
        **fields: Any,
    ) -> int:
        last = database.runs.find_one({"_id": {"$type": "number"}}, sort=[("_id", -1)])
        run_id = fields.pop("_id", (last or {"_id": 0})["_id"] + 1)
        start = datetime(2026, 1, 1) + timedelta(minutes=run_id if isinstance(run_id, int) else 0)
        metric_ids = {
            name: database.metrics.insert_one(
                {
                    "run_id": run_id,
                    "name": name,
                    "steps": list(range(0, 10 * len(values), 10)),
                    "values": values,
                    "timestamps": [start] * len(values),
                }
            ).inserted_id
            for name, values in (metrics or {}).items()
        }
        stored, record = [], {}
        for name, data in (artifacts or {}).items():
            sha256 = hashlib.sha256(data).hexdigest()
            file_id = files.put(
                data, filename=f"artifact://runs/{run_id}/{name}", metadata={"sha256": sha256}
            )
            stored.append({"name": name, "file_id": file_id})
            record[name] = {"length": len(data), "sha256": sha256}
        document = {
            "_id": run_id,
            "experiment": {"name": experiment, "sources": [], "repositories": []},
            "format": "MongoObserver-0.7.0",
            "status": "COMPLETED",
            "start_time": start,
            "stop_time": start + timedelta(seconds=30),
            "heartbeat": start + timedelta(seconds=30),
            "host": {"hostname": "test"},
            "config": config or {},
            "result": {},
            "info": {"metrics": [{"name": n, "id": str(i)} for n, i in metric_ids.items()]},
            "captured_out": "",
            "artifacts": stored,
            "completion": {
                "metrics": {name: len(values) for name, values in (metrics or {}).items()},
                "artifacts": record,
            },
        }
        document |= fields
        document = {key: value for key, value in document.items() if value is not None}
        database.runs.insert_one(document)
        return run_id

    return store
