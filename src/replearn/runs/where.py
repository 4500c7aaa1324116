"""A query for runs: a partial config, flattened, as a database filter and as an exact test."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from replearn.errors import InputError, nearest

# Top-level keys of `where` that are not config paths.
RESERVED = ("experiment", "id", "status", "tags")
STATUSES = ("QUEUED", "RUNNING", "COMPLETED", "FAILED", "INTERRUPTED", "TIMEOUT")
ABSENT = object()


def flatten(where: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """Return the conditions of `where`: dotted path -> the values that are allowed there.

    `{"model": {"name": "vae"}}` and `{"model.name": "vae"}` are the same query. A list means any
    of its values. Reserved top-level keys: experiment, id, status (COMPLETED unless given, "any"
    for all) and tags; None there means not asked.

    Raises:
        InputError: if a key is no path, a path is given twice, or a value is no plain data.
    """
    conditions: dict[str, list[Any]] = {}
    for path, value in _leaves(where or {}, ""):
        top = path.split(".")[0]
        if top in RESERVED:
            if path != top:
                raise InputError(
                    f"where.{top} is a value or a list of values, not a part of a config (got"
                    f" where.{path})"
                )
            if value is None:
                continue
        if path in conditions:
            raise InputError(f"where.{path} is given twice; give one value, or a list for any of")
        conditions[path] = _alternatives(path, value)
    statuses = conditions.setdefault("status", ["COMPLETED"])
    for status in statuses:
        if status not in (*STATUSES, "any", "IMPORTING"):
            raise InputError(f"unknown where.status {status!r}; {nearest(status, STATUSES)}")
    return conditions


def to_filter(conditions: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return a MongoDB filter that lets through every run that meets the conditions.

    It may let through a few more (MongoDB also looks into arrays): `matches` decides.
    """
    query: dict[str, Any] = {}
    for path, values in conditions.items():
        if path == "experiment":
            query["experiment.name"] = {"$in": values}
        elif path == "id":
            query["_id"] = {"$in": values}
        elif path == "status":
            if "any" not in values:
                query["status"] = {"$in": values}
        elif path == "tags":
            query["$or"] = _tag_conditions(values)
        elif not any(_holds_mapping(value) for value in values):
            query[f"config.{path}"] = {"$in": values}
    return query


def matches(conditions: Mapping[str, list[Any]], config: Mapping[str, Any]) -> bool:
    """Return whether a run's config meets the config paths among the conditions.

    Numbers are equal across int and float, never to a bool; None also stands for a path that the
    config does not have; a list in a config equals a list as a whole, element by element.
    """
    for path, values in conditions.items():
        if path in RESERVED:
            continue
        found = look_up(config, path)
        if not any(same(None if found is ABSENT else found, value) for value in values):
            return False
    return True


def look_up(config: Any, path: str) -> Any:
    """Return the value of a nested config at a dotted path, or ABSENT."""
    for key in path.split("."):
        if not isinstance(config, Mapping) or key not in config:
            return ABSENT
        config = config[key]
    return config


def paths(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of every leaf of a nested config."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def same(a: Any, b: Any) -> bool:
    """Return whether two plain values are equal as config values."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a == b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def describe(conditions: Mapping[str, list[Any]]) -> str:
    """Return the conditions, status excepted, as words for a sentence."""
    words = [
        f"{path}={values[0]!r}" if len(values) == 1 else f"{path} in {_shown(values)}"
        for path, values in conditions.items()
        if path != "status"
    ]
    return ", ".join(words) or "the empty query"


def _shown(values: list[Any]) -> str:
    # The whole list is the last alternative (see _alternatives): the reader needs it once.
    return repr(values[-1] if isinstance(values[-1], list) else values)


def _leaves(part: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if not isinstance(key, str) or not all(key.split(".")) or key.startswith("$"):
            raise InputError(f"where takes config paths such as 'model.name', got {key!r}")
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _alternatives(path: str, value: Any) -> list[Any]:
    value = _plain(path, value)
    if not isinstance(value, list):
        return [value]
    if not value:
        raise InputError(f"where.{path}=[] allows no value; give at least one, or leave it out")
    # `[16, 32]` means 16 or 32, and also finds the config value [16, 32] itself.
    return value if path.split(".")[0] in RESERVED else [*value, value]


def _plain(path: str, value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InputError(f"where.{path}={value} does not fit in 64 bits")
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(path, item) for key, item in value.items()}
    if isinstance(value, Sequence | Set) and not isinstance(value, bytes):
        return [_plain(path, item) for item in value]
    raise InputError(
        f"where.{path} takes numbers, strings, None or a list of them, got {type(value).__name__}"
    )


def _holds_mapping(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_mapping, value))
    return isinstance(value, Mapping)


def _tag_conditions(tags: list[Any]) -> list[dict[str, Any]]:
    # Tags come from the config, as a list or as a comma-separated text, and from Omniboard.
    texts = [re.compile(rf"(^|,)\s*{re.escape(str(tag))}\s*(,|$)") for tag in tags]
    return [{field: {"$in": texts}} for field in ("config.tags", "omniboard.tags")]
