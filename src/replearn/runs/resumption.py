"""Take an interrupted run up again, as a new run that names its ancestor."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database

from replearn.errors import InputError
from replearn.runs.config import VOLATILE
from replearn.runs.run import Run
from replearn.training.resume import SETTINGS, TENSORS
from replearn.training.schedules import DEPEND_ON_LENGTH

# Only the length may change: with any other value it would not be the same run.
MAY_CHANGE = ("training.steps", "training.epochs")
ALIVE = timedelta(seconds=120)
OWN_FAULT = ("InputError", "DivergedError")
NEEDED = ("experiment.name", "status", "heartbeat", "start_time", "config", "artifacts")


class UnusableState(InputError):
    """The resume state of a run is damaged, or of other data: another run may do, or none."""


class StillRunning(Exception):
    """A run of this configuration is alive; `run_id` says which."""

    def __init__(self, run_id: int):
        super().__init__(f"run {run_id} is alive")
        self.run_id = run_id


def resumed_config(
    experiment: str, base: Mapping[str, Any], updates: Mapping[str, Any], presets: Sequence[str]
) -> dict[str, Any]:
    """Return the updates that make the config of a run of `experiment` its ancestor's.

    Raises:
        InputError: if the ancestor cannot be resumed, or something else is asked to change.
    """
    from replearn.runs.database import open_database

    run_id = updates["resume"]
    if not isinstance(run_id, int):
        raise InputError(f"resume must be a run id, got {run_id!r}; see 'python -m runs list'")
    ancestor = open_database().runs.find_one({"_id": run_id}, dict.fromkeys(NEEDED, 1))
    if ancestor is None:
        raise InputError(f"there is no run {run_id} to resume; see 'python -m runs list'")
    if (name := ancestor["experiment"]["name"]) != experiment:
        raise InputError(f"run {run_id} is one of {name}, not of {experiment}; resume it there")
    _check_resumable(ancestor)
    others = [path for path, _ in _paths(updates) if path not in MAY_CHANGE and path != "resume"]
    free = VOLATILE - {"resume"}
    if refused := [path for path in others if path not in free] + list(presets):
        raise InputError(
            f"resume={run_id} takes its configuration from run {run_id}, so {refused[0]!r} cannot "
            f"be set; only a longer training.steps or training.epochs can"
        )
    config = {key: value for key, value in ancestor["config"].items() if key in base}
    training = dict(config["training"])
    for key, value in dict(updates.get("training", {})).items():
        if not isinstance(value, int) or (training.get(key) or value + 1) > value:
            raise InputError(
                f"training.{key}={value} would shorten or redefine run {run_id}, which has "
                f"training.{key}={training.get(key)}; only a longer length can be asked for"
            )
        training[key] = value
    schedule = (training.get("scheduler") or {}).get("name")
    if schedule in DEPEND_ON_LENGTH and training != config["training"]:
        raise InputError(
            f"run {run_id} has the scheduler {schedule!r}, whose rates depend on the length of the "
            f"training, so it cannot become longer; start a new run of that length"
        )
    given = {key: updates[key] for key in free if key in updates}
    return {**config, **given, "training": training, "resume": run_id}


def find_dead(
    database: Database, query: Mapping[str, Any], key: str, spoiled: Sequence[int] = ()
) -> dict[str, Any] | None:
    """Return the newest run that can be taken up again, None if there is none.

    Args:
        database: the database of runs.
        query: that all runs of one configuration match, and no others.
        key: of the claim that this process has: another run of the same claim is dead.
        spoiled: runs to pass over.

    Raises:
        StillRunning: if one of them, without a claim, has a fresh heartbeat.
    """
    states = {"$in": ["RUNNING", "INTERRUPTED", "TIMEOUT", "FAILED"]}
    fields = dict.fromkeys((*NEEDED, "claim", "fail_trace"), 1)
    newest_first = database.runs.find({**query, "status": states}, fields).sort("_id", -1)
    dead = None
    for run in newest_first:
        claimed = (run.get("claim") or {}).get("key") == key
        if run["status"] == "RUNNING" and not claimed and _silence(run) < ALIVE:
            raise StillRunning(run["_id"])
        if dead is None and run["_id"] not in spoiled and _has_state(run) and not _at_fault(run):
            dead = run
    return dead


def load_ancestor(run: Any, run_id: int) -> tuple[bytes, Run]:
    """Name the ancestor in the run's info, and return its resume state and itself.

    Raises:
        InputError: if the ancestor was trained on other data.
    """
    from replearn.runs.database import open_database
    from replearn.runs.query import load_run

    ancestor = load_run(run_id, open_database())
    run.info["resumed_from"] = run_id
    before, now = ((info.get("dataset") or {}).get("digest") for info in (ancestor.info, run.info))
    if before is None:  # killed before the first heartbeat, which stores `info`
        before = ancestor.identity.get("data")
    if before != now:
        raise InputError(
            f"run {run_id} was trained on data with the digest {before}, but now it is {now}; "
            f"bring back the files, or start a new run"
        )
    return ancestor.read(TENSORS), ancestor


def differences(past: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs from the interrupted run, so that resuming is not bit for bit."""
    return [
        f"{name} {past.get(name)} then, {value} now"
        for name, value in now.items()
        if past.get(name) != value
    ]


def _check_resumable(ancestor: Mapping[str, Any]) -> None:
    run_id, status = ancestor["_id"], ancestor["status"]
    if status == "COMPLETED":
        raise InputError(f"run {run_id} is finished; there is nothing to resume")
    silence = _silence(ancestor)
    if status == "RUNNING" and silence < ALIVE:
        raise InputError(
            f"run {run_id} is still running (last seen {silence.seconds} s ago); stop it "
            f"first, or wait {ALIVE.seconds} s if it died"
        )
    if not _has_state(ancestor):
        raise InputError(
            f"run {run_id} ended before its first resume state was stored; start it anew"
        )


def _silence(run: Mapping[str, Any]) -> timedelta:
    """Return for how long a run has given no sign of life."""
    seen = run.get("heartbeat") or run.get("start_time")
    return timedelta.max if seen is None else datetime.now(UTC).replace(tzinfo=None) - seen


def _has_state(run: Mapping[str, Any]) -> bool:
    return {TENSORS, SETTINGS} <= {artifact["name"] for artifact in run.get("artifacts", [])}


def _at_fault(run: Mapping[str, Any]) -> bool:
    """Return whether a run failed by its configuration, and would do so again from its state."""
    last = "".join((run.get("fail_trace") or [])[-1:])
    return run["status"] == "FAILED" and last.split(":")[0].rpartition(".")[2] in OWN_FAULT


def _paths(tree: Mapping[str, Any], prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
