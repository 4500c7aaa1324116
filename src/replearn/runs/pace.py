"""How long runs take, by those that are finished, and how far those are that run now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pymongo.database import Database

from replearn.runs.standing import is_alive
from replearn.runs.where import look_up

MOST_RUNS = 1000  # finished runs that an estimate looks at, the newest
LONG_SECONDS = 60  # a run that tells how long longer ones take
# What makes runs alike, the most telling first.
LIKENESS = ("dataset.name", "model.encoder", "training.loss.name", "device", "threads")


@dataclass(frozen=True)
class Pace:
    """Seconds that a finished run took, its length in a unit (step, epoch, run), what it was."""

    unit: str
    length: int
    seconds: float
    likeness: tuple[Any, ...]


@dataclass(frozen=True)
class Progress:
    """A run under way: its last logged step, and its loss there."""

    run_id: int
    config_hash: str
    step: int | None = None
    steps: int | None = None
    loss: float | None = None


def find_paces(database: Database, experiment: str) -> list[Pace]:
    """Return the pace of finished runs of an experiment; those taken up again do not count."""
    query = {
        "experiment.name": experiment, "status": "COMPLETED", "info.resumed_from": None
    }  # fmt: skip
    fields = {"config": 1, "start_time": 1, "stop_time": 1}
    paces = []
    for run in database.runs.find(query, fields).sort("start_time", -1).limit(MOST_RUNS):
        config, start, stop = (run.get(key) for key in fields)
        unit, length = run_length(config or {})
        if start is not None and stop is not None:
            seconds = (stop - start).total_seconds()
            paces.append(Pace(unit, length, seconds, _likeness(config or {})))
    return paces


def estimate(paces: Sequence[Pace], config: Mapping[str, Any]) -> float | None:
    """Return the seconds that a run of `config` will take, None if there is nothing to go by.

    It is the median time of a step, times the steps, over the runs that are alike, most of all in
    data set and model. Short runs tell little of long ones, since most of their time is not that
    of steps: they are left out. An epoch is compared only with one of the same data set.
    """
    unit, length = run_length(config)
    wanted = _likeness(config)
    for alike in range(len(LIKENESS), 0 if unit == "epoch" else -1, -1):
        each = [
            pace.seconds / pace.length
            for pace in paces
            if pace.unit == unit
            and pace.likeness[:alike] == wanted[:alike]
            and (pace.seconds > LONG_SECONDS or pace.length >= length / 2)
        ]
        if each:
            return median(each) * length
    return None


def run_length(config: Mapping[str, Any]) -> tuple[str, int]:
    """Return the unit in which the length of a run is given, and how many there are."""
    training = config.get("training") or {}
    for unit, key in (("step", "steps"), ("epoch", "epochs")):
        if training.get(key):
            return unit, training[key]
    return "run", 1


def find_progress(database: Database, experiment: str, hashes: Sequence[str]) -> list[Progress]:
    """Return the runs of these configurations that are under way, by their last heartbeats."""
    wanted = set(hashes)
    query = {"status": "RUNNING", "experiment.name": experiment}
    fields = {"identity.config_hash": 1, "config.training": 1, "heartbeat": 1, "start_time": 1}
    runs = [
        run
        for run in database.runs.find(query, fields).sort("_id", 1)
        if (run.get("identity") or {}).get("config_hash") in wanted and is_alive(run)
    ]
    last: dict[int, tuple[int, float]] = {}
    for curve in database.metrics.find(
        {"run_id": {"$in": [run["_id"] for run in runs]}, "name": {"$regex": r"^train\.loss"}},
        {"run_id": 1, "steps": {"$slice": -1}, "values": {"$slice": -1}},
    ):
        if curve.get("steps") and curve.get("values"):
            point = curve["steps"][0], curve["values"][0]
            last[curve["run_id"]] = max(last.get(curve["run_id"], point), point)
    found = []
    for run in runs:
        unit, length = run_length(run.get("config") or {})
        step, loss = last.get(run["_id"], (None, None))
        steps = length if unit == "step" else None
        found.append(Progress(run["_id"], run["identity"]["config_hash"], step, steps, loss))
    return found


def _likeness(config: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(look_up(config, path) for path in LIKENESS)
