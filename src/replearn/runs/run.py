"""One run, read back from the database: its config, result, curves and artifacts."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pymongo.database import Database

from replearn.errors import InputError, nearest
from replearn.runs.completion import Curve, file_ids, read_verified, whole_curves
from replearn.runs.metrics import metric_parts
from replearn.training.checkpoints import weights_name, weights_steps

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Run:
    """One run of an experiment or analysis.

    `metrics` holds the last value of each metric, `artifacts` the GridFS id of each file, and
    `completion` what the run itself recorded as stored (None for runs of other programs).
    Times are UTC.
    """

    id: int
    experiment: str
    status: str
    config: dict[str, Any] = field(repr=False)
    result: Any = field(repr=False)
    info: dict[str, Any] = field(repr=False)
    tags: tuple[str, ...]
    identity: dict[str, Any] = field(repr=False)
    metrics: dict[str, float] = field(repr=False)
    artifacts: dict[str, Any] = field(repr=False)
    completion: dict[str, Any] | None = field(repr=False)
    started: datetime | None = field(repr=False)
    stopped: datetime | None = field(repr=False)
    heartbeat: datetime | None = field(repr=False)
    database: Database = field(repr=False)

    @property
    def seconds(self) -> float | None:
        """How long the run took, or None if it has not ended."""
        if self.started is None or self.stopped is None:
            return None
        return (self.stopped - self.started).total_seconds()

    def metric(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps (N,) int64 and the values (N,) float64 logged under `name`.

        Raises:
            InputError: if the run has no such metric, or it holds something else than numbers.
        """
        # A metric of more than 300,000 points goes on in further documents.
        stored = self.database.metrics.distinct("name", {"run_id": self.id})
        parts = metric_parts(stored).get(name)
        if parts is None:
            raise InputError(f"run {self.id} has no metric {name!r}; {self._near(name, 'metrics')}")
        curves = [self._curve(part) for part in parts]
        steps, values = zip(*curves, strict=True)
        return np.concatenate(steps), np.concatenate(values)

    def _curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps and the values of one metric document."""
        document = self.database.metrics.find_one(
            {"run_id": self.id, "name": name}, {"steps": 1, "values": 1}
        )
        try:
            steps = np.array((document or {})["steps"], dtype=np.int64)
            values = np.array((document or {})["values"], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            raise InputError(f"metric {name!r} of run {self.id} holds no plain numbers") from None
        if steps.shape != values.shape:
            raise InputError(
                f"metric {name!r} of run {self.id} is damaged: {len(steps)} steps, but"
                f" {len(values)} values"
            )
        return steps, values

    def read(self, name: str) -> bytes:
        """Return the bytes of an artifact, compared with the recorded length and sha256.

        Raises:
            InputError: if the run has no such artifact, or it is missing or damaged.
        """
        if name not in self.artifacts:
            raise InputError(
                f"run {self.id} has no artifact {name!r}; {self._near(name, 'artifacts')}"
            )
        record = ((self.completion or {}).get("artifacts") or {}).get(name)
        owner = f"artifact {name!r} of run {self.id}"
        return read_verified(self.database, self.artifacts[name], owner, record)

    def load(self, name: str) -> Any:
        """Return an artifact decoded by its suffix, after the check of `read`.

        `.safetensors` gives a dict of tensors, `.npz` a dict of arrays, `.json` the object,
        `.txt`, `.tex`, `.html`, `.csv`, `.md` and `.svg` a string, anything else bytes. Nothing
        that is loaded executes code.
        """
        data = self.read(name)
        suffix = name.rpartition(".")[2].lower()
        decode = DECODERS.get(suffix)
        if decode is None:
            return data
        try:
            return decode(data)
        except Exception as error:  # each format has its own exceptions; all mean the same here
            raise InputError(
                f"artifact {name!r} of run {self.id} is no {suffix} file that can be read"
                f" ({type(error).__name__}: {error})"
            ) from error

    @property
    def checkpoints(self) -> list[int]:
        """The optimiser steps whose weights were kept, sorted."""
        return weights_steps(self.artifacts)

    def checkpoint(self, step: int | None = None) -> "dict[str, torch.Tensor]":
        """Return the weights after optimiser step `step`, by default the last that were kept.

        Raises:
            InputError: if the run has no weights of that step, or they are missing or damaged.
        """
        steps = self.checkpoints
        if not steps:
            raise InputError(f"run {self.id} ({self.experiment}) has kept no weights")
        if step is None:
            step = steps[-1]
        if step not in steps:
            raise InputError(
                f"run {self.id} has no weights of step {step}; it has those of steps"
                f" {', '.join(map(str, steps))}"
            )
        return self.load(weights_name(step))

    def model(self, step: int | None = None) -> Any:
        """Return the model of this run with the weights of `step`, by default the last."""
        from replearn.runs.rebuild import model_of

        return model_of(self, step)

    def dataset(self) -> Any:
        """Return the data set that this run was trained on."""
        from replearn.runs.rebuild import dataset_of

        return dataset_of(self)

    def _near(self, name: str, kind: str) -> str:
        choices = getattr(self, kind)
        return nearest(name, choices) if choices else f"it has no {kind}"


# What a query asks of a run document; the captured output (up to 1 MB a run) stays where it is.
FIELDS = {
    "experiment.name": 1,
    "status": 1,
    "config": 1,
    "result": 1,
    "info": 1,
    "identity": 1,
    "artifacts": 1,
    "completion": 1,
    "start_time": 1,
    "stop_time": 1,
    "heartbeat": 1,
    "omniboard.tags": 1,
}


def run_of(document: Mapping[str, Any], curves: Mapping[str, Curve], database: Database) -> Run:
    """Return the Run of a run document, which may lack any field (queued and foreign runs).

    Its config is plain data already: a query has compared it.
    """
    config = document.get("config") or {}
    return Run(
        id=document["_id"],
        experiment=(document.get("experiment") or {}).get("name", ""),
        status=document.get("status", ""),
        config=config,
        result=strip_jsonpickle(document.get("result")),
        info=strip_jsonpickle(document.get("info") or {}),
        tags=_tags(config.get("tags"), (document.get("omniboard") or {}).get("tags")),
        identity=document.get("identity") or {},
        metrics={name: curve.last for name, curve in whole_curves(curves).items()},
        artifacts=file_ids(document),
        completion=document.get("completion"),
        started=document.get("start_time"),
        stopped=document.get("stop_time"),
        heartbeat=document.get("heartbeat"),
        database=database,
    )


def strip_jsonpickle(value: Any) -> Any:
    """Return a stored value as plain data.

    Sacred flattens Python objects with jsonpickle. Tuples and sets become lists and numpy
    numbers become numbers; anything else stays the dict it was stored as, and no object is made.
    """
    if isinstance(value, dict):
        if len(value) == 1 and ("py/tuple" in value or "py/set" in value):
            return strip_jsonpickle(next(iter(value.values())))
        if value.keys() == {"py/object", "value"} and isinstance(value["value"], int | float):
            return value["value"]
        return {key: strip_jsonpickle(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strip_jsonpickle(item) for item in value]
    return value


def _tags(*sources: Any) -> tuple[str, ...]:
    tags: list[str] = []
    for source in sources:
        if isinstance(source, str):
            source = source.split(",")
        tags += [str(tag).strip() for tag in source or [] if str(tag).strip()]
    return tuple(dict.fromkeys(tags))


def _tensors(data: bytes) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load

    return load(data)


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return dict(file)


DECODERS = {
    "safetensors": _tensors,
    "npz": _arrays,
    "json": json.loads,
    **dict.fromkeys(("txt", "tex", "html", "csv", "md", "svg"), bytes.decode),
}
