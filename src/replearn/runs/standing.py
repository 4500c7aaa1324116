"""How configurations stand: finished, running, failed, interrupted or missing, in a few queries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from replearn.runs.claims import claim_key, standings
from replearn.runs.completion import file_ids, find_gap, stored_curves, stored_files
from replearn.runs.resumption import ALIVE
from replearn.runs.where import STATUSES
from replearn.training.resume import SETTINGS, TENSORS

FINISHED, RUNNING, FAILED, INTERRUPTED, MISSING = STATES = (
    "finished", "running", "failed", "interrupted", "missing"
)  # fmt: skip
BATCH = 10_000  # hashes in one query: well under MongoDB's 16 MB for a message
_FIELDS = {
    "status": 1,
    "identity.config_hash": 1,
    "heartbeat": 1,
    "start_time": 1,
    "artifacts": 1,
    "completion": 1,
    "fail_trace": {"$slice": -1},
}


@dataclass(frozen=True)
class Standing:
    """The state of one configuration, the run that shows it, and a sentence if it failed.

    `settled`: it failed in a way that another try does not change, or often enough.
    """

    state: str
    run_id: int | None = None
    sentence: str = ""
    settled: bool = False


def find_standings(
    database: Database,
    experiment: str,
    hashes: Sequence[str],
    code: str | None = None,
    same_code: bool = False,
) -> dict[str, Standing]:
    """Return config hash -> Standing of the configurations of an experiment.

    Args:
        database: of runs.
        experiment: its name in the run documents, such as `unsupervised`.
        hashes: `identity.config_hash` of the configurations.
        code: `identity.code` of runs that start now; failures of other code do not count.
            None: they do.
        same_code: whether only runs of this code count.
    """
    runs: dict[str, list[dict[str, Any]]] = {each: [] for each in hashes}
    claims: dict[str, dict[str, Any]] = {}
    for start in range(0, len(hashes), BATCH):
        batch = list(hashes[start : start + BATCH])
        query: dict[str, Any] = {
            "status": {"$in": list(STATUSES)},
            "identity.config_hash": {"$in": batch},
            "experiment.name": experiment,
        }
        if same_code:
            query["identity.code"] = code
        for document in database.runs.find(query, _FIELDS):
            runs[document["identity"]["config_hash"]].append(document)
        keys = claim_keys(experiment, batch)
        found = standings(database, keys.values())
        claims |= {each: found[key] for each, key in keys.items() if key in found}
    for documents in runs.values():
        documents.sort(key=lambda document: document["_id"])
    whole = _whole(database, [document for found in runs.values() for document in found])
    return {each: _standing(found, claims.get(each), code, whole) for each, found in runs.items()}


def claim_keys(experiment: str, hashes: Sequence[str]) -> dict[str, str]:
    """Return config hash -> id of its claim."""
    return {each: claim_key(experiment, each) for each in hashes}


def _standing(
    runs: Sequence[Mapping[str, Any]],
    claim: Mapping[str, Any] | None,
    code: str | None,
    whole: set[Any],
) -> Standing:
    """Return how one configuration stands that has these runs, oldest first, and this claim."""
    done = [run["_id"] for run in runs if run["_id"] in whole]
    if done:
        return Standing(FINISHED, done[-1])
    alive = [run["_id"] for run in runs if run["status"] == "RUNNING" and is_alive(run)]
    if alive:
        return Standing(RUNNING, alive[-1])
    claim = claim or {"state": "released"}
    if claim["state"] == "running":
        return Standing(RUNNING, claim.get("run_id"))
    if claim["state"] in ("failed", "refused", "dead") and code in (None, claim.get("code")):
        settled = not claim["may_retry"]
        if settled or claim["state"] == "failed":
            sentence = claim.get("error") or f"its process {claim.get('owner')} died"
            return Standing(FAILED, claim.get("run_id"), sentence, settled)
    unfinished = [run for run in runs if run["status"] != "COMPLETED"]
    resumable = [run for run in unfinished if _resumable(run)]
    if unfinished and unfinished[-1]["status"] == "FAILED":
        return Standing(FAILED, unfinished[-1]["_id"], failure(unfinished[-1]))
    if resumable:
        return Standing(INTERRUPTED, resumable[-1]["_id"])
    return Standing(MISSING)


def is_alive(run: Mapping[str, Any]) -> bool:
    """Return whether a run that has not ended has given a sign of life of late."""
    seen = run.get("heartbeat") or run.get("start_time")
    return seen is not None and datetime.now(UTC).replace(tzinfo=None) - seen < ALIVE


def failure(run: Mapping[str, Any]) -> str:
    """Return in one line what a failed run failed with."""
    lines = str((run.get("fail_trace") or [""])[-1]).strip().splitlines()
    return re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1]) if lines else ""


def _whole(database: Database, runs: Sequence[Mapping[str, Any]]) -> set[Any]:
    """Return the ids of the completed runs that lack nothing of their completion record."""
    completed = [run for run in runs if run["status"] == "COMPLETED"]
    curves = stored_curves(database, [run["_id"] for run in completed])
    files = stored_files(database, [each for run in completed for each in file_ids(run).values()])
    return {run["_id"] for run in completed if find_gap(run, curves[run["_id"]], files) is None}


def _resumable(run: Mapping[str, Any]) -> bool:
    return {TENSORS, SETTINGS} <= file_ids(run).keys()
