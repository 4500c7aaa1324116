"""One run of a sweep as a process of its own, which ends with the worker that started it."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from replearn.errors import InputError
from replearn.paths import root, sims_folder

# Exit codes of runs; see `replearn.runs.commandline`.
SPOOLED, CLAIMED, OUT_OF_TIME = 3, 4, 124

POLL_SECONDS = 2.0  # between two looks at whether the sweep is cancelled
GRACE_SECONDS = 60.0  # to store what was measured, before a process is killed
AWAY_SECONDS = 600.0  # how long a task waits for a database that is away before it starts
OUTPUT_BYTES = 65_536  # the end of the output, where the sentence stands
# What a process says that ended because the database did not answer: the task is tried again.
AWAY = (
    "no MongoDB server answers",
    "the database does not answer",
    "the run cannot be stored in database",
)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OF_WORKERS = ("MALLOC_TRIM_THRESHOLD_",)  # of Dask's own processes: it makes NumPy slow
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Task:
    """One point of a sweep: `python -m module with words…`, in this environment.

    `key` is the id of its claim, if it is known: then an engine need not start a process to see
    whether another sweep is done with it.
    """

    index: int
    module: str
    words: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None

    @property
    def sweep(self) -> str:
        """The id of the sweep, by which it can be cancelled."""
        return self.environment.get("REPLEARN_SWEEP", "none")

    @property
    def log(self) -> Path:
        """The file of all that its processes print."""
        database = self.environment.get("MONGO_DB") or os.environ.get("MONGO_DB") or "replearn"
        return sims_folder() / database / "sweeps" / self.sweep / f"{self.index}.log"

    def wants_gpu(self) -> bool:
        """Return whether it may run on a GPU: all do but those with `device=cpu`."""
        return wants_gpu(self.words)


def wants_gpu(words: Sequence[str]) -> bool:
    """Return whether a task with these words may run on a GPU."""
    return "device=cpu" not in words


def kind_among(slots: Mapping[str, int], gpu: bool) -> str:
    """Return which of the slots a task takes that may run on a GPU, or may not."""
    kind = "GPU" if gpu else "CPU"
    return kind if kind in slots else next(iter(slots))


@dataclass(frozen=True)
class Outcome:
    """How a task ended: small, since it travels and may be lost and asked for again.

    The sentence says why, or that the run was skipped; `cancelled`: nobody wants it any more.
    """

    exit_code: int
    run_id: int | None = None
    sentence: str | None = None
    seconds: float = 0.0
    cancelled: bool = False

    @property
    def finished(self) -> bool:
        return self.exit_code == 0

    @property
    def may_succeed(self) -> bool:
        """Whether the same task can end better another time; errors in it cannot."""
        if self.cancelled or self.exit_code in (0, CLAIMED):
            return False
        away = (self.sentence or "").startswith(AWAY)
        return away or self.exit_code in (SPOOLED, OUT_OF_TIME) or self.exit_code > 128


CANCELLED = Outcome(143, None, "cancelled before it started", cancelled=True)


class _Running:
    """The processes that tasks of this worker wait for, by the driver that wants them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.drivers: dict[subprocess.Popen, str] = {}
        self.stopped: set[str] = set()


_running = _Running()


