"""Read an archive of runs into a database: whole, or not at all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gridfs
from bson import ObjectId
from bson.errors import BSONError
from gridfs.errors import GridFSError
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from tqdm import tqdm

from replearn.errors import InputError
from replearn.runs.archive import Archive, open_archive
from replearn.runs.references import ids_imported, rename_document, same_config

# The database fills these in itself; everything else of a file's description is kept.
FILE_FIELDS_OF_GRIDFS = {"_id", "length", "uploadDate"}
BEAT = 60.0  # seconds between two signs of life, without which `gc` takes an import for broken


@dataclass(frozen=True)
class Imported:
    """What an import did: id in the archive -> id here, and which of them were here before."""

    ids: dict[int, int]
    known: frozenset[int]


def import_runs(path: Path, database: Database) -> Imported:
    """Insert the runs of an archive; a run whose id is taken gets a new one.

    Everything is checked before anything is inserted. Until the very end all runs have the status
    IMPORTING, so no query ever sees half an import; what a killed one leaves is `gc`'s to remove. A
    run that is in the database already (same experiment, host, times and config) is not doubled.

    Raises:
        InputError: if the file is no such archive, or is damaged, or the database fails; nothing
            is left behind then.
    """
    with open_archive(path) as archive:
        archive.check()
        found = {i: _find_twin(archive.record(i)["run"], database) for i in archive.run_ids}
        known = {old: here for old, here in found.items() if here is not None}
        made = _Inserted(database, archive)
        try:
            new = [i for i in archive.run_ids if i not in known]
            kept = {i: i for i in new if made.reserve(i)}
            ids = known | kept | {i: made.reserve_next() for i in new if i not in kept}
            # What did not come along may have come before.
            names = ids_imported(archive.origin["key"], database) | ids
            for run_id in tqdm(new, "import", unit="run", disable=None):
                made.insert(run_id, names)
            made.publish()
        except (PyMongoError, BSONError, GridFSError, OverflowError) as error:
            made.undo()
            reason = str(error).split(", full error")[0]
            raise InputError(
                f"{path} could not be imported ({reason}); nothing was left behind"
            ) from error
        except BaseException:
            made.undo()
            raise
    return Imported({i: ids[i] for i in archive.run_ids}, frozenset(known))


class _Inserted:
    """What an import has inserted so far, to be undone if the rest fails."""

    def __init__(self, database: Database, archive: Archive):
        self.database, self.archive = database, archive
        self.files = gridfs.GridFS(database)
        self.mark = ObjectId()  # of this import, in all its run documents
        self.ids: list[int] = []
        self.metric_ids: list[ObjectId] = []
        self.file_ids: list[ObjectId] = []
        self.sources: dict[Any, ObjectId] = {}
        self._beat = time.monotonic()

    def reserve(self, run_id: int) -> bool:
        """Put a placeholder at an id, and return whether it was free.

        An id is also taken while metrics of a run that was deleted still bear it.
        """
        if self.database.metrics.find_one({"run_id": run_id}, {"_id": 1}):
            return False
        place = {"status": "IMPORTING", "heartbeat": _now(), "imported": {"by": self.mark}}
        try:
            self.database.runs.insert_one({"_id": run_id, **place})
        except DuplicateKeyError:
            return False
        self.ids.append(run_id)
        return True

    def reserve_next(self) -> int:
        """Put a placeholder at the next free id, and return it."""
        while not self.reserve(run_id := _next_id(self.database)):
            continue
        return run_id

    def insert(self, old_id: int, ids: Mapping[int, int]) -> None:
        """Insert files, metrics and document of a run; it stays IMPORTING.

        Args:
            old_id: in the archive.
            ids: of all runs, there -> here.
        """
        record, run_id = self.archive.record(old_id), ids[old_id]
        document = rename_document(record["run"], ids, self.archive.origin["name"])
        files = {part["file"]["_id"]: part for part in record["files"]}
        document["artifacts"] = [
            artifact
            | {
                "file_id": self._put(
                    files[artifact["file_id"]],
                    filename=f"artifact://runs/{run_id}/{artifact['name']}",
                )
            }
            for artifact in document.get("artifacts") or []
        ]
        experiment = dict(document.get("experiment") or {})
        experiment["sources"] = [
            [name, self._source(files[file_id])]
            for name, file_id in experiment.get("sources") or []
        ]
        document["experiment"] = experiment
        self._insert_metrics(record, run_id, document["info"])
        origin = {"database": self.archive.origin["key"], "id": old_id}
        before = (document.get("imported") or {}).get("origins") or []
        imported = {
            "id": old_id,
            "at": _now(),
            "database": self.archive.origin["name"],
            "origins": [*before, origin],
            "by": self.mark,
        }
        held = {key: document[key] for key in ("status", "heartbeat") if key in document}
        self._replace(
            document
            | {"_id": run_id, "status": "IMPORTING", "heartbeat": _now()}
            | {"imported": imported, "importing": held}
        )

    def publish(self) -> None:
        """Give all runs the status that they had, by one command."""
        shown = {"status": "$importing.status", "heartbeat": "$importing.heartbeat"}
        done = self.database.runs.update_many(
            {"_id": {"$in": self.ids}, "imported.by": self.mark, "status": "IMPORTING"},
            [{"$set": shown}, {"$unset": "importing"}],
        )
        if done.matched_count != len(self.ids):
            raise PyMongoError("the place of a run was taken away")

    def undo(self) -> None:
        """Remove everything that was inserted; what a dead server keeps is `gc`'s to find."""
        try:
            self.database.runs.delete_many({"_id": {"$in": self.ids}, "imported.by": self.mark})
            self.database.metrics.delete_many({"_id": {"$in": self.metric_ids}})
            for file_id in self.file_ids:
                self.files.delete(file_id)
        except PyMongoError:
            # The error that brought us here is the one to report.
            return

    def _insert_metrics(self, record: Mapping[str, Any], run_id: int, info: dict[str, Any]) -> None:
        metric_ids = {}
        for part in record["metrics"]:
            metric = self.archive.metric(part)
            metric_id = ObjectId()
            self.metric_ids.append(metric_id)
            self.database.metrics.insert_one(metric | {"_id": metric_id, "run_id": run_id})
            metric_ids[metric["name"]] = metric_id
        if "metrics" in info:
            info["metrics"] = [
                entry | {"id": str(metric_ids.get(entry["name"], entry["id"]))}
                for entry in info["metrics"]
            ]

    def _replace(self, document: dict[str, Any]) -> None:
        place = {"_id": document["_id"], "imported.by": self.mark}
        if not self.database.runs.replace_one(place, document).matched_count:
            raise PyMongoError(f"the place of run {document['_id']} was taken away")

    def _put(self, part: Mapping[str, Any], **fields: Any) -> ObjectId:
        self._show_life()
        kept = {k: v for k, v in part["file"].items() if k not in FILE_FIELDS_OF_GRIDFS}
        file_id = ObjectId()
        self.file_ids.append(file_id)
        with self.archive.open(part["entry"]) as data:
            self.files.put(data, _id=file_id, **(kept | fields))
        return file_id

    def _source(self, part: Mapping[str, Any]) -> ObjectId:
        # Sources are stored once for all runs that have them, known by name and md5.
        file = part["file"]
        if file["_id"] not in self.sources:
            same = {key: file[key] for key in ("filename", "md5", "length") if key in file}
            here = self.database.fs.files.find_one(same, {"_id": 1}) if "md5" in same else None
            self.sources[file["_id"]] = here["_id"] if here else self._put(part)
        return self.sources[file["_id"]]

    def _show_life(self) -> None:
        if time.monotonic() > self._beat + BEAT:
            self._beat = time.monotonic()
            mine = {"imported.by": self.mark, "status": "IMPORTING"}
            self.database.runs.update_many(mine, {"$set": {"heartbeat": _now()}})


def _find_twin(document: dict[str, Any], database: Database) -> int | None:
    """Return the id of the same run in the database: one host starts no two at one instant."""
    if not isinstance(document.get("start_time"), datetime):
        return None
    same = {
        "experiment.name": (document.get("experiment") or {}).get("name"),
        "host.hostname": (document.get("host") or {}).get("hostname"),
        "start_time": document["start_time"],
        "stop_time": document.get("stop_time"),
        "status": {"$ne": "IMPORTING"},
    }
    for here in database.runs.find(same, {"config": 1}):
        if same_config(here.get("config"), document.get("config")):
            return here["_id"]
    return None


def _next_id(database: Database) -> int:
    largest = 0
    for collection, field in ((database.runs, "_id"), (database.metrics, "run_id")):
        last = collection.find_one({field: {"$type": "number"}}, {field: 1}, sort=[(field, -1)])
        largest = max(largest, int(last[field]) if last else 0)
    return largest + 1


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
