"""Benchmark of queries: find_runs over many finished runs, against incense on the same database."""

import hashlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from bson import ObjectId
from pymongo.database import Database

from replearn.runs import find_runs

METRICS = ("train.loss", "train.reconstruction", "train.kl", "val.loss", "val.reconstruction")
POINTS = 100
OUTPUT = "step 1000: loss 123.456789, reconstruction 98.765432\n" * 360  # 19 kB
STEPS = [0, *(m * 10**k for k in range(5) for m in (1, 2, 5))]  # weights kept, 16 a run
START = datetime(2026, 1, 1)


def make_runs(database: Database, n: int = 1000, seed: int = 0) -> None:
    """Insert `n` finished runs as the observer leaves them: curves, output and kept weights."""
    rng = np.random.default_rng(seed)
    runs, metrics, files, chunks = [], [], [], []
    for run_id in range(1, n + 1):
        curves = rng.normal(size=(len(METRICS), POINTS))
        artifacts = []
        for step in STEPS:
            data, file_id = rng.bytes(64), ObjectId()
            name = f"step-{step:08d}.safetensors"
            digest = hashlib.sha256(data).hexdigest()
            files.append(
                {
                    "_id": file_id,
                    "filename": f"artifact://runs/{run_id}/{name}",
                    "length": len(data),
                    "chunkSize": 261120,
                    "uploadDate": START,
                    "metadata": {"sha256": digest},
                }
            )
            chunks.append({"files_id": file_id, "n": 0, "data": data})
            artifacts.append((name, file_id, len(data), digest))
        metric_ids = [ObjectId() for _ in METRICS]
        for metric_id, name, curve in zip(metric_ids, METRICS, curves, strict=True):
            metrics.append(
                {
                    "_id": metric_id,
                    "run_id": run_id,
                    "name": name,
                    "steps": list(range(0, 10 * POINTS, 10)),
                    "values": curve.tolist(),
                    "timestamps": [START + timedelta(seconds=i) for i in range(POINTS)],
                }
            )
        runs.append(
            {
                "_id": run_id,
                "experiment": {"name": "unsupervised", "sources": [], "repositories": []},
                "format": "MongoObserver-0.7.0",
                "status": "COMPLETED",
                "start_time": START,
                "stop_time": START + timedelta(seconds=600),
                "config": {
                    "seed": run_id % 50,
                    "dataset": {"name": "dsprites", "validation": 0.1},
                    "model": {"name": "vae", "encoder": "kim", "latent_size": 10},
                    "training": {
                        "loss": {"name": "beta_vae", "params": {"beta": 2 ** (run_id // 50 % 5)}},
                        "batch_size": 64,
                        "steps": 50_000,
                    },
                },
                "result": dict(zip(METRICS, curves[:, -1].tolist(), strict=True)),
                "info": {
                    "metrics": [
                        {"name": name, "id": str(i)}
                        for name, i in zip(METRICS, metric_ids, strict=True)
                    ]
                },
                "captured_out": OUTPUT,
                "artifacts": [{"name": name, "file_id": i} for name, i, _, _ in artifacts],
                "completion": {
                    "metrics": dict.fromkeys(METRICS, POINTS),
                    "artifacts": {
                        name: {"length": length, "sha256": digest}
                        for name, _, length, digest in artifacts
                    },
                },
            }
        )
    database.metrics.create_index([("run_id", 1), ("name", 1)], unique=True)
    database.fs.chunks.create_index([("files_id", 1), ("n", 1)], unique=True)
    database.metrics.insert_many(metrics)
    database.fs.files.insert_many(files)
    database.fs.chunks.insert_many(chunks)
    database.runs.insert_many(runs)


def compare(database: Database, repeats: int = 3) -> list[tuple[str, int, float]]:
    """Return rows (what, number of runs, best seconds of `repeats`) for the benchmark's table."""
    runs = find_runs(None, database)
    few = find_runs({"seed": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}, database)

    def last_values(query_set: Any) -> list[float]:
        return [experiment.metrics["val.loss"].iloc[-1] for experiment in query_set]

    cases: list[tuple[str, int, Callable[[], Any]]] = [
        (
            "find_runs: config, last metric values, completion checked",
            len(runs),
            lambda: find_runs(None, database),
        ),
        (
            "find_runs without the completion check",
            len(runs),
            lambda: find_runs(None, database, verify=False),
        ),
        ("find_runs and .table()", len(runs), lambda: find_runs(None, database).table()),
        (
            "find_runs with a condition, and .table()",
            len(few),
            lambda: find_runs({"seed": list(range(10))}, database).table(),
        ),
        ("incense: the runs alone", len(runs), runs.incense),
        (
            "incense: the runs and the last value of one metric",
            len(few),
            lambda: last_values(few.incense()),
        ),
        (
            "incense: the runs and the last value of one metric",
            len(runs),
            lambda: last_values(runs.incense()),
        ),
    ]
    return [(what, n, _best_time(case, repeats)) for what, n, case in cases]


def _best_time(case: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        case()
        times.append(time.perf_counter() - start)
    return min(times)
