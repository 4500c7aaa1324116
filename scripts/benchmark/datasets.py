"""What data sets cost: loading, the first batch, batches a second, memory; a process for each."""

import json
import subprocess
import sys

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

torch.zeros(64, 3, 64, 64).float().div_(255)  # what torch itself takes
before, start = anonymous(), time.perf_counter()
data = load(name)
loaded = time.perf_counter()
rng = np.random.default_rng(0)
batch = lambda: data.batch(rng.integers(0, len(data), 64))
batch()
first = time.perf_counter()
n = 0
while (now := time.perf_counter()) < first + seconds:
    batch()
    n += 64
print(json.dumps({"load": loaded - start, "first": first - loaded, "rate": n / (now - first),
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


def _python(code: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=root(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
