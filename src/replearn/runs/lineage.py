"""Where a result comes from: the runs that a run or a file was made from, and who used it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo.database import Database

from replearn.errors import InputError
from replearn.runs.references import ids_imported

FIELDS = {
    "experiment.name": 1,
    "experiment.repositories": 1,
    "status": 1,
    "start_time": 1,
    "identity": 1,
    "imported": 1,
    "info.source_runs": 1,
    "info.resumed_from": 1,
    "info.elsewhere": 1,
    "info.dataset": 1,
}


@dataclass(frozen=True)
class Link:
    """One run in a lineage: how deep, in which role ("", "source", "resumed from"), its document.

    `document` is None where the run is no longer in the database, and `repeated` says that its own
    ancestors stand further up.
    """

    depth: int
    role: str
    run_id: Any
    document: dict[str, Any] | None
    repeated: bool = False


def trace(run_id: int, database: Database) -> list[Link]:
    """Return the run and everything it was made from, each below the run that used it.

    Raises:
        InputError: if the database has no such run.
    """
    links = list(_trace(Link(0, "", run_id, _read(run_id, database)), database, set()))
    if links[0].document is None:
        raise InputError(f"the database {database.name!r} has no run {run_id}")
    return links


def users(run_id: int, database: Database) -> list[Link]:
    """Return the runs that name this one as a source or ancestor."""
    named = {"$or": [{"info.source_runs": run_id}, {"info.resumed_from": run_id}]}
    return [
        Link(0, "resumed" if _ancestor(document) == run_id else "used", document["_id"], document)
        for document in database.runs.find(named, FIELDS).sort("_id", 1)
    ]


def ids_here(ids: Sequence[int], origin: Mapping[str, Any], database: Database) -> dict[int, int]:
    """Return the ids that runs of a database have in `database`: that one, or one they came to.

    Args:
        ids: in the database of origin.
        origin: `database` and `key` of it.
        database: where to look.

    Raises:
        InputError: if it is neither that database nor one that has imported these runs.
    """
    found = ids_imported(origin.get("key"), database)
    if not found:
        raise InputError(
            f"this is of the database {origin.get('database')!r}, and {database.name!r} is "
            f"another one that has imported none of its runs; choose the database by MONGO_DB "
            f"and MONGO_URL"
        )
    if missing := [str(run_id) for run_id in ids if run_id not in found]:
        raise InputError(
            f"run {', '.join(missing)} of the database {origin.get('database')!r} is not in the "
            f"database {database.name!r} any more"
        )
    return {run_id: found[run_id] for run_id in ids}


def find_owner(path: Path, database: Database) -> tuple[int, str]:
    """Return the id of the run that made a file, and the name of its artifact.

    The content decides (sha256), not the name: a file that was edited since belongs to no run.

    Raises:
        InputError: if the file does not exist, or no run has stored it as an artifact.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    same = [f["_id"] for f in database.fs.files.find({"metadata.sha256": digest}, {"_id": 1})]
    document = database.runs.find_one({"artifacts.file_id": {"$in": same}}, {"artifacts": 1})
    if document is not None:
        name = next(a["name"] for a in document["artifacts"] if a["file_id"] in same)
        return document["_id"], name
    named = database.runs.find_one(
        {"_id": _id_in(path), "artifacts.name": path.name}, {"experiment.name": 1}
    )
    if named is not None:
        raise InputError(
            f"{path} is no longer what run {named['_id']} stored as {path.name!r}; it was edited"
        )
    raise InputError(f"no run in the database {database.name!r} has stored {path}")


def _trace(link: Link, database: Database, seen: set[Any]) -> Iterator[Link]:
    if link.run_id in seen:
        yield Link(link.depth, link.role, link.run_id, link.document, repeated=True)
        return
    yield link
    seen.add(link.run_id)
    if link.document is None:
        return
    info = link.document.get("info") or {}
    parents = [("source", run_id) for run_id in info.get("source_runs") or []]
    if _ancestor(link.document) is not None:
        parents.insert(0, ("resumed from", _ancestor(link.document)))
    for role, run_id in parents:
        parent = Link(link.depth + 1, role, run_id, _read(run_id, database))
        yield from _trace(parent, database, seen)


def _read(run_id: Any, database: Database) -> dict[str, Any] | None:
    return database.runs.find_one({"_id": run_id}, FIELDS)


def _ancestor(document: dict[str, Any]) -> Any:
    return (document.get("info") or {}).get("resumed_from")


def _id_in(path: Path) -> int | None:
    """Return the run id of a path such as results/<database>/<analysis>/<id>/file, if any."""
    ids = [int(part) for part in path.resolve().parts[:-1] if part.isdecimal()]
    return ids[-1] if ids else None
