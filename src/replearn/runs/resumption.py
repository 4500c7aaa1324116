"""Take an interrupted run up again, as a new run that names its ancestor."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from replearn.errors import InputError
from replearn.runs.config import VOLATILE
from replearn.runs.run import Run
from replearn.training.resume import SETTINGS, TENSORS
from replearn.training.schedules import DEPEND_ON_LENGTH

# Only the length may change: with any other value it would not be the same run.
MAY_CHANGE = ("training.steps", "training.epochs")
ALIVE = timedelta(seconds=120)
NEEDED = ("experiment.name", "status", "heartbeat", "start_time", "config", "artifacts")


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
    seen = ancestor.get("heartbeat") or ancestor.get("start_time")
    now = datetime.now(UTC).replace(tzinfo=None)
    if status == "RUNNING" and seen is not None and now - seen < ALIVE:
        raise InputError(
            f"run {run_id} is still running (last seen {(now - seen).seconds} s ago); stop it "
            f"first, or wait {ALIVE.seconds} s if it died"
        )
    names = {artifact["name"] for artifact in ancestor.get("artifacts", [])}
    if not {TENSORS, SETTINGS} <= names:
        raise InputError(
            f"run {run_id} ended before its first resume state was stored; start it anew"
        )


def _paths(tree: Mapping[str, Any], prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
