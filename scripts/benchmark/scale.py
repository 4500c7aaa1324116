"""What 10,000 runs on 200 GPUs ask of one MongoDB, computed from what 200 observers measure."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from benchmark.observers import METRICS, POINTS, Crowd, Phase, cpu_seconds
from replearn.models import VAE
from replearn.paths import sims_folder
from replearn.runs.claims import LEASE
from replearn.runs.database import close_clients, open_database
from replearn.runs.pace import find_progress
from replearn.runs.server import server_status, start_server, stop_server
from replearn.runs.sweeps import is_cancelled
from replearn.sweep.task import POLL_SECONDS
from replearn.training.checkpoints import is_grid_step
from tables import markdown

BEAT = 10.0  # seconds between two heartbeats: Sacred's default
LONG = 2000  # points of each metric that the second look at heartbeats begins with
LOOKS = 1000
MODEL = "locatello"


@dataclass(frozen=True)
class Study:
    """Runs of one length on some GPUs, and the settings that decide what they store."""

    runs: int = 10_000
    gpus: int = 200
    hours: float = 1.0  # of a run
    steps: int = 300_000
    log_every: int = 20
    validate_every: int = 500
    resume_every: float = 120.0

    @property
    def points(self) -> float:
        """Points of all metrics of a run: train.* and lr, and val.*."""
        held_out = sum(name.startswith("val.") for name in METRICS)
        training = len(METRICS) - held_out
        return training * self.steps / self.log_every + held_out * self.steps / self.validate_every

    @property
    def weights(self) -> int:
        """Files of weights of a run."""
        grid = sum(m * 10**k <= self.steps for k in range(12) for m in (1, 2, 5))
        return 1 + grid + (not is_grid_step(self.steps))


CHANGED = {
    "training.log_every=200": Study(log_every=200),
    "training.log_every=200 resume_every=600": Study(log_every=200, resume_every=600),
}


@contextmanager
def own_server(name: str) -> Iterator[int]:
    """Start a MongoDB server for a measurement, as MONGO_URL says from then on; yield its pid."""
    folder, before = sims_folder() / name, os.environ.get("MONGO_URL")
    os.environ["MONGO_URL"] = start_server(folder)
    try:
        yield server_status(folder).pid or 0
    finally:
        open_database().client.drop_database(open_database().name)
        close_clients()
        stop_server(folder)
        os.environ.pop("MONGO_URL")
        if before is not None:
            os.environ["MONGO_URL"] = before


def measure(n: int, seconds: float) -> dict[str, Any]:
    """Return the phases of a crowd of `n` observers, and what a run takes in the database."""
    with torch.device("meta"):
        size = 4 * sum(weight.numel() for weight in VAE((1, 64, 64), MODEL, MODEL).parameters())
    found: dict[str, Any] = {"n": n, "weights_size": size}
    with own_server("mongo-benchmark") as server:
        with Crowd(1, server, 1) as first:  # which stores the sources for all
            first.do("start")
            first.do("finish")
        with Crowd(n, server) as crowd:
            database = open_database()
            found["start"] = crowd.do("start")
            before = database.command("collStats", "fs.chunks")["size"]
            found["store"] = crowd.do("store", size=size)
            found["chunks"] = database.command("collStats", "fs.chunks")["size"] - before
            found["paced"] = crowd.do("beat", points=POINTS, pause=BEAT, seconds=3 * seconds)
            for name in ("short", "long"):
                before = _points(database) / n
                found[name] = crowd.do("beat", points=POINTS, seconds=seconds)
                found[f"points_{name}"] = (before + _points(database) / n) / 2
                if name == "short":
                    crowd.do("beat", points=LONG)
            begin, cpu = time.monotonic(), cpu_seconds(server)
            find_progress(database, "unsupervised", [f"{i:064d}" for i in range(n)])
            found["table"] = time.monotonic() - begin, cpu_seconds(server) - cpu
            cpu = cpu_seconds(server)
            for _ in range(LOOKS):
                is_cancelled(database, "none")
            found["look_cpu"] = (cpu_seconds(server) - cpu) / LOOKS
            found["finish"] = crowd.do("finish")
            found["metrics"] = database.command("collStats", "metrics")["size"]
            found["document"] = database.command("collStats", "runs")["avgObjSize"]
            found["points"] = _points(database)
    return found


def phase_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each phase: calls a second, latencies, and what the server spent."""
    named = {
        "start": "insert the document, all at once",
        "store": f"store {found['weights_size'] / 1e6:.1f} MB of weights, all at once",
        "paced": f"heartbeat every {BEAT:.0f} s",
        "short": f"heartbeats as fast as they go, {found['points_short']:,.0f} points a run",
        "long": f"the same, {found['points_long']:,.0f} points a run",
        "finish": "verify and finish, all at once",
    }
    rows = []
    for key, name in named.items():
        phase: Phase = found[key]
        times = (f"{1000 * phase.percentile(percent):,.0f}" for percent in (50, 95, 99))
        rows.append(
            (name, f"{phase.rate:,.1f}", *times, f"{100 * phase.share:.0f} %",
             f"{1000 * phase.cpu_of_a_call:.1f}",
             f"{phase.written / len(phase.latencies) / 1e3:,.0f}")
        )  # fmt: skip
    return rows


