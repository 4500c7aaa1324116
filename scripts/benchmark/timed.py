"""`python -m benchmark.timed with WORDS`: experiments.supervised, and how long each phase takes.

A task of a sweep like any other, and the same run: names of other modules are wrapped to take the
time at which they return. The phases are appended to the file $REPLEARN_PHASES as a line of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ENDS: list[tuple[str, float, float]] = []  # phase, seconds since 1970, CPU seconds
IMPORTS = "imports of torch, ignite, sacred, pymongo"
COMPILER = "import of torch._dynamo, by any optimiser of torch"
REST = "other imports"
CONFIG = "configuration and sources"
CLAIM = "database: connection, claim"
DOCUMENT = "database: indexes, document"
DATA = "data set"
MODEL = "model, first weights"
TRAINING = "training, validation, weights"
END = "database: completion record, claim"
# Beyond what every program needs that trains with Ignite, and notes it with Sacred in MongoDB.
OWN = (REST, CONFIG, CLAIM, DOCUMENT, DATA, MODEL, TRAINING, END)


def mark(phase: str) -> None:
    """Note that a phase ends now."""
    _ENDS.append((phase, time.time(), time.process_time()))


def marked_after(owner: Any, name: str, phase: str) -> None:
    """Let the first call of `owner.name` end a phase."""
    made: Callable[..., Any] = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = made(*args, **kwargs)
        if all(name != phase for name, *_ in _ENDS):
            mark(phase)
        return result

    setattr(owner, name, wrapped)


def process_start() -> float:
    """Return when this process was started, in seconds since 1970, to 10 ms."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    now = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - now + ticks / os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> int:
    """Run the experiment and return its exit code."""
    begin = process_start()
    mark("interpreter")
    sys.modules["pandas"] = None  # type: ignore[assignment] # as in replearn.runs.lean_sacred
    import ignite.engine  # noqa: F401
    import pymongo  # noqa: F401
    import sacred  # noqa: F401

    del sys.modules["pandas"]
    mark(IMPORTS)
    import torch._dynamo  # noqa: F401

    mark(COMPILER)
    from experiments.supervised import ex
    from replearn.runs import claimed, commandline
    from replearn.runs.observer import RunObserver
    from replearn.study import task, tracked

    mark(REST)
    marked_after(commandline, "make_run", CONFIG)
    marked_after(claimed, "take_turn", CLAIM)
    marked_after(RunObserver, "started_event", DOCUMENT)
    marked_after(task, "make_dataset", DATA)
    marked_after(tracked, "make_trainer", MODEL)
    marked_after(RunObserver, "completed_event", TRAINING)
    code = commandline.run_commandline(ex, argv)
    mark(END)
    starts = [("start", begin, 0.0), *_ENDS[:-1]]
    phases = {
        name: (wall - wall_before, cpu - cpu_before)
        for (_, wall_before, cpu_before), (name, wall, cpu) in zip(starts, _ENDS, strict=True)
    }
    if file := os.environ.get("REPLEARN_PHASES"):
        with open(file, "a") as lines:
            lines.write(json.dumps(phases) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
