"""A small experiment for the tests of outages and signals, run in a process of its own.

    probe_experiment.py steps pause patience   (and $PROBE_LIMIT: the largest file it may write)

Exit code 3: the database does not have all of the run. Prints "step N" as it goes.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from sacred import SETTINGS, Experiment

from replearn.runs.database import open_database
from replearn.runs.observer import RunObserver
from replearn.runs.output import install_capture, tidy
from replearn.runs.signals import Interrupted, handle_signals

SETTINGS.DEFAULT_BEAT_INTERVAL = 0.5
SETTINGS.DISCOVER_DEPENDENCIES = "none"
experiment = Experiment("probe", save_git_info=False)
experiment.captured_out_filter = tidy


@experiment.config
def config():
    steps = 40  # noqa: F841
    pause = 0.5  # noqa: F841


@experiment.main
def main(_run, steps, pause):
    for step in range(steps):
        _run.log_scalar("train.loss", step * 0.5, step)
        if step % 2:
            _run.log_scalar("val.loss", -step, step)
        if step % 10 == 3:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"step-{step:08d}.bin"
                path.write_bytes(bytes([step]) * 3000)
                _run.add_artifact(path)
                path.write_text(str(step))
                _run.add_artifact(path, "newest.txt")
        print("step", step, flush=True)
        time.sleep(pause)
    return {"last": steps - 1}


if __name__ == "__main__":
    handle_signals()
    if limit := os.environ.get("PROBE_LIMIT"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    install_capture()
    observer = RunObserver(open_database(), identity={"code": "c"}, patience=float(sys.argv[3]))
    experiment.observers.append(observer)
    try:
        experiment.run(config_updates={"steps": int(sys.argv[1]), "pause": float(sys.argv[2])})
    except Interrupted as interrupt:
        print("ended by", interrupt, flush=True)
        sys.exit(interrupt.exit_code)
    sys.exit(3 if observer.failure else 0)
