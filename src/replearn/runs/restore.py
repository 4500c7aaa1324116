"""Read an archive of runs into a database: whole, or not at all."""

import zipfile
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
from replearn.runs.archive import checked_manifest, open_archive, read_record

# The database fills these in itself; everything else of a file's description is kept.
FILE_FIELDS_OF_GRIDFS = {"_id", "length", "uploadDate"}


@dataclass(frozen=True)
class Imported:
    """What an import did: id in the archive -> id here, and which of them were here before."""

    ids: dict[int, int]
    known: frozenset[int]


def import_runs(path: Path, database: Database) -> Imported:
    """Insert the runs of an archive; a run whose id is taken gets a new one.

    Everything is checked before anything is inserted. The ids are reserved by placeholders with
    status IMPORTING, which the run documents replace at the very end, so no query ever sees half a
    run. A run that is in the database already (same experiment, host and times) is not doubled.

    Raises:
        InputError: if the file is no such archive, or is damaged, or the database fails; nothing
            is left behind then.
    """
    with open_archive(path) as archive:
        manifest = checked_manifest(archive, path)
        records = [read_record(archive, run_id, path) for run_id in manifest["runs"]]
        found = {r["run"]["_id"]: _find_twin(r["run"], database) for r in records}
        known = {old: here for old, here in found.items() if here is not None}
        new = [record for record in records if record["run"]["_id"] not in known]
        made = _Inserted(database)
        try:
            ids = known | {r["run"]["_id"]: made.reserve(r["run"]["_id"]) for r in new}
            documents = [
                made.insert_parts(record, ids, archive)
                for record in tqdm(new, "import", unit="run", disable=None)
            ]
            for document in documents:
                made.publish(document)
        except (PyMongoError, BSONError, GridFSError) as error:
            made.undo()
            reason = str(error).split(", full error")[0]
            raise InputError(
                f"{path} could not be imported ({reason}); nothing was left behind"
            ) from error
        except BaseException:
            made.undo()
            raise
    return Imported(ids, frozenset(known))


