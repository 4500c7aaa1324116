"""What has to hold of a database after the chaos, and what it cost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chaos.victims import LOG_EVERY, STEPS, VALIDATE_EVERY
from replearn.runs.completion import find_damage
from replearn.runs.query import find_runs
from replearn.runs.run import Run
from replearn.runs.spool import spooled_runs, sync

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]


def problems_of(database: Any, seeds: Sequence[int]) -> Iterator[str]:
    """Yield what is amiss, in sentences.

    Every configuration is finished exactly once, with every point of every metric once, and every
    byte of its artifacts; nobody has a claim; nothing waits to be stored.
    """
    sync(database, say=lambda text: None)
    for place in spooled_runs(database.name):
        yield f"{place.name} still waits in the spool"
    query = {"status": "COMPLETED", "claim": {"$exists": True}}
    fields = {"status": 1, "artifacts": 1, "completion": 1, "config.seed": 1}
    finished = list(database.runs.find(query, fields))
    times = Counter(document["config"]["seed"] for document in finished)
    for seed in seeds:
        if times[seed] != 1:
            yield f"seed={seed} is finished {times[seed]} times"
    for document in finished:
        yield from find_damage(database, document)
    for run in find_runs({"id": [document["_id"] for document in finished]}, database):
        for name, (steps, _) in curves(run).items():
            expected = expected_steps(name)
            if steps.tolist() != expected:
                yield f"run {run.id} has {name} at {len(steps)} steps, expected {len(expected)}"
        if missing := {"train.loss", "val.loss", "lr"} - run.metrics.keys():
            yield f"run {run.id} lacks {', '.join(sorted(missing))}"
    for claim in database.claims.find({"state": {"$ne": "done"}}):
        yield f"the claim {claim['_id']} is {claim['state']}"


def expected_steps(metric: str) -> list[int]:
    """Return at which steps a finished run has points of a metric."""
    every = VALIDATE_EVERY if metric.startswith("val.") else LOG_EVERY
    return list(range(every, STEPS + 1, every))


def curves(run: Run) -> Curves:
    """Return the steps and values of every metric."""
    return {name: run.metric(name) for name in run.metrics}


def resumed(database: Any) -> list[dict[str, Any]]:
    """Return the finished runs that took up another one: id and seed."""
    query = {"status": "COMPLETED", "info.resumed_from": {"$exists": True}}
    return list(database.runs.find(query, {"config.seed": 1}).sort("_id", 1))


def differences(database: Any, other: Any, seed: int) -> Iterator[str]:
    """Yield in what bits the finished run of a seed differs from that of another database."""
    one, two = (
        find_runs({"seed": seed, "status": "COMPLETED"}, each).one() for each in (database, other)
    )
    for name in sorted(one.metrics.keys() | two.metrics.keys()):
        (steps, values), (same_steps, same_values) = one.metric(name), two.metric(name)
        if not (np.array_equal(steps, same_steps) and np.array_equal(values, same_values)):
            yield f"{name} of run {one.id} (seed={seed}) differs from that of an undisturbed run"
    for step in two.checkpoints:
        name = f"step-{step:08d}.safetensors"
        if one.read(name) != two.read(name):
            yield f"{name} of run {one.id} (seed={seed}) differs from that of an undisturbed run"


def figures(database: Any, seeds: Sequence[int]) -> dict[str, str]:
    """Return what there is, by name: configurations, documents of runs, runs that went on."""
    documents = list(
        database.runs.find({"claim": {"$exists": True}}, {"status": 1, "claim.key": 1})
    )
    status = Counter(document["status"] for document in documents)
    each = Counter(document["claim"]["key"] for document in documents)
    finished = Counter(d["claim"]["key"] for d in documents if d["status"] == "COMPLETED")
    once = sum(n == 1 for n in finished.values())
    counted = ", ".join(f"{n} {name}" for name, n in sorted(status.items()))
    return {
        "configurations finished once": f"{once} of {len(seeds)}",
        "run documents": f"{len(documents)}: {counted}",
        "run documents of one configuration, at most": str(max(each.values(), default=0)),
        "finished runs that took up a dead one": str(len(resumed(database))),
    }
