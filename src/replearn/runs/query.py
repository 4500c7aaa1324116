"""Find runs by their config: `find_runs({"model.name": "vae", "seed": [0, 1]})`."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from pymongo.database import Database

from replearn.errors import InputError, nearest
from replearn.runs.completion import file_ids, find_gap, stored_curves, stored_files
from replearn.runs.run import FIELDS, Run, run_of, strip_jsonpickle
from replearn.runs.where import (
    ABSENT,
    RESERVED,
    describe,
    flatten,
    look_up,
    matches,
    paths,
    to_filter,
)

if TYPE_CHECKING:
    import pandas


class LeftOutWarning(UserWarning):
    """Runs match a query but are left out of its result, because something of them is missing."""


class Runs(Sequence[Run]):
    """The runs that match a query, oldest first: an immutable sequence.

    `left_out` maps the ids of runs that match but are incomplete to what they lack.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        database: Database,
        conditions: Mapping[str, list[Any]],
        left_out: Mapping[Any, str] | None = None,
    ):
        self._runs = tuple(runs)
        self._conditions = dict(conditions)
        self.database = database
        self.left_out = dict(left_out or {})

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> "Runs": ...
    def __getitem__(self, index: int | slice) -> "Run | Runs":
        if isinstance(index, slice):
            return Runs(self._runs[index], self.database, self._conditions, self.left_out)
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        names = sorted({run.experiment for run in self})
        ids = ", ".join(map(str, self.ids[:8])) + (" …" if len(self) > 8 else "")
        left_out = f"; {len(self.left_out)} left out" if self.left_out else ""
        if not self:
            return f"Runs(none matches {describe(self._conditions)}{left_out})"
        return f"Runs({len(self)} of {', '.join(names)}: ids {ids}{left_out})"

    @property
    def ids(self) -> list[int]:
        """The ids, in order."""
        return [run.id for run in self]

    def require(self) -> "Runs":
        """Return the runs themselves, or raise the sentence that says why there are none."""
        if not self:
            raise InputError(_explain(self.database, self._conditions, self.left_out))
        return self

    def one(self) -> Run:
        """Return the run, if there is exactly one."""
        if len(self.require()) > 1:
            raise InputError(
                f"one run is needed, but {len(self)} match {describe(self._conditions)} (ids"
                f" {', '.join(map(str, self.ids[:8]))}{' …' if len(self) > 8 else ''});"
                " narrow the query, for example by where.id"
            )
        return self[0]

    def table(self, columns: Sequence[str] | None = None) -> "pandas.DataFrame":
        """Return one row a run, indexed by id.

        By default: experiment, status, started, seconds, every config path, `result.<name>` and
        `metrics.<name>` (last values). `columns` picks some of them; `result.` and `metrics.`
        may be left out where no config path has that name.

        Raises:
            InputError: if no run has such a column; the sentence names the nearest.
        """
        import pandas

        rows = [_row(run) for run in self]
        known = dict.fromkeys(name for row in rows for name in row)
        if columns is None:
            chosen = {name: name for name in known}
        elif not rows:
            chosen = {name: name for name in columns}
        else:
            chosen = {name: _column(name, known) for name in columns}
        return pandas.DataFrame(
            {name: [row.get(key) for row in rows] for name, key in chosen.items()},
            index=pandas.Index(self.ids, name="id"),
        )

    def incense(self) -> Any:
        """Return the same runs as an incense QuerySet, for notebooks (extra `notebook`).

        Raises:
            InputError: if incense is not installed, or a run is one that it cannot read.
        """
        from replearn.runs.incense_link import query_set

        return query_set(self.database, self)


def find_runs(
    where: Mapping[str, Any] | None = None,
    database: Database | None = None,
    *,
    verify: bool = True,
) -> Runs:
    """Return the runs whose config matches `where`, oldest first.

    Args:
        where: a part of a config, nested or with dotted paths; a list means any of its values.
            Reserved keys: experiment, id, tags, and status (COMPLETED unless given; "any").
        database: the database of runs, by default that of `open_database()`.
        verify: leave out completed runs that lack something of their completion record, or have
            none (runs of other programs); their ids are in `left_out` and in a warning.

    Raises:
        InputError: if a path or an id exists in no run, or a value cannot be one of a config.
    """
    database = database if database is not None else _default()
    conditions = flatten(where)
    documents = _select(database, conditions)
    _check_paths(database, conditions, documents)
    _check_ids(database, conditions)
    curves = stored_curves(database, [document["_id"] for document in documents])
    left_out: dict[Any, str] = {}
    if verify:
        finished = [document for document in documents if document.get("status") == "COMPLETED"]
        recorded = [document for document in finished if document.get("completion")]
        files = stored_files(
            database, [file for document in recorded for file in file_ids(document).values()]
        )
        for document in finished:
            if gap := find_gap(document, curves[document["_id"]], files):
                left_out[document["_id"]] = gap
        if left_out:
            warnings.warn(_warning(left_out), LeftOutWarning, stacklevel=2)
    runs = [
        run_of(document, curves[document["_id"]], database)
        for document in documents
        if document["_id"] not in left_out
    ]
    return Runs(runs, database, conditions, left_out)


