"""Is everything there that a finished run says it has stored?"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import gridfs
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.database import Database

from replearn.errors import InputError
from replearn.runs.metrics import metric_parts

BATCH = 20_000  # ids in one query: well under MongoDB's 16 MB for a message


class Curve(NamedTuple):
    """What the database holds of one metric: its number of points and the last value."""

    points: int
    last: Any


class StoredFile(NamedTuple):
    """What the database says of one file: its length in bytes and its sha256, if recorded."""

    length: int
    sha256: str | None


def stored_curves(database: Database, run_ids: Sequence[Any]) -> dict[Any, dict[str, Curve]]:
    """Return run id -> name of the metric document -> Curve. The points stay on the server.

    A long metric has several documents: `whole_curves` joins them.
    """
    size = {
        # Steps and values must both be there: the shorter one counts.
        "$min": [_size("$steps"), _size("$values")]
    }
    # MongoDB reads no element of what is not an array.
    last = {"$cond": [{"$isArray": "$values"}, {"$arrayElemAt": ["$values", -1]}, None]}
    curves: dict[Any, dict[str, Curve]] = {run_id: {} for run_id in run_ids}
    for ids in _batches(run_ids):
        for document in database.metrics.aggregate(
            [
                {"$match": {"run_id": {"$in": ids}}},
                {"$project": {"_id": 0, "run_id": 1, "name": 1, "points": size, "last": last}},
            ]
        ):
            curve = Curve(document["points"], document.get("last"))
            curves[document["run_id"]][document["name"]] = curve
    return curves


def whole_curves(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return metric name -> Curve of one run, sorted, with the parts of a metric as one."""
    whole = {}
    for name, parts in metric_parts(curves).items():
        points = sum(curves[part].points for part in parts)
        whole[name] = Curve(points, curves[parts[-1]].last)
    return whole


def stored_files(database: Database, file_ids: Sequence[Any]) -> dict[Any, StoredFile]:
    """Return file id -> StoredFile of the files that exist."""
    files = {}
    for ids in _batches(file_ids):
        for document in database.fs.files.find(
            {"_id": {"$in": ids}}, {"length": 1, "metadata.sha256": 1}
        ):
            sha256 = (document.get("metadata") or {}).get("sha256")
            files[document["_id"]] = StoredFile(document["length"], sha256)
    return files


def file_ids(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return artifact name -> GridFS id of a run document; the newest of a name counts."""
    return {entry["name"]: entry["file_id"] for entry in document.get("artifacts") or []}


def find_gap(
    document: Mapping[str, Any],
    curves: Mapping[str, Curve],
    files: Mapping[Any, StoredFile],
) -> str | None:
    """Return what a run lacks of its own completion record, in words, or None.

    Compares counts, lengths and stored digests: no point and no byte is read.
    """
    record = document.get("completion")
    if not isinstance(record, Mapping):
        return "no completion record"
    for name, expected in (record.get("metrics") or {}).items():
        points = curves[name].points if name in curves else 0
        if points != expected:
            return f"metric {name!r} has {points} of {expected} points"
    artifacts = file_ids(document)
    for name, expected in (record.get("artifacts") or {}).items():
        file = files.get(artifacts.get(name))
        if file is None:
            return f"artifact {name!r} is missing"
        if file.length != expected["length"]:
            return f"artifact {name!r} has {file.length} of {expected['length']} bytes"
        if file.sha256 is not None and file.sha256 != expected["sha256"]:
            return f"artifact {name!r} is another file than the one that was recorded"
    return None


def read_verified(
    database: Database, file_id: Any, owner: str, expected: Mapping[str, Any] | None = None
) -> bytes:
    """Return the bytes of a stored file after comparing length and sha256.

    Args:
        database: the database of runs.
        file_id: its id in GridFS.
        owner: what it is, for the sentence: "artifact 'x.npz' of run 3".
        expected: `length` and `sha256` from the completion record; else the digest stored with
            the file counts, if there is one.

    Raises:
        InputError: if the file is missing or is not the one that was stored.
    """
    try:
        file = gridfs.GridFS(database).get(file_id)
        data = file.read()
    except NoFile:
        raise InputError(f"{owner} is missing from the database {database.name!r}") from None
    except CorruptGridFile as error:
        raise InputError(f"{owner} is damaged: {str(error).rstrip('.')}") from None
    if expected is None:
        expected = {"sha256": ((file.metadata or {}) if file else {}).get("sha256")}
    length = expected.get("length", len(data))
    if len(data) != length:
        raise InputError(f"{owner} is damaged: {len(data)} of {length} bytes are left")
    sha256 = expected.get("sha256")
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise InputError(f"{owner} is damaged: its sha256 is not the one that was recorded")
    return data


def result_digest(result: Any) -> str:
    """Return the sha256 of a result, the same before and after it was stored.

    Of dates, which come back less precise, only that they are there counts.
    """
    text = json.dumps(result, sort_keys=True, default=lambda value: type(value).__name__)
    return hashlib.sha256(text.encode()).hexdigest()


def find_damage(database: Database, document: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a run, in words: counts points, hashes all bytes."""
    run_id = document["_id"]
    artifacts = file_ids(document)
    curves = stored_curves(database, [run_id])[run_id]
    files = stored_files(database, list(artifacts.values()))
    gap = find_gap(document, curves, files)
    damage = [f"run {run_id}: {gap}"] if gap else []
    completion = document.get("completion") or {}
    if "result" in completion:
        stored = database.runs.find_one({"_id": run_id}, {"result": 1}) or {}
        if result_digest(stored.get("result")) != completion["result"]:
            damage.append(f"run {run_id}: its result is another one than was recorded")
    record = completion.get("artifacts") or {}
    for name, file_id in artifacts.items():
        try:
            read_verified(database, file_id, f"artifact {name!r} of run {run_id}", record.get(name))
        except InputError as error:
            damage.append(str(error))
    return damage


def _size(array: str) -> dict[str, Any]:
    return {"$cond": [{"$isArray": array}, {"$size": array}, 0]}


def _batches(items: Iterable[Any]) -> Iterable[list[Any]]:
    items = list(items)
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