class _Inserted:
    """What an import has inserted so far, to be undone if the rest fails."""

    def __init__(self, database: Database):
        self.database = database
        self.files = gridfs.GridFS(database)
        self.run_ids: list[int] = []
        self.metric_ids: list[ObjectId] = []
        self.file_ids: list[ObjectId] = []
        self.sources: dict[Any, ObjectId] = {}

    def reserve(self, wanted: int) -> int:
        """Return `wanted` if that id is free, else the next one, reserved by a placeholder.

        An id is also taken while metrics of a run that was deleted still bear it.
        """
        runs, metrics = self.database.runs, self.database.metrics
        run_id = wanted
        if metrics.find_one({"run_id": wanted}, {"_id": 1}):
            run_id = _next_id(self.database)
        while True:
            try:
                runs.insert_one({"_id": run_id, "status": "IMPORTING", "heartbeat": _now()})
            except DuplicateKeyError:
                run_id = _next_id(self.database)
            else:
                self.run_ids.append(run_id)
                return run_id

    def insert_parts(
        self, record: dict[str, Any], ids: dict[int, int], archive: zipfile.ZipFile
    ) -> dict[str, Any]:
        """Insert files and metrics of a run, and return its document, which names them anew."""
        document = dict(record["run"])
        old_id, run_id = document["_id"], ids[document["_id"]]
        files = {file["file"]["_id"]: file for file in record["files"]}

        document["artifacts"] = [
            artifact
            | {
                "file_id": self._put(
                    files[artifact["file_id"]],
                    archive,
                    filename=f"artifact://runs/{run_id}/{artifact['name']}",
                )
            }
            for artifact in document.get("artifacts") or []
        ]
        experiment = dict(document.get("experiment") or {})
        experiment["sources"] = [
            [name, self._source(files[file_id], archive)]
            for name, file_id in experiment.get("sources") or []
        ]
        document["experiment"] = experiment

        metric_ids = {}
        for metric in record["metrics"]:
            metric_id = ObjectId()
            self.metric_ids.append(metric_id)
            self.database.metrics.insert_one(metric | {"_id": metric_id, "run_id": run_id})
            metric_ids[metric["name"]] = metric_id
        info = dict(document.get("info") or {})
        if "metrics" in info:
            info["metrics"] = [
                entry | {"id": str(metric_ids.get(entry["name"], entry["id"]))}
                for entry in info["metrics"]
            ]
        document["info"] = _renamed_sources(info, ids)
        imported = {"id": old_id, "at": _now()}
        return document | {"_id": run_id, "imported": imported}

    def publish(self, document: dict[str, Any]) -> None:
        """Put a run document in the place of its placeholder."""
        place = {"_id": document["_id"], "status": "IMPORTING"}
        if not self.database.runs.replace_one(place, document).matched_count:
            raise PyMongoError(f"the place of run {document['_id']} was taken away")

    def undo(self) -> None:
        """Remove everything that was inserted; what a dead server keeps is `gc`'s to find."""
        try:
            self.database.runs.delete_many({"_id": {"$in": self.run_ids}})
            self.database.metrics.delete_many({"_id": {"$in": self.metric_ids}})
            for file_id in self.file_ids:
                self.files.delete(file_id)
        except PyMongoError:
            # The error that brought us here is the one to report.
            return

    def _put(self, record: dict[str, Any], archive: zipfile.ZipFile, **fields: Any) -> ObjectId:
        kept = {k: v for k, v in record["file"].items() if k not in FILE_FIELDS_OF_GRIDFS}
        file_id = ObjectId()
        self.file_ids.append(file_id)
        with archive.open(f"files/{record['sha256']}") as data:
            self.files.put(data, _id=file_id, **(kept | fields))
        return file_id

    def _source(self, record: dict[str, Any], archive: zipfile.ZipFile) -> ObjectId:
        # Sources are stored once for all runs that have them, known by name and md5.
        file = record["file"]
        if file["_id"] not in self.sources:
            same = {key: file[key] for key in ("filename", "md5", "length") if key in file}
            here = self.database.fs.files.find_one(same, {"_id": 1}) if "md5" in same else None
            self.sources[file["_id"]] = here["_id"] if here else self._put(record, archive)
        return self.sources[file["_id"]]


def _find_twin(document: dict[str, Any], database: Database) -> int | None:
    """Return the id of the same run in the database: one host starts no two at one instant."""
    if not isinstance(document.get("start_time"), datetime):
        return None
    same = {
        "experiment.name": (document.get("experiment") or {}).get("name"),
        "host.hostname": (document.get("host") or {}).get("hostname"),
        "start_time": document["start_time"],
        "stop_time": document.get("stop_time"),
        "config": {"$eq": document.get("config")},
    }
    here = database.runs.find_one(same, {"_id": 1})
    return here["_id"] if here else None


def _renamed_sources(info: dict[str, Any], ids: dict[int, int]) -> dict[str, Any]:
    """Return `info` with the ids that runs have here.

    An id that did not come along would be another run here: it moves to `elsewhere`.
    """
    elsewhere: dict[str, Any] = {}
    if isinstance(info.get("source_runs"), list):
        old = info["source_runs"]
        info["source_runs"] = [ids[i] for i in old if i in ids]
        if absent := [i for i in old if i not in ids]:
            elsewhere["source_runs"] = absent
    if (ancestor := info.get("resumed_from")) is not None:
        if ancestor in ids:
            info["resumed_from"] = ids[ancestor]
        else:
            elsewhere["resumed_from"] = info.pop("resumed_from")
    return info | ({"elsewhere": elsewhere} if elsewhere else {})


def _next_id(database: Database) -> int:
    largest = 0
    for collection, field in ((database.runs, "_id"), (database.metrics, "run_id")):
        last = collection.find_one({field: {"$type": "number"}}, {field: 1}, sort=[(field, -1)])
        largest = max(largest, int(last[field]) if last else 0)
    return largest + 1


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