def inputs(found: Mapping[str, Any]) -> dict[str, float]:
    """Return the measured numbers that `demands` computes with, by symbol."""
    short, long, store = found["short"], found["long"], found["store"]
    more = found["points_long"] - found["points_short"]
    n, size = found["n"], found["weights_size"]
    c1 = (long.cpu_of_a_call - short.cpu_of_a_call) / more
    w1 = (long.written / len(long.latencies) - short.written / len(short.latencies)) / more
    c1, w1 = max(c1, 0.0), max(w1, 0.0)
    return {
        "c0": max(short.cpu_of_a_call - c1 * found["points_short"], 0.0),
        "c1": c1,
        "w0": max(short.written / len(short.latencies) - w1 * found["points_short"], 0.0),
        "w1": w1,
        "q": found["look_cpu"],
        "W": size,
        "f": store.written / (n * size),
        "d": n * size / store.seconds,
        "g": found["chunks"] / (n * size),
        "m": found["metrics"] / found["points"],
        "r": found["document"],
    }


def demands(study: Study, m: Mapping[str, float]) -> dict[str, tuple[str, float]]:
    """Return what -> (formula, value) for a study; the symbols are those of `inputs`."""
    beats = study.gpus / BEAT
    looks = study.gpus / POLL_SECONDS
    n = study.points
    cpu = beats * (m["c0"] + m["c1"] * n / 2) + looks * m["q"]
    points = beats * (m["w0"] + m["w1"] * n / 2)
    states = study.gpus * 3 * m["W"] * m["f"] / study.resume_every
    return {
        "heartbeats a second": ("B = GPUs / 10 s", beats),
        "looks whether a sweep is cancelled, a second": (f"Q = GPUs / {POLL_SECONDS:.0f} s", looks),
        "renewals of claims, a second": (f"GPUs / {LEASE / 3:.0f} s", study.gpus * 3 / LEASE),
        "points of a run": ("n = 4 steps/log_every + 2 steps/validate_every", n),
        "cores of the server": ("B (c0 + c1 n/2) + Q q", cpu),
        "MB/s written for heartbeats": ("B (w0 + w1 n/2)", points / 1e6),
        "MB/s written for resume states": ("GPUs 3 W f / resume_every", states / 1e6),
        "GB of run documents": ("runs r", study.runs * m["r"] / 1e9),
        "GB of metrics": ("runs n m", study.runs * n * m["m"] / 1e9),
        f"GB of GridFS: {study.weights} weights and a resume state": (
            "runs (k + 3) W g", study.runs * (study.weights + 3) * m["W"] * m["g"] / 1e9
        ),
        "hours": ("runs hours / GPUs", study.runs * study.hours / study.gpus),
    }  # fmt: skip


def scale_text(quick: bool) -> str:
    """Return what was measured, what follows from it, and what is the first to be too little."""
    found = measure(20 if quick else 200, 5 if quick else 15)
    m = inputs(found)
    said = {
        "c0": (1000 * m["c0"], "ms of the server's CPU for a heartbeat"),
        "c1": (1e6 * m["c1"], "µs more for each point that the run has stored"),
        "w0": (m["w0"] / 1e3, "kB that the server writes to the disk for a heartbeat"),
        "w1": (m["w1"], "bytes more for each point that the run has stored"),
        "q": (1000 * m["q"], "ms of CPU for a look whether a sweep is cancelled"),
        "W": (m["W"] / 1e6, f"MB of weights (a VAE with the networks of {MODEL})"),
        "f": (m["f"], "bytes written to the disk for a byte of an artifact"),
        "d": (m["d"] / 1e6, "MB of artifacts a second that the server took"),
        "g": (m["g"], "bytes in GridFS for a byte of an artifact"),
        "m": (m["m"], "bytes in the database for a point of a metric"),
        "r": (m["r"] / 1e3, "kB of the document of a run"),
    }
    studies = {"as they are": Study(), **{name: study for name, study in CHANGED.items()}}
    columns = [demands(study, m) for study in studies.values()]
    demanded = [
        (name, f"`{formula}`", *(f"{column[name][1]:,.3g}" for column in columns))
        for name, (formula, _) in columns[0].items()
    ]
    table, table_cpu = found["table"]
    head = ("what", "a second", "median, ms", "95 %", "99 %", "server, of one core",
            "CPU of a call, ms", "written by a call, kB")  # fmt: skip
    symbols = [(f"`{symbol}`", f"{value:,.3g}", what) for symbol, (value, what) in said.items()]
    return "\n\n".join(
        (
            f"{found['n']} observers, in four processes on the machine of the server:",
            markdown(head, phase_rows(found)),
            f"One look of the live table at {found['n']} runs with {found['points_long']:,.0f} "
            f"points takes {table:.2f} s, {table_cpu:.2f} s of the server's CPU: once a second in "
            "a terminal, once a minute in a log file.",
            markdown(("symbol", "value", "what"), symbols),
            f"{Study.runs:,} runs of {Study.steps:,} steps in {Study.hours:g} hour each on "
            f"{Study.gpus} GPUs:",
            markdown(("what", "formula", *studies), demanded),
            first_limit(columns, m),
        )
    )  # fmt: skip


def first_limit(columns: Sequence[Mapping[str, tuple[str, float]]], m: Mapping[str, float]) -> str:
    """Return in words what is used up first, with which settings."""
    shares = [
        {
            "one core of the server": column["cores of the server"][1],
            "its disk": sum(v for name, (_, v) in column.items() if "written" in name)
            / (m["d"] * m["f"] / 1e6),
        }
        for column in columns
    ]
    shown = [
        " and ".join(f"{100 * share:,.0f} % of {name}" for name, share in each.items())
        for each in shares
    ]
    first = max(shares[0], key=lambda name: shares[0][name])
    changed = (
        f"With `{name}` it takes {text}." for name, text in zip(CHANGED, shown[1:], strict=True)
    )
    most = f"With the defaults this takes {shown[0]}: **{first} is the first to be too little**."
    return " ".join((most, *changed))


def _points(database: Any) -> int:
    total = list(database.metrics.aggregate([{"$group": {"_id": None, "n": {"$sum": "$n"}}}]))
    return total[0]["n"] if total else 0
