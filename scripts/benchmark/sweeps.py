"""What a run costs that trains for a moment, and how long many points are planned."""

import json
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.scale import own_server
from benchmark.timed import COMPILER, IMPORTS, OWN
from experiments import supervised, unsupervised
from replearn.runs.database import open_database
from replearn.runs.resolving import code_hash
from replearn.sweep.cluster import Options
from replearn.sweep.driver import Sweep, drive
from replearn.sweep.grid import expand
from replearn.sweep.plan import make_plan
from tables import markdown

WORKERS = 2
TINY = ["dataset.digits", "model.higgins", "fast", "device=cpu"]
GRIDS = {
    "20 configurations × 50 seeds": [
        "model.kim,burgess", "training.beta", "training.loss.params.beta=1,2,3,4,5",
        "dataset.dsprites,shapes3d", f"seed={','.join(map(str, range(50)))}",
    ],
    "1,000 configurations": [
        "model.kim,burgess", "training.beta",
        f"training.loss.params.beta={','.join(map(str, range(1, 101)))}",
        "training.optimizer.params.lr=1e-3,5e-4,1e-4,5e-5,1e-5",
    ],
}  # fmt: skip


def sweeps_text(quick: bool) -> str:
    """Return the tables of this part."""
    n = 6 if quick else 100
    phases, seconds = tiny_runs(n)
    median = {name: [statistics.median(run[name][i] for run in phases) for i in (0, 1)]
              for name in phases[0]}  # fmt: skip
    own = [statistics.median(sum(run[name][i] for name in OWN) for run in phases) for i in (0, 1)]
    whole = statistics.median(sum(wall for wall, _ in run.values()) for run in phases)
    around = seconds * WORKERS / n - statistics.mean(
        sum(wall for wall, _ in run.values()) for run in phases
    )
    rows = [(name, f"{wall:.3f}", f"{cpu:.3f}") for name, (wall, cpu) in median.items()]
    rows += [
        ("**beyond the imports of others**", *(f"**{value:.2f}**" for value in own)),
        ("all of the process", f"{whole:.2f}", ""),
        ("around it: driver, workers, ends of processes", f"{around:.2f}", ""),
    ]
    planned = [
        (name, f"{len(grid):,}", *(f"{spent:.2f}" for spent in planning(grid)))
        for name, grid in ((name, expand(words)) for name, words in GRIDS.items())
    ]
    return (
        f"{n} runs of `experiments.supervised with {' '.join(TINY)}` by `python -m sweep --cluster "
        f"local --workers {WORKERS}`, in {seconds:.0f} s; medians of the runs. *{IMPORTS}* and "
        f"*{COMPILER}* are the imports of others.\n\n"
        + markdown(("phase", "s", "s of CPU"), rows)
        + "\n\nPlanning, in one process:\n\n"
        + markdown(("grid", "points", "s", "s of CPU"), planned)
    )


def tiny_runs(n: int) -> tuple[list[dict[str, list[float]]], float]:
    """Return phase -> seconds and CPU seconds of each run, and the seconds of the whole sweep."""
    words = [*TINY, f"seed={','.join(map(str, range(n)))}"]
    plan = make_plan(supervised.ex, expand(words))
    with TemporaryDirectory() as folder, own_server("mongo-benchmark"):
        os.environ["REPLEARN_PHASES"] = file = str(Path(folder) / "phases")
        database = open_database()
        sweep = Sweep(
            "benchmark.timed", str(supervised.ex.path), words, plan, code_hash(supervised.ex),
            cluster="local", options=Options(workers=WORKERS),
        )  # fmt: skip
        begin = time.monotonic()
        code = drive(sweep, sweep.standings(database), database)
        seconds = time.monotonic() - begin
        del os.environ["REPLEARN_PHASES"]
        lines = Path(file).read_text().splitlines()
    if code or len(lines) != n:
        raise RuntimeError(
            f"{len(lines)} of {n} runs were measured, and the sweep ended with {code}"
        )
    return [json.loads(line) for line in lines], seconds


def planning(grid: list[list[str]]) -> tuple[float, float]:
    """Return the seconds and CPU seconds of a plan."""
    begin, cpu = time.monotonic(), time.process_time()
    make_plan(unsupervised.ex, grid)
    return time.monotonic() - begin, time.process_time() - cpu