def run_task(
    task: Task,
    threads: int | None = None,
    driver: str = "",
    leaving: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run `task` in a process of its own and return how it ended.

    Args:
        threads: CPU threads of the process; None: what the experiment takes.
        driver: who wants it, for `stop_tasks`.
        leaving: whether this worker's time is over; the run then stores its state and ends with
            exit code 124, to be resumed by another.
    """
    begin = time.monotonic()
    if (away := _wait_for_database(task, driver)) is not None:
        return Outcome(1, None, away, time.monotonic() - begin)
    if driver in _running.stopped or is_cancelled(task):
        return CANCELLED
    task.log.parent.mkdir(parents=True, exist_ok=True)
    with open(task.log, "ab") as log:
        start = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command(task),
            cwd=_folder(),
            env=environment(task, threads),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the driver, which stops its runs with TERM
            preexec_fn=partial(end_with_parent, os.getpid()),
        )
        with _running.lock:
            _running.drivers[process] = driver
        try:
            cancelled = _wait(process, task, driver, leaving)
        except BaseException:
            _stop(process, signal.SIGTERM)
            raise
        finally:
            with _running.lock:
                del _running.drivers[process]
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    run_id, sentence = read_output(task.log, start, code)
    return Outcome(code, run_id, sentence, time.monotonic() - begin, cancelled and code != 0)


def command(task: Task) -> list[str]:
    """Return the words of the process's command line."""
    return [sys.executable, "-m", task.module, *(["with", *task.words] if task.words else [])]


def environment(task: Task, threads: int | None = None) -> dict[str, str]:
    """Return the environment of the process: the worker's, its share of the cores, the task's.

    The share is no word of the command line: a run that is resumed keeps the threads it had.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in OF_WORKERS}
    share = dict.fromkeys(THREADS, str(threads)) if threads else {}
    return {**inherited, **share, "PYTHONUNBUFFERED": "1", **task.environment}


def end_with_parent(parent: int) -> None:
    """Let this process get TERM when its parent dies; called between fork and exec.

    The kernel watches the thread that forked, which waits for the process as long as it lives.
    """
    # A worker does not listen to Ctrl-C, and what is blocked would stay so after exec.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)  # it died before the kernel knew


def stop_tasks(driver: str) -> int:
    """Ask the processes of `driver` in this worker to end, start no more, and return how many."""
    with _running.lock:
        _running.stopped.add(driver)
        processes = [process for process, name in _running.drivers.items() if name == driver]
    for process in processes:
        process.terminate()
    return len(processes)


def count_tasks(driver: str) -> int:
    """Return how many processes of `driver` this worker waits for."""
    with _running.lock:
        return sum(name == driver for name in _running.drivers.values())


def read_output(log: Path, start: int, code: int) -> tuple[int | None, str | None]:
    """Return the run id and the last sentence of what a process printed after byte `start`.

    Without a sentence of ours, it is the last line of what went wrong.
    """
    with open(log, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(start, end - OUTPUT_BYTES))
        lines = file.read().decode(errors="replace").replace("\r", "\n").splitlines()
    ids = [found[1] for line in lines if (found := re.match(r"(?:skipped: )?run (\d+)\b", line))]
    said = [line for line in lines if re.match(r"(error|claimed|skipped): ", line)]
    sentence = said[-1].removeprefix("error: ") if said else None
    if code and sentence is None:
        sentence = _died(code) or next((line for line in reversed(lines) if line.strip()), None)
    if sentence is None and code:
        sentence = f"ended with exit code {code} without a word"
    return int(ids[-1]) if ids else None, sentence


def _died(code: int) -> str | None:
    if code == OUT_OF_TIME:
        return "its time was over"
    if code <= 128:
        return None
    try:
        return f"ended by {signal.Signals(code - 128).name}"
    except ValueError:
        return None


def _wait(process: subprocess.Popen, task: Task, driver: str, leaving: Callable[[], bool]) -> bool:
    """Wait for the end of `process`; stop it if nobody wants it any more, and return whether."""
    look = time.monotonic() + POLL_SECONDS
    while True:
        try:
            process.wait(0.5)
            return driver in _running.stopped
        except subprocess.TimeoutExpired:
            pass
        if driver in _running.stopped or (time.monotonic() > look and is_cancelled(task)):
            _stop(process, signal.SIGTERM)
            return True
        if leaving():
            _stop(process, signal.SIGUSR1)
            return False
        if time.monotonic() > look:
            look = time.monotonic() + POLL_SECONDS


def is_cancelled(task: Task) -> bool:
    """Return whether the database says that the sweep is cancelled; it is asked again if away."""
    if not task.environment.get("MONGO_URL"):
        return False
    from replearn.runs import sweeps

    try:
        return sweeps.is_cancelled(database_of(task), task.sweep)
    except Exception:  # an outage has many names, which only the room `runs` knows
        return False


def _stop(process: subprocess.Popen, signum: int) -> None:
    """Let the process store what it has and end; kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signum)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for_database(task: Task, driver: str) -> str | None:
    """Wait until the database answers; return a sentence if it does not for long."""
    give_up = time.monotonic() + AWAY_SECONDS
    while task.environment.get("MONGO_URL") and driver not in _running.stopped:
        try:
            database_of(task)
            break
        except InputError as error:
            if time.monotonic() > give_up:
                return str(error)
            time.sleep(POLL_SECONDS)
    return None


def database_of(task: Task):
    """Return the task's database; the environment of a worker names it from then on."""
    from replearn.runs.database import open_database

    os.environ["MONGO_URL"] = task.environment["MONGO_URL"]
    return open_database(task.environment.get("MONGO_DB"))


def _folder() -> Path:
    scripts = root() / "scripts"
    return scripts if scripts.is_dir() else root()