def find_whole(ids: Sequence[int], database: Database) -> Runs:
    """Return the runs with these ids, all of them, whatever their status.

    Raises:
        InputError: if one does not exist, or lacks something of its completion record.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)
        runs = find_runs({"id": list(ids), "status": "any"}, database)
    if runs.left_out:
        run_id, gap = next(iter(runs.left_out.items()))
        raise InputError(f"run {run_id} is not whole: {gap}; see `python -m runs verify {run_id}`")
    return runs


def load_run(run_id: int, database: Database | None = None) -> Run:
    """Return one run by its id, whatever its status and whether or not it is complete.

    Raises:
        InputError: if the database has no such run.
    """
    database = database if database is not None else _default()
    document = database.runs.find_one({"_id": run_id}, FIELDS)
    if document is None:
        raise InputError(
            f"the database {database.name!r} has no run {run_id!r}; see `python -m runs list`"
        )
    document["config"] = strip_jsonpickle(document.get("config") or {})
    return run_of(document, stored_curves(database, [run_id])[run_id], database)


def _default() -> Database:
    from replearn.runs.database import open_database

    return open_database()


def _select(
    database: Database, conditions: Mapping[str, list[Any]], fields: Mapping[str, int] = FIELDS
) -> list[dict[str, Any]]:
    found = []
    for document in database.runs.find(to_filter(conditions), fields).sort("_id", 1):
        document["config"] = strip_jsonpickle(document.get("config") or {})
        if matches(conditions, document["config"]):
            found.append(document)
    return found


def _check_paths(
    database: Database, conditions: Mapping[str, list[Any]], documents: list[dict[str, Any]]
) -> None:
    """Refuse a path that no run has. Runs that match show that it exists at no cost."""
    unseen = [
        path
        for path in conditions
        if path not in RESERVED and all(look_up(d["config"], path) is ABSENT for d in documents)
    ]
    if not unseen:
        return
    configs = [
        strip_jsonpickle(d.get("config") or {}) for d in database.runs.find({}, {"config": 1})
    ]
    for path in unseen if configs else []:
        if all(look_up(config, path) is ABSENT for config in configs):
            known = {name for config in configs for name, _ in paths(config)}
            # What was asked of analyses, with its misspelt paths, is in their own configs.
            known = {name for name in known if not name.startswith("where.")}
            raise InputError(
                f"where.{path} is a path of no run in the database {database.name!r};"
                f" {nearest(path, known | set(RESERVED))}"
            )


def _check_ids(database: Database, conditions: Mapping[str, list[Any]]) -> None:
    wanted = conditions.get("id", [])
    found = {d["_id"] for d in database.runs.find({"_id": {"$in": wanted}}, {"_id": 1})}
    missing = [str(run_id) for run_id in wanted if run_id not in found]
    if missing:
        raise InputError(
            f"the database {database.name!r} has no run {', '.join(missing)}; see"
            " `python -m runs list`"
        )


def _warning(left_out: Mapping[Any, str]) -> str:
    shown = [f"{run_id} ({gap})" for run_id, gap in list(left_out.items())[:5]]
    more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
    return (
        f"{len(left_out)} completed run{'s' * (len(left_out) > 1)} left out:"
        f" {', '.join(shown)}{more}; see `python -m runs verify`, or ask with verify=False"
    )


def _explain(
    database: Database, conditions: Mapping[str, list[Any]], left_out: Mapping[Any, str]
) -> str:
    """Return the sentence for an empty result: which condition stands in the way."""
    status = " or ".join(conditions["status"]).replace("any", "").strip()
    start = f"no {status} run".replace("  ", " ")
    if not database.runs.find_one({}, {"_id": 1}):
        return f"{start} matches: the database {database.name!r} holds no runs yet"
    start += f" matches {describe(conditions)} in the database {database.name!r}"
    if left_out:
        return f"{start}: {_warning(left_out)}"
    hints = []
    for path in conditions:
        rest = {name: v for name, v in conditions.items() if name != path}
        if path == "status":
            rest["status"] = ["any"]
        found = _select(database, rest, {"config": 1, "status": 1, "experiment.name": 1})
        if found:
            there = sorted({_value_there(path, document) for document in found})
            values = ", ".join(there[:5]) + (" …" if len(there) > 5 else "")
            hints.append(f"{len(found)} would with another {path} ({values})")
    return f"{start}; {', '.join(hints)}" if hints else f"{start}; leave out more conditions"


def _value_there(path: str, document: Mapping[str, Any]) -> str:
    if path == "status":
        return document.get("status", "")
    if path == "experiment":
        return (document.get("experiment") or {}).get("name", "")
    if path in RESERVED:
        return f"run {document['_id']}"
    value = look_up(document["config"], path)
    return "not set" if value is ABSENT else repr(value)


def _row(run: Run) -> dict[str, Any]:
    row = {"experiment": run.experiment, "status": run.status}
    row |= {"started": run.started, "seconds": run.seconds}
    row |= dict(paths(run.config))
    if isinstance(run.result, Mapping):
        row |= dict(paths(run.result, "result."))
    else:
        row["result"] = run.result
    return row | {f"metrics.{name}": value for name, value in run.metrics.items()}


def _column(name: str, known: Mapping[str, Any]) -> str:
    for candidate in (name, name.removeprefix("config."), f"result.{name}", f"metrics.{name}"):
        if candidate in known:
            return candidate
    raise InputError(f"no run has a column {name!r}; {nearest(name, known)}")
