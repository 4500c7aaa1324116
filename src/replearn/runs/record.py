"""All that one run stores: its document, metrics and artifacts, until the server has them.

The observer fills a record, the spool keeps it, `sync` sends it again.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from replearn.runs.artifacts import ArtifactStore
from replearn.runs.completion import result_digest
from replearn.runs.database import database_key
from replearn.runs.metrics import MetricStore

MAX_FIELD = 3_000_000  # bytes; a run document holds 16 MB


class IdTaken(PyMongoError):
    """Another run has the id of this one: its document was deleted, or the database restored."""


class WrongDatabase(PyMongoError):
    """Another database than the run's answers: its server died, and a stranger has the address."""


class RunRecord:
    """One run of `database`: `document`, `metrics` and `artifacts`.

    The document is found by id and start time, so that a run whose document was deleted, and whose
    id went to a newer run, never writes into that one.
    """

    def __init__(
        self,
        database: Database,
        document: dict[str, Any],
        metrics: MetricStore,
        artifacts: ArtifactStore,
    ):
        self.database = database
        self.document = document
        self.metrics = metrics
        self.artifacts = artifacts
        self.key: ObjectId | None = None
        self.problems: list[str] = []
        self._sent: dict[str, bytes] = {}
        artifacts.check = self.check

    @property
    def run_id(self) -> int:
        return self.document["_id"]

    def insert(self) -> None:
        """Store the new document under the next free id.

        Ids are one more than the largest, also among metrics whose run was deleted.
        """
        runs, metrics = self.database.runs, self.database.metrics
        self.key = database_key(self.database, make=True)
        while True:
            self.document["_id"] = 1 + max(_largest(runs, "_id"), _largest(metrics, "run_id"))
            try:
                runs.insert_one(self.document)
            except DuplicateKeyError:
                continue
            self.metrics.run_id = self.run_id
            self.artifacts.prefix = f"artifact://runs/{self.run_id}/"
            self._sent = self._digests()
            return

    def flush(self) -> None:
        """Bring the server up to date, while the run goes on.

        Raises:
            PyMongoError: if the server fails; nothing is forgotten, the next call goes on.
        """
        self.check()
        self.metrics.flush()
        self.artifacts.flush()
        self.save()

    def check(self) -> None:
        """Raise a WrongDatabase if the database is not the one that the run began in."""
        if self.key is not None and database_key(self.database) != self.key:
            raise WrongDatabase("another database answers at this address")

    def save(self) -> None:
        """Send the fields of the document that changed since they were sent."""
        replaced = list(self.artifacts.replaced)
        self._refer()
        digests = self._digests()
        changed = {k: self.document[k] for k, d in digests.items() if self._sent.get(k) != d}
        if not changed:
            return
        result = self.database.runs.update_one(self._key(), {"$set": changed})
        if result.matched_count:
            self._sent = digests
            self.artifacts.delete(replaced)

    def finish(self, confirm: Callable[[], None] = lambda: None) -> None:
        """Store all of the run, check that the server has it, then set the final status.

        Status and completion record stand in one update: a run that is COMPLETED is complete.

        Args:
            confirm: called right before that update; may correct the document's status.

        Raises:
            IdTaken: if another run has this id now.
            WrongDatabase: if this is not the run's database.
            PyMongoError: if the server fails; call again.
        """
        self.check()
        self.metrics.flush()
        self.artifacts.flush()
        self.metrics.verify()
        for name in self.artifacts.lost():
            self.note(f"artifact {name} was stored and is not in the database any more")
            self.artifacts.stored = {k: v for k, v in self.artifacts.stored.items() if k != name}
        replaced = list(self.artifacts.replaced)
        confirm()
        self.close()
        update: dict[str, Any] = {"$set": {k: v for k, v in self.document.items() if k != "_id"}}
        if "fail_trace" not in self.document:
            update["$unset"] = {"fail_trace": ""}  # left by an attempt that ended in the spool
        try:
            self.database.runs.update_one(self._key(), update, upsert=True)
        except DuplicateKeyError:
            raise IdTaken(f"run {self.run_id} is another run in this database now") from None
        self.artifacts.delete(replaced)

    def close(self) -> None:
        """Write the completion record into the document; something that was lost fails the run."""
        self._refer()
        if self.problems and self.document["status"] == "COMPLETED":
            self.document["status"] = "FAILED"
        if self.problems:
            trace = self.document.get("fail_trace") or []
            new = [problem + "\n" for problem in self.problems if problem + "\n" not in trace]
            self.document["fail_trace"] = [*trace, *new]
        self.document["completion"] = {
            "metrics": self.metrics.counts,
            "artifacts": self.artifacts.completion,
            "result": result_digest(self.document.get("result")),
        }

    def note(self, problem: str) -> bool:
        """Remember that something cannot be stored; return whether this is news."""
        if problem in self.problems:
            return False
        self.problems.append(problem)
        return True

    def set_field(self, key: str, value: Any) -> None:
        """Set a field that a user fills; what exceeds the document's room is left out, and said."""
        if key == "info" and isinstance(value, dict):
            value = self._fit_items(value)
        elif key == "fail_trace":
            value = (
                value if _size(value) <= MAX_FIELD else [str(line)[:2000] for line in value[-50:]]
            )
        elif _size(value) > MAX_FIELD:
            value = self._left_out(key, value)
        self.document[key] = value

    def _fit_items(self, items: Mapping[str, Any]) -> dict[str, Any]:
        kept = dict(items)
        sizes = {name: _size(value) for name, value in kept.items()}
        while sum(sizes.values()) > MAX_FIELD:
            largest = max(sizes, key=sizes.__getitem__)
            kept[largest] = self._left_out(f"info[{largest!r}]", kept[largest])
            sizes[largest] = 0
        return kept

    def _left_out(self, owner: str, value: Any) -> str:
        problem = (
            f"{owner} is too large for a run document ({_size(value) / 1e6:.0f} MB, at most "
            f"{MAX_FIELD / 1e6:.0f}) and was not stored: save it as an artifact"
        )
        self.note(problem)
        return problem

    def _digests(self) -> dict[str, bytes]:
        """Return a digest of each field but the id, as it would be sent."""
        return {
            key: hashlib.blake2b(bson.encode({"": value})).digest()
            for key, value in self.document.items()
            if key != "_id"
        }

    def _refer(self) -> None:
        """Name the metrics and artifacts in the document, as Sacred does."""
        self.document["artifacts"] = self.artifacts.references
        info = dict(self.document.get("info") or {})
        info.pop("metrics", None)
        if self.metrics.curves:
            info["metrics"] = self.metrics.references
        if self.metrics.dropped:
            info["dropped_points"] = {k: dict(v) for k, v in self.metrics.dropped.items()}
        self.document["info"] = info

    def _key(self) -> dict[str, Any]:
        return {"_id": self.run_id, "start_time": self.document["start_time"]}


def to_milliseconds(time: datetime) -> datetime:
    """Return `time` as precisely as MongoDB keeps it, so that it compares equal later."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _largest(collection: Collection, field: str) -> int:
    """Return the largest id in `field`, 0 without one; ids that are text do not count."""
    found = collection.find_one({field: {"$type": "number"}}, {field: 1}, sort=[(field, -1)])
    return int(found[field]) if found else 0


def _size(value: Any) -> int:
    return len(bson.encode({"": value}))
