"""A driver of naps, for tests: python drive.py CLUSTER WORKERS N SECONDS [WORD ...]."""

import json
import os
import sys
from pathlib import Path

from replearn.sweep.cluster import Options
from replearn.sweep.engine import run_sweep
from replearn.sweep.task import Task


def main() -> None:
    """Run N naps in $REPLEARN_HOME, and print each outcome as a line of JSON."""
    cluster, workers, n, seconds, *words = sys.argv[1:]
    folder = os.environ["REPLEARN_HOME"]
    environment = {"PYTHONPATH": str(Path(__file__).parent), "REPLEARN_SWEEP": "naps"}
    tasks = [
        Task(
            i, "nap", [f"folder={folder}", f"name=t{i}", f"seconds={seconds}", *words], environment
        )
        for i in range(int(n))
    ]

    def report(index: int, outcome: object) -> None:
        print(json.dumps({"index": index, **vars(outcome)}), flush=True)

    run_sweep(tasks, cluster, Options(workers=int(workers)), report)


if __name__ == "__main__":
    main()
