"""Delete runs with all that is theirs, and collect what no run refers to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import gridfs
from bson import ObjectId
from pymongo.database import Database

from replearn.errors import InputError
from replearn.runs.spool import spooled_runs

ALIVE = timedelta(seconds=120)  # a run whose heartbeat is older is dead, as Omniboard sees it
ARTIFACT = "artifact://runs/"


@dataclass(frozen=True)
class Garbage:
    """What no run refers to: ids in metrics, fs.files, files of fs.chunks, and runs (imports)."""

    metrics: list[Any]
    files: list[Any]
    chunks: list[Any]
    imports: list[Any]
    length: int

    def __bool__(self) -> bool:
        return bool(self.metrics or self.files or self.chunks or self.imports)


def delete_runs(run_ids: Sequence[int], database: Database, force: bool = False) -> None:
    """Delete runs with their metrics, their artifacts and the sources that no other run has.

    The run document goes first: what is left of a deletion that is cut off refers to no run, and
    `find_garbage` finds it.

    Raises:
        InputError: if a run does not exist; without `force` also if it is still running, or
            another run was made from it.
    """
    documents = list(
        database.runs.find(
            {"_id": {"$in": list(run_ids)}},
            {"status": 1, "heartbeat": 1, "artifacts": 1, "experiment.sources": 1},
        )
    )
    found = {document["_id"] for document in documents}
    if missing := [str(run_id) for run_id in run_ids if run_id not in found]:
        raise InputError(f"the database {database.name!r} has no run {', '.join(missing)}")
    if not force:
        _refuse_needed(run_ids, database)
        _refuse_alive(documents)
    sources = {i for d in documents for _, i in (d.get("experiment") or {}).get("sources") or []}
    artifacts = [a["file_id"] for d in documents for a in d.get("artifacts") or []]
    database.runs.delete_many({"_id": {"$in": list(run_ids)}})
    database.metrics.delete_many({"run_id": {"$in": list(run_ids)}})
    files = gridfs.GridFS(database)
    for file_id in [*artifacts, *(sources - _sources_in_use(database, sources))]:
        files.delete(file_id)


def find_garbage(database: Database, older_than: timedelta = timedelta(hours=1)) -> Garbage:
    """Return what no run refers to.

    Only what is older than `older_than`: a run that goes on stores a file before it names it. For
    the same reason files of runs without a completion record (they go on, or died) are left alone,
    however old.

    Raises:
        InputError: if runs wait in the spool, whose documents may refer to files as well.
    """
    if waiting := spooled_runs(database.name):
        raise InputError(
            f"{len(waiting)} run{'s' * (len(waiting) > 1)} of the database {database.name!r} wait"
            " in the spool and may need what looks like garbage; `python -m runs sync` first"
        )
    limit = datetime.now(UTC) - older_than
    naive = limit.replace(tzinfo=None)
    stale = {"status": "IMPORTING", "heartbeat": {"$lt": naive}}
    imports = [document["_id"] for document in database.runs.find(stale, {"_id": 1})]
    unfinished: set[str] = set()
    run_ids: set[Any] = set()
    referred: set[ObjectId] = set()
    for document in database.runs.find({"_id": {"$nin": imports}}, {"captured_out": 0}):
        run_ids.add(document["_id"])
        referred.update(_object_ids(document))
        if not document.get("completion"):
            unfinished.add(f"{ARTIFACT}{document['_id']}/")
    metrics = [
        document["_id"]
        for document in database.metrics.find({}, {"run_id": 1})
        if document["run_id"] not in run_ids and _made_before(document["_id"], limit)
    ]
    files, length, existing = [], 0, set()
    for file in database.fs.files.find({}, {"filename": 1, "length": 1, "uploadDate": 1}):
        existing.add(file["_id"])
        owner = "/".join(str(file.get("filename")).split("/")[:4]) + "/"
        if file["_id"] not in referred and file["uploadDate"] < naive and owner not in unfinished:
            files.append(file["_id"])
            length += file["length"]
    chunks = [
        group["_id"]
        for group in database.fs.chunks.aggregate([{"$group": {"_id": "$files_id"}}])
        if group["_id"] not in existing and _made_before(group["_id"], limit)
    ]
    return Garbage(metrics, files, chunks, imports, length)


def remove_garbage(database: Database, garbage: Garbage) -> None:
    """Remove what `find_garbage` found."""
    database.runs.delete_many({"_id": {"$in": garbage.imports}, "status": "IMPORTING"})
    database.metrics.delete_many({"_id": {"$in": garbage.metrics}})
    files = gridfs.GridFS(database)
    for file_id in garbage.files:
        files.delete(file_id)
    for file_id in garbage.chunks:
        database.fs.chunks.delete_many({"files_id": file_id})


def _refuse_needed(run_ids: Sequence[int], database: Database) -> None:
    ids = list(run_ids)
    needed = database.runs.find_one(
        {
            "_id": {"$nin": ids},
            "$or": [{"info.source_runs": {"$in": ids}}, {"info.resumed_from": {"$in": ids}}],
        },
        {"info.source_runs": 1, "info.resumed_from": 1},
    )
    if needed is not None:
        info = needed["info"]
        sources = [*(info.get("source_runs") or []), info.get("resumed_from")]
        names = ", ".join(str(run_id) for run_id in ids if run_id in sources)
        raise InputError(
            f"run {needed['_id']} was made from run {names}; delete it too, or give --force"
        )


def _refuse_alive(documents: Iterable[Mapping[str, Any]]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    for document in documents:
        beat = document.get("heartbeat")
        if document.get("status") == "RUNNING" and beat is not None and now - beat < ALIVE:
            raise InputError(
                f"run {document['_id']} is still running; stop it first, or give --force"
            )


def _sources_in_use(database: Database, candidates: set[Any]) -> set[Any]:
    stages = [
        {"$unwind": "$experiment.sources"},
        {"$group": {"_id": {"$arrayElemAt": ["$experiment.sources", 1]}}},
        {"$match": {"_id": {"$in": list(candidates)}}},
    ]
    return {group["_id"] for group in database.runs.aggregate(stages)}


def _object_ids(value: Any) -> Iterator[ObjectId]:
    """Yield every ObjectId anywhere in a document: whatever refers to a file keeps it."""
    if isinstance(value, ObjectId):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _object_ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _object_ids(item)


def _made_before(made: Any, limit: datetime) -> bool:
    # Ids that are no ObjectIds tell no time; they come from no program of today.
    return not isinstance(made, ObjectId) or made.generation_time < limit
