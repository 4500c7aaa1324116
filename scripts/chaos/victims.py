"""A database and sweeps that are killed and brought back: nothing else is ever killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from replearn.errors import InputError
from replearn.runs.server import server_status, start_server, stop_server

MODULE = "experiments.supervised"
STEPS, LOG_EVERY, VALIDATE_EVERY = 200, 10, 100
WORDS = (
    "dataset.digits", "dataset.size=32", "model.burgess", f"training.steps={STEPS}",
    f"training.log_every={LOG_EVERY}", f"training.validate_every={VALIDATE_EVERY}",
    "training.n_validation=128", "resume_every=1", "progress=False", "device=cpu",
)  # fmt: skip
WORKERS = 2
LEASE = 6  # seconds: of a killed run, until another process may take it up
PATIENCE = 900  # seconds after the last kill until all has to be finished


class Sweeps:
    """Sweeps of short real runs, one after the other, on a database server of their own.

    Args:
        folder: for database, logs and spool.
        points: configurations of one sweep.
        say: is told what happens.
    """

    def __init__(self, folder: Path, points: int, say: Callable[[str], None]):
        self.folder, self.points, self.say = folder, points, say
        self.typed = self.retried = self.restarts = 0
        self.seeds: list[int] = []
        self._mongo = folder / "sims" / "mongo"
        self._seen: dict[int, psutil.Process] = {}
        self._driver: subprocess.Popen | None = None
        self._log = folder / "sweep.log"

    def __enter__(self) -> "Sweeps":
        self._mongo.mkdir(parents=True)
        port = random.SystemRandom().randrange(20_000, 27_000)  # not one that others use
        (self._mongo / "url").write_text(f"mongodb://127.0.0.1:{port}\n")
        os.environ["MONGO_URL"] = start_server(self._mongo)
        return self

    def __exit__(self, *failure: object) -> None:
        for process in [*self._alive(), *([self._driver] if self._driver else [])]:
            process.kill()
        if self._driver is not None:
            self._driver.wait()
        stop_server(self._mongo)

    def run_alone(self, seed: int, database: str) -> float:
        """Run one point as no task of a sweep, in a database of its own; return its seconds."""
        begin = time.monotonic()
        command = [sys.executable, "-m", MODULE, "with", *WORDS, f"seed={seed}", "threads=1"]
        environment = {**os.environ, "MONGO_DB": database, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"a run without any chaos ended with {done.stderr[-500:]!r}")
        return time.monotonic() - begin

    def tend(self, seconds: float, more: bool = True) -> bool:
        """Wait; type the command again should it end, or that of the next sweep if it is through.

        Args:
            seconds: to wait.
            more: whether there is a next sweep.

        Returns:
            whether there is nothing left to do.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._driver is None or self._driver.poll() is not None:
                through = self._driver is not None and self._driver.returncode == 0
                if self._driver is not None:
                    last = self._log.read_text().strip().rpartition("\n")[2]
                    self.say(f"the command ended with exit code {self._driver.returncode}: {last}")
                if through and not more:
                    return True
                if through or not self.seeds:
                    first = len(self.seeds)
                    self.seeds += range(first, first + self.points)
                self._type()
            self._look()
            time.sleep(0.3)
        return False

    def finish(self) -> None:
        """Wait until all is finished.

        Raises:
            InputError: if it takes too long.
        """
        if not self.tend(PATIENCE, more=False):
            said = self._log.read_text()[-2000:]
            raise InputError(f"not all was finished {PATIENCE} s after the last kill: {said}")

    def pids(self) -> dict[str, list[int]]:
        """Return kind -> the processes of this kind that live: driver, worker, run, database."""
        self._look()
        found: dict[str, list[int]] = {}
        for process in self._alive():
            found.setdefault(kind_of(process), []).append(process.pid)
        server = server_status(self._mongo).pid
        return found | ({} if server is None else {"database": [server]})

    def kill(self, kind: str, pid: int) -> None:
        """Kill one of `pids()`."""
        self.say(f"kill -9 {pid}, a {kind}")
        if kind == "database":  # which has just answered
            os.kill(pid, signal.SIGKILL)
        else:
            self._seen[pid].kill()  # psutil looks whether the pid is still that process's

    def start_database(self) -> None:
        """Start the database again, as a user would."""
        start_server(self._mongo)
        self.restarts += 1

    def left(self) -> list[int]:
        """Return the processes that still live though nothing is left to do, after a moment."""
        gone, alive = psutil.wait_procs(self._alive(), timeout=10)
        return [process.pid for process in alive]

    def _type(self) -> None:
        """Type the command of the sweep; what was given up before is to be tried again."""
        given_up = self._log.exists() and "not tried again" in self._log.read_text()
        again = ["--retry-failed"] if given_up else []
        newest = self.seeds[-self.points :]
        words = [*WORDS, f"seed={','.join(map(str, newest))}"]
        options = ["--cluster", "local", "--workers", str(WORKERS), *again]
        with open(self._log, "w") as log:
            self._driver = subprocess.Popen(
                [sys.executable, "-m", "sweep", *options, MODULE, "with", *words],
                env={**os.environ, "REPLEARN_LEASE": str(LEASE), "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.typed += 1
        self.retried += bool(again)
        self.say(f"typed the command{' with --retry-failed' if again else ''}")

    def _look(self) -> None:
        """Note the processes that the driver, and processes noted before, have started."""
        if self._driver is not None and self._driver.pid not in self._seen:
            try:
                self._seen[self._driver.pid] = psutil.Process(self._driver.pid)
            except psutil.NoSuchProcess:
                pass
        table = [(p, p.info["ppid"]) for p in psutil.process_iter(["ppid"])]
        known = {process.pid for process in self._alive()}
        while new := {p.pid: p for p, parent in table if parent in known and p.pid not in known}:
            self._seen |= new
            known |= new.keys()

    def _alive(self) -> list[psutil.Process]:
        found = []
        for process in self._seen.values():
            try:
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                pass
        return found


def kind_of(process: psutil.Process) -> str:
    """Return whether a process is a driver, a worker, a run or another."""
    try:
        words: Sequence[str] = process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return "gone"
    if "-m" in words and words[words.index("-m") + 1] in (MODULE, "sweep"):
        return "run" if MODULE == words[words.index("-m") + 1] else "driver"
    return "worker" if any("spawn_main" in word for word in words) else "other"
