"""Many real observers at once on one real MongoDB server: what it takes, and how long it takes."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from replearn.runs.database import open_database

METRICS = ("train.loss", "train.reconstruction", "train.kl", "lr", "val.loss", "val.kl")
POINTS = 50  # of each metric in a beat: 1,000 steps in 10 s, a point every 20
OUTPUT = "step 1000: loss 123.456789, reconstruction 98.765432\n"
WORDS = ["dataset.dsprites", "model.locatello", "training.beta", "training.steps=300000"]


@dataclass
class Phase:
    """What a phase took: calls, their latencies in seconds, and what the server spent."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    cpu: float = 0.0  # seconds of the server
    written: float = 0.0  # bytes that the server wrote to the disk

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.latencies) / self.seconds

    @property
    def share(self) -> float:
        """How much of one core the server used."""
        return self.cpu / self.seconds

    @property
    def cpu_of_a_call(self) -> float:
        """Seconds of the server's CPU."""
        return self.cpu / len(self.latencies)

    def percentile(self, percent: float) -> float:
        """Return the latency in seconds that so many percent do not exceed."""
        return float(np.percentile(self.latencies, percent))


class Crowd:
    """`n` observers in a few processes, a thread each, that all do the same at once.

    Args:
        n: observers.
        server: pid of mongod, on this machine.
        processes: that share them.
    """

    def __init__(self, n: int, server: int, processes: int = 4):
        self._server, self._pipes, self._processes = server, [], []
        context = multiprocessing.get_context("spawn")
        sizes = [len(part) for part in np.array_split(np.arange(n), processes)]
        for number, size in enumerate(filter(None, sizes)):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, number, size), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        self._gather()  # imports are over

    def do(self, what: str, **arguments: Any) -> Phase:
        """Let every observer do `what`, and return how long each call took.

        Args:
            what: start, store, beat or finish; see `_Observer`.
            arguments: of that.
        """
        written, cpu, begin = bytes_written(), cpu_seconds(self._server), time.monotonic()
        for pipe in self._pipes:
            pipe.send((what, arguments))
        latencies = self._gather()
        seconds = time.monotonic() - begin
        written = bytes_written() - written
        return Phase(seconds, latencies, cpu_seconds(self._server) - cpu, written)

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *failure: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def _gather(self) -> list[float]:
        answers = [pipe.recv() for pipe in self._pipes]
        if failures := [answer for answer in answers if isinstance(answer, str)]:
            raise RuntimeError(failures[0])
        return [latency for answer in answers for latency in answer]


class _Observer:
    """One run that is observed, and trains nothing."""

    def __init__(self, run: Any, number: int):
        from replearn.runs.commandline import _identity
        from replearn.runs.observer import RunObserver

        identity = {**_identity(run), "config_hash": f"{number:064d}"}
        self.observer = RunObserver(open_database(), identity=identity)
        self.run, self.number, self.step = run, number, 0
        self.info: dict[str, Any] = {"image_shape": [1, 64, 64], "device": "cuda"}

    def start(self) -> list[float]:
        """Insert the document of the run."""
        run = self.run
        config = {**run.config, "seed": self.number}
        meta = {"command": "train", "options": {}}
        info = (run.experiment_info, "train", run.host_info, _now(), config, meta, None)
        return [_timed(lambda: self.observer.started_event(*info))]

    def store(self, size: int) -> list[float]:
        """Store a file of weights."""
        with NamedTemporaryFile() as file:
            file.write(np.random.default_rng(self.number).bytes(size))
            file.flush()
            return [_timed(lambda: self.observer.artifact_event("step-00000001", file.name))]

    def beat(self, points: int, pause: float = 0.0, seconds: float = 0.0) -> list[float]:
        """Send `points` points of each metric with each heartbeat: one, or for some seconds.

        The heartbeats of all observers are spread over the pause.
        """
        end, found = time.monotonic() + seconds, []
        time.sleep(pause * (self.number * 0.618 % 1))
        while not found or time.monotonic() < end:
            steps = list(range(self.step, self.step + 20 * points, 20))
            self.step = steps[-1] + 20
            curve = {"steps": steps, "values": [1 / (1 + s) for s in steps]}
            curve["timestamps"] = [_now()] * points
            self.observer.log_metrics(dict.fromkeys(METRICS, curve), self.info)
            output = OUTPUT * (1 + self.step // 100_000)
            beat = (self.info, output, _now(), None)
            found.append(_timed(lambda beat=beat: self.observer.heartbeat_event(*beat)))
            time.sleep(max(0.0, min(pause - found[-1], end - time.monotonic())))
        if self.observer.record is None or not self.observer.record.metrics.complete:
            raise RuntimeError("the server did not take all points")
        return found

    def finish(self) -> list[float]:
        """Store the end of the run, and verify that the server has all of it."""
        took = [_timed(lambda: self.observer.completed_event(_now(), {"loss": 1.0}))]
        if self.observer.failure:
            raise RuntimeError(self.observer.failure)
        return took


def _serve(pipe: Any, number: int, n: int) -> None:
    """Be one process of a crowd: `n` observers that do what the pipe says."""
    from experiments import unsupervised
    from replearn.runs.commandline import make_run
    from replearn.runs.resolving import parse_words
    from replearn.runs.sources import collect_sources

    collect_sources(unsupervised.ex)
    run = make_run(unsupervised.ex, None, *parse_words(WORDS))
    observers = [_Observer(run, number * n + i) for i in range(n)]
    pipe.send([])
    while True:
        what, arguments = pipe.recv()
        pipe.send(_all_at_once([getattr(each, what) for each in observers], arguments))


def _all_at_once(calls: Sequence[Callable], arguments: dict[str, Any]) -> list[float] | str:
    """Return the latencies of all calls, each in a thread, or what went wrong."""
    latencies: list[float] = []
    failures: list[str] = []

    def run(call: Callable) -> None:
        try:
            latencies.extend(call(**arguments))
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures[0] if failures else latencies


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bytes_written() -> int:
    """Return how many bytes the server has written, to its journal and to its data files."""
    admin = open_database().client.admin
    admin.command("fsync")  # else what is changed is written some time later
    engine = admin.command("serverStatus")["wiredTiger"]
    return engine["log"]["log bytes written"] + engine["block-manager"]["bytes written"]


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
