"""How long an experiment takes until its first training step, and where that time goes."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from replearn.paths import root

BASELINE = """
import sys, time
import torch, ignite, sacred, pymongo
print("MARK imported", time.time(), file=sys.__stdout__, flush=True)
"""
# Reports the time at the end of each phase, and stops after the first optimiser step.
DRIVER = """
import os, sys, time
def mark(name):
    print("MARK", name, time.time(), file=sys.__stdout__, flush=True)
mark("interpreter")
from experiments.unsupervised import ex
from replearn.runs import commandline
from replearn.study import task, tracked
mark("imports: torch, ignite, sacred, pymongo, replearn, the experiment")
def after(module, name, label):
    made = getattr(module, name)
    def wrapped(*args, **kwargs):
        result = made(*args, **kwargs)
        mark(label)
        return result
    setattr(module, name, wrapped)
after(commandline, "make_run", "configuration and sources")
after(commandline, "_observe", "database")
after(task, "make_dataset", "data set")
after(tracked, "make_trainer", "model and weights")
from replearn.training.batches import Batches
shuffled = Batches.shuffled
def stop_after_one(self, seed, start=0):
    batches = shuffled(self, seed, start)
    yield next(batches)
    mark("first step")
    os._exit(0)
Batches.shuffled = stop_after_one
commandline.run_commandline(ex, ["X", "with", "dataset.dsprites", "model.burgess", "training.beta"])
"""


def start_up(repeats: int) -> dict:
    """Return seconds: the imports alone, until the first step, their ratio, and each phase.

    The two are measured in turns; the numbers are medians.
    """
    alone, until, phases = [], [], []
    for _ in range(repeats):
        begin = time.time()
        alone.append(float(_python(BASELINE)[-1].rsplit(" ", 1)[1]) - begin)
        begin = time.time()
        marks = [line.split(" ", 1)[1].rsplit(" ", 1) for line in _python(DRIVER)]
        times = [begin, *(float(at) for _, at in marks)]
        until.append(times[-1] - begin)
        phases.append([b - a for a, b in zip(times[:-1], times[1:], strict=True)])
        names = [name for name, _ in marks]
    return {
        "alone": statistics.median(alone),
        "until": statistics.median(until),
        "ratio": statistics.median(u / a for u, a in zip(until, alone, strict=True)),
        "phases": dict(zip(names, map(statistics.median, zip(*phases, strict=True)), strict=True)),
    }


def _python(code: str) -> list[str]:
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], cwd=root() / "scripts",
            env={**os.environ, "PYTHONPATH": str(root() / "scripts")},
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        if done.returncode:
            errors.seek(0)
            raise RuntimeError(errors.read())
    return [line for line in done.stdout.splitlines() if line.startswith("MARK ")]
