"""The ids of other runs that a run document holds, and what they are called in another database."""

from collections.abc import Callable, Mapping
from typing import Any

from pymongo.database import Database

from replearn.runs.completion import result_digest
from replearn.runs.database import database_key

# Keys whose value is a run id or a list of them, anywhere in a config, an info or a result; and
# `id` below `where`.
KEYS = frozenset({"run", "resume", "resumed_from", "source", "source_run", "source_runs"})


def renamed(value: Any, new: Callable[[Any], Any], path: tuple[str, ...] = ()) -> Any:
    """Return `value` with `new(v)` for each v in a place of a run id; v may be None, or a text."""
    if isinstance(value, Mapping):
        return {
            key: renamed(item, new, path if key.startswith("py/") else (*path, key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [renamed(item, new, path) for item in value]
    refers = KEYS.intersection(path[-1:]) or path[-2:] == ("where", "id")
    return new(value) if refers else value


def rename_document(
    document: Mapping[str, Any], ids: Mapping[int, int], database: str
) -> dict[str, Any]:
    """Return a run document with the ids that other runs have here.

    An id that is not here would be another run: in `info` it moves to `info.elsewhere`, in the
    config and the result it becomes the text `<database>:<id>`.

    Args:
        document: of the run, as it was in `database`.
        ids: id there -> id here.
        database: the name of the database that it comes from.
    """
    document = dict(document)

    def new(old: Any) -> Any:
        is_id = isinstance(old, int) and not isinstance(old, bool)
        return ids.get(old, f"{database}:{old}") if is_id else old

    info = dict(document.get("info") or {})
    elsewhere = dict(info.pop("elsewhere", {}))
    if isinstance(sources := info.get("source_runs"), list):
        info["source_runs"] = [i for i in sources if i in ids]
        if absent := [i for i in sources if i not in ids]:
            elsewhere["source_runs"] = absent
    if info.get("resumed_from") is not None and info["resumed_from"] not in ids:
        elsewhere["resumed_from"] = info.pop("resumed_from")
    document["info"] = renamed(info, new) | ({"elsewhere": elsewhere} if elsewhere else {})
    result = renamed(document.get("result"), new)
    if result != document.get("result"):
        document["result"] = result
        if "result" in (document.get("completion") or {}):
            document["completion"] = document["completion"] | {"result": result_digest(result)}
    config = renamed(document.get("config") or {}, new)
    if config != document.get("config"):
        document["config"] = config
        document["identity"] = (document.get("identity") or {}) | _hashes(document)
    return document


def same_config(a: Any, b: Any) -> bool:
    """Return whether two configs are equal but for the ids of runs that they name."""
    return renamed(a, lambda _: None) == renamed(b, lambda _: None)


def ids_imported(key: str | None, database: Database) -> dict[int, int]:
    """Return the ids that the runs of the database with this `key` have in `database`."""
    if key is None:
        return {}
    if key == str(database_key(database)):
        found = database.runs.find({"status": {"$ne": "IMPORTING"}}, {"_id": 1})
        return {document["_id"]: document["_id"] for document in found}
    imported = database.runs.find(
        {"imported.origins.database": key, "status": {"$ne": "IMPORTING"}}, {"imported.origins": 1}
    )
    return {
        origin["id"]: document["_id"]
        for document in imported
        for origin in document["imported"]["origins"]
        if origin["database"] == key
    }


def _hashes(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of a config whose ids were renamed, where it had some."""
    from replearn.runs.config import config_hash, group_hash

    make = {"config_hash": config_hash, "group_hash": group_hash}
    had = document.get("identity") or {}
    return {name: hashed(document["config"]) for name, hashed in make.items() if name in had}
