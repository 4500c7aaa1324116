"""The documents of sweeps: what was asked for, so that it can be looked at, cancelled, repeated."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from replearn.errors import InputError, nearest


def store_sweep(
    database: Database,
    experiment: str,
    module: str,
    words: Sequence[str],
    points: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
) -> str:
    """Store a new sweep and return its id, six letters and digits.

    Args:
        database: of runs.
        experiment: its name in the run documents.
        module: what runs it, such as `experiments.unsupervised`.
        words: the grid as it was typed.
        points: `config_hash` and `words` of each point.
        options: `cluster`, `code` and the rest of what the engine was told.
    """
    document = {
        "experiment": experiment,
        "module": module,
        "words": list(words),
        "created": datetime.now(UTC).replace(tzinfo=None),
        "points": [dict(point) for point in points],
        "cluster": options.get("cluster"),
        "options": dict(options),
        "cancelled": None,
    }
    while True:
        try:
            return database.sweeps.insert_one({"_id": secrets.token_hex(3), **document}).inserted_id
        except DuplicateKeyError:
            continue


def load_sweep(database: Database, sweep: str | None = None) -> dict[str, Any]:
    """Return the document of a sweep, by default of the newest.

    Raises:
        InputError: if there is none, or none with this id.
    """
    if sweep is None:
        found = database.sweeps.find_one({}, sort=[("created", -1)])
    else:
        found = database.sweeps.find_one({"_id": sweep})
    if found is not None:
        return found
    known = [document["_id"] for document in database.sweeps.find({}, {"_id": 1})]
    if not known:
        raise InputError(f"the database {database.name!r} has no sweep yet")
    raise InputError(
        f"the database {database.name!r} has no sweep {sweep!r}; {nearest(str(sweep), known)}"
    )


def cancel_sweep(database: Database, sweep: str) -> bool:
    """Ask the drivers and workers of a sweep to stop; return whether nobody had asked before."""
    now = datetime.now(UTC).replace(tzinfo=None)
    asked = database.sweeps.update_one(
        {"_id": sweep, "cancelled": None}, {"$set": {"cancelled": now}}
    )
    return bool(asked.modified_count)


def is_cancelled(database: Database, sweep: str) -> bool:
    """Return whether a sweep is to stop."""
    found = database.sweeps.find_one({"_id": sweep}, {"cancelled": 1})
    return bool(found and found["cancelled"])
