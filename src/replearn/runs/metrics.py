"""The measured curves of one run: kept here until the server has them, in order, none twice."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, PyMongoError

from replearn.runs.plain import number, whole_number

POINTS_PER_DOCUMENT = 300_000  # a document holds 16 MB, a point takes up to 48 bytes
POINTS_PER_PUSH = 50_000
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Curve:
    """One metric document: all its points, and how many of them the server is known to have."""

    def __init__(self, identifier: ObjectId | None = None) -> None:
        self.identifier = identifier or ObjectId()
        self.steps = array("q")
        self.values = array("d")
        self.times = array("q")  # milliseconds since 1970, UTC
        self.stored = 0

    def __len__(self) -> int:
        return len(self.values)


class MetricStore:
    """The metrics of one run. `add` only remembers; `flush` brings the server up to date.

    The server's document carries a counter `n` of its points, and every push names the count that
    it expects: a push whose answer was lost is not applied twice. As all points are kept here
    (24 bytes each), a server that comes back with less than it had confirmed gets the rest again.

    Points that no plot can show are left out and counted in `dropped`: values that are not finite
    (Omniboard draws NaN as 0), and values or steps that are no numbers.
    """

    def __init__(self, collection: Collection, run_id: int | None = None):
        self.collection = collection
        self.run_id = run_id
        self.curves: dict[str, Curve] = {}
        self.dropped: dict[str, Counter[str]] = {}
        self.unsure = False

    def add(self, name: str, steps: Sequence, values: Sequence, times: Sequence[datetime]) -> None:
        """Remember points of the metric `name`; what is no number is counted, never raised."""
        for step, value, time in zip(steps, values, times, strict=True):
            x, y = whole_number(step), number(value)
            if x is None or y is None:
                self._drop(name, "not a number")
            elif not math.isfinite(y):
                self._drop(name, "not finite")
            else:
                curve = self._open_curve(name)
                curve.steps.append(x)
                curve.values.append(y)
                curve.times.append(_milliseconds(time))

    @property
    def counts(self) -> dict[str, int]:
        """How many points each metric document has once all is stored."""
        return {name: len(curve) for name, curve in self.curves.items()}

    @property
    def references(self) -> list[dict[str, str]]:
        """What `info.metrics` holds: name and document id of each metric."""
        return [{"name": name, "id": str(c.identifier)} for name, c in self.curves.items()]

    @property
    def complete(self) -> bool:
        return not self.unsure and all(c.stored == len(c) for c in self.curves.values())

    def flush(self) -> None:
        """Push what the server lacks.

        Raises:
            PyMongoError: if the server does not take it; the points stay and the next call
                asks the server first what it has.
        """
        stalled = 0
        while not self.complete:
            before = sum(curve.stored for curve in self.curves.values())
            if self.unsure:
                self._ask()
            self._push()
            after = sum(curve.stored for curve in self.curves.values())
            stalled = 0 if after > before else stalled + 1
            if stalled > 3:
                raise PyMongoError(f"the metrics of run {self.run_id} cannot be stored")

    def verify(self) -> None:
        """Ask the server for its counts, and push again should any be short."""
        self.unsure = True
        self.flush()

    def _open_curve(self, name: str) -> Curve:
        """Return the curve that takes the next point: past the limit a further document."""
        part, curve = 1, self.curves.get(name)
        while curve is not None and len(curve) >= POINTS_PER_DOCUMENT:
            part += 1
            curve = self.curves.get(part_name(name, part))
        if curve is None:
            curve = self.curves[part_name(name, part)] = Curve()
        return curve

    def _drop(self, name: str, reason: str) -> None:
        self.dropped.setdefault(name, Counter())[reason] += 1

    def _push(self) -> None:
        """Send at most one push per metric, all in one message."""
        pushes = []
        ends: dict[str, int] = {}
        for name, curve in self.curves.items():
            if curve.stored < len(curve):
                end = min(curve.stored + POINTS_PER_PUSH, len(curve))
                pushes.append(self._update(name, curve, end))
                ends[name] = end
        if not pushes:
            return
        self.unsure = True
        try:
            result = self.collection.bulk_write(pushes, ordered=False)
        except BulkWriteError as error:
            if any(one.get("code") != 11000 for one in error.details.get("writeErrors", [])):
                raise
            return  # the server has another count: ask it
        if result.matched_count + result.upserted_count == len(pushes):
            self.unsure = False
            for name, end in ends.items():
                self.curves[name].stored = end

    def _update(self, name: str, curve: Curve, end: int) -> UpdateOne:
        new = slice(curve.stored, end)
        key = {"_id": curve.identifier, "run_id": self.run_id, "name": name, "n": curve.stored}
        push = {
            "steps": {"$each": curve.steps[new].tolist()},
            "values": {"$each": curve.values[new].tolist()},
            "timestamps": {"$each": [DatetimeMS(time) for time in curve.times[new]]},
        }
        change = {"$push": push, "$inc": {"n": end - curve.stored}}
        return UpdateOne(key, change, upsert=curve.stored == 0)

    def _ask(self) -> None:
        """Take over how many points the server has."""
        identifiers = [curve.identifier for curve in self.curves.values()]
        found = self.collection.find({"_id": {"$in": identifiers}}, {"name": 1, "n": 1})
        counts = {document["_id"]: int(document.get("n", 0)) for document in found}
        for curve in self.curves.values():
            curve.stored = min(counts.get(curve.identifier, 0), len(curve))
        self.unsure = False

    def to_document(self) -> dict[str, Any]:
        """Return all curves as plain values, for the spool."""
        return {
            name: {
                "id": curve.identifier,
                "steps": curve.steps.tolist(),
                "values": curve.values.tolist(),
                "times": curve.times.tolist(),
            }
            for name, curve in self.curves.items()
        }

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], collection: Collection, run_id: int
    ) -> "MetricStore":
        """Return the store that `to_document` described; what the server has is asked first."""
        store = cls(collection, run_id)
        for name, kept in document.items():
            curve = store.curves[name] = Curve(kept["id"])
            curve.steps.extend(kept["steps"])
            curve.values.extend(kept["values"])
            curve.times.extend(kept["times"])
        store.unsure = True
        return store


def part_name(name: str, part: int) -> str:
    """Return the name of the document that holds the `part`-th 300,000 points of a metric."""
    return name if part == 1 else f"{name}.part{part}"


def metric_parts(names: Iterable[str]) -> dict[str, list[str]]:
    """Return metric name -> names of its documents in order, sorted by metric.

    A part counts as one only where all parts before it are there.
    """
    names = set(names)
    parts = {}
    for name in sorted(names):
        one = [name]
        while (following := part_name(name, len(one) + 1)) in names:
            one.append(following)
        parts[name] = one
    further = {part for one in parts.values() for part in one[1:]}
    return {name: one for name, one in parts.items() if name not in further}


def _milliseconds(time: datetime) -> int:
    # Sacred's clock gives UTC without saying so.
    return (time - (_EPOCH if time.tzinfo is None else _EPOCH_UTC)) // _MILLISECOND
