"""What data sets cost: loading, the first batch, batches a second, memory; a process for each."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.published import write_stand_ins
from replearn.dataset import DECLARATIONS
from replearn.paths import root

MEASURE = """
import json, sys, time
import numpy as np
import torch
from replearn.dataset import load

name, seconds = sys.argv[1], float(sys.argv[2])

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

torch.set_num_threads(1)  # on a machine that others use, threads would wait for each other
torch.zeros(64, 3, 64, 64).float().div_(255)  # what torch itself takes
before, start = anonymous(), time.perf_counter()
data = load(name)
loaded = time.perf_counter()
rng = np.random.default_rng(0)
batch = lambda: data.batch(rng.integers(0, len(data), 64))
batch()
first = time.perf_counter()
times = [first]
while times[-1] < first + seconds or len(times) < 4:
    batch()
    times.append(time.perf_counter())
rate = 64 / np.median(np.diff(times))  # other processes slow some batches down
print(json.dumps({"load": loaded - start, "first": first - loaded, "rate": rate,
                  "memory": anonymous() - before}))
"""


def cost_of(name: str, seconds: float) -> dict[str, float] | None:
    """Return what loading and batches of a data set cost, or None if its files are not here.

    Args:
        name: a data set.
        seconds: for how long random batches of 64 are taken.

    Returns:
        "load" and "first" (seconds), "rate" (images a second), "memory" (bytes of anonymous memory
        that the process grew by).
    """
    if "missing" in DECLARATIONS[name].whereabouts():
        return None
    prepare = f"from replearn.dataset import load; load({name!r})"  # files checked, converted
    _python(prepare)
    return json.loads(_python(MEASURE, name, str(seconds)).splitlines()[-1])


def cost_of_stand_in(name: str, seconds: float) -> dict[str, float]:
    """Return what a data set costs from files in the formats of the published ones.

    They and what is converted from them lie in a temporary folder.
    """
    with elsewhere() as folder:
        write_stand_ins(name, folder)
        return cost_of(name, seconds) or {}


@contextmanager
def elsewhere() -> Iterator[Path]:
    """Give the data/ of an empty checkout, which is $REPLEARN_HOME meanwhile."""
    before = {key: os.environ.pop(key, None) for key in ("REPLEARN_HOME", "REPLEARN_DATA")}
    with TemporaryDirectory() as folder:
        os.environ["REPLEARN_HOME"] = folder
        try:
            (Path(folder) / "data").mkdir()
            yield Path(folder) / "data"
        finally:
            del os.environ["REPLEARN_HOME"]
            os.environ.update({key: value for key, value in before.items() if value is not None})


def _python(code: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=root(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
