"""Take an interrupted run up again, as a new run that names its ancestor."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from replearn.errors import InputError
from replearn.runs.config import VOLATILE
from replearn.training.checkpoints import weights_steps
from replearn.training.resume import SETTINGS, TENSORS

# Only the length may change: with any other value it would not be the same run.
MAY_CHANGE = ("training.steps", "training.epochs")
ALIVE = timedelta(seconds=120)


def resumed_config(
    base: Mapping[str, Any], updates: Mapping[str, Any], presets: Sequence[str]
) -> dict[str, Any]:
    """Return the updates that make this run's config its ancestor's.

    Raises:
        InputError: if the ancestor cannot be resumed, or something else is asked to change.
    """
    from replearn.runs.database import open_database

    run_id = updates["resume"]
    if not isinstance(run_id, int):
        raise InputError(f"resume must be a run id, got {run_id!r}; see 'python -m runs list'")
    ancestor = open_database().runs.find_one(
        {"_id": run_id}, {"status": 1, "heartbeat": 1, "start_time": 1, "config": 1, "artifacts": 1}
    )
    if ancestor is None:
        raise InputError(f"there is no run {run_id} to resume; see 'python -m runs list'")
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
        if training.get(key) is None or value < training[key]:
            raise InputError(
                f"training.{key}={value} would shorten or redefine run {run_id}, which has "
                f"training.{key}={training.get(key)}; only a longer length can be asked for"
            )
        training[key] = value
    given = {key: updates[key] for key in free if key in updates}
    return {**config, **given, "training": training, "resume": run_id}


def load_ancestor(run: Any, run_id: int, store: Callable[[str, bytes], None]) -> dict[str, bytes]:
    """Name the ancestor in the run's info, copy its weights to it, and return its resume state."""
    from replearn.runs.database import open_database
    from replearn.runs.query import load_run

    ancestor = load_run(run_id, open_database())
    run.info["resumed_from"] = run_id
    files = {name: ancestor.read(name) for name in (TENSORS, SETTINGS)}
    for step in weights_steps(ancestor.artifacts):
        name = f"step-{step:08d}.safetensors"
        store(name, ancestor.read(name))
    return files


def check_finished_length(start: int, stop: int, run_id: int) -> None:
    """Raise an InputError if an ancestor is already as long as it should become."""
    if start >= stop:
        raise InputError(
            f"run {run_id} has already made {start} of {stop} steps; ask for a longer "
            f"training.steps to go on"
        )


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
