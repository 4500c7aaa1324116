"""Run the tasks of a sweep on a cluster: handed out, tried again, waited for, stopped."""

import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from replearn.sweep.cluster import Options, open_pool
from replearn.sweep.task import (
    CANCELLED,
    CLAIMED,
    OUT_OF_TIME,
    Outcome,
    Task,
    database_of,
    is_cancelled,
    run_task,
    stop_tasks,
)

ATTEMPTS = 3  # of a task that ends badly for no fault of its own
LONG_SECONDS = 120.0  # an attempt that stores its state is no lost one: it does not count
LOOK_SECONDS = 2.0  # between two looks at the claims of others
BLIND_SECONDS = 20.0  # between two attempts where nobody knows the claim
STOPPED = (OUT_OF_TIME, 143)  # what was measured is kept
DATABASE = ("MONGO_URL", "MONGO_DB")  # what workers look for before anything is spent
PLACES = ("REPLEARN_HOME", "REPLEARN_DATA", "REPLEARN_LEASE")  # queues need not hand these on

Report = Callable[[int, Outcome], None]


class Workers(Protocol):
    """What hands tasks to processes: at most `slots[kind]` of each kind at once."""

    @property
    def slots(self) -> Mapping[str, int]: ...
    def kind(self, task: Task) -> str: ...
    def submit(self, task: Task) -> None: ...
    def wait(self, seconds: float) -> list[tuple[Task, Outcome]]: ...
    def stop(self) -> None: ...


def run_sweep(
    tasks: Iterable[Task],
    cluster: str = "local",
    options: Options | None = None,
    report: Report = lambda index, outcome: None,
) -> dict[int, Outcome]:
    """Run all tasks and return how each ended, by index.

    A task that ends by a signal, out of time, or because its worker died is tried again, at most
    three times; one that another sweep has claimed is looked at again when that one is done.
    Ctrl-C, or TERM, asks all processes to store what they have, waits for them and is raised again.

    Args:
        tasks: with different indices.
        cluster: `inline` (one after another, without Dask), `local` (processes of this machine),
            `slurm`, `pbs`, `sge`, `lsf`, `oar`, or the address of a Dask scheduler.
        options: how many workers, GPUs, jobs, and what a job asks for.
        report: called with index and outcome when a task has ended for good.

    Raises:
        InputError: if the cluster cannot be used, before anything is run.
    """
    tasks, options = list(tasks), options or Options()
    if not tasks:
        return {}
    with _ended_in_order():
        return _run(tasks, cluster, options, report)


def _run(tasks: list[Task], cluster: str, options: Options, report: Report) -> dict[int, Outcome]:
    if cluster == "inline":
        return _Sweep(tasks, _Inline(options), report).run()
    n_gpu = sum(task.wants_gpu() for task in tasks)
    given = tasks[0].environment
    environment = {name: given[name] for name in DATABASE if name in given}
    environment |= {name: os.environ[name] for name in PLACES if name in os.environ}
    jobs = f"replearn-{tasks[0].sweep}"
    with open_pool(cluster, options, n_gpu, len(tasks) - n_gpu, environment, jobs) as pool:
        return _Sweep(tasks, pool, report).run()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let TERM and HUP end the driver as Ctrl-C does: processes store, and jobs are withdrawn."""

    def end(signum: int, frame: object) -> None:
        raise SystemExit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    before = {signum: signal.signal(signum, end) for signum in asked}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class _Inline:
    """One task after another, in a process of its own each, without Dask."""

    def __init__(self, options: Options):
        self.slots = {"any": 1}
        self._threads = options.threads
        self._waiting: deque[Task] = deque()
        self._driver = f"inline-{id(self)}"

    def kind(self, task: Task) -> str:
        return "any"

    def submit(self, task: Task) -> None:
        self._waiting.append(task)

    def wait(self, seconds: float) -> list[tuple[Task, Outcome]]:
        if not self._waiting:
            time.sleep(seconds)
            return []
        task = self._waiting.popleft()
        return [(task, run_task(task, self._threads, self._driver))]

    def stop(self) -> None:
        stop_tasks(self._driver)


class _Sweep:
    """The tasks of a sweep under way: which wait, which run, which another sweep has."""

    def __init__(self, tasks: list[Task], workers: Workers, report: Report):
        self.tasks, self.workers, self.report = tasks, workers, report
        self.waiting: dict[str, deque[Task]] = {kind: deque() for kind in workers.slots}
        for task in tasks:
            self.waiting[workers.kind(task)].append(task)
        self.out: Counter[str] = Counter()
        self.claimed: dict[int, tuple[Task, float]] = {}  # and when to try it blindly
        self.attempts: Counter[int] = Counter()
        self.outcomes: dict[int, Outcome] = {}
        self.next_look = time.monotonic() + LOOK_SECONDS

    def run(self) -> dict[int, Outcome]:
        try:
            while len(self.outcomes) < len(self.tasks):
                self._hand_out()
                for task, outcome in self.workers.wait(LOOK_SECONDS):
                    self.out[self.workers.kind(task)] -= 1
                    self._take(task, outcome)
                if time.monotonic() > self.next_look:
                    self._look_around()
                    self.next_look = time.monotonic() + LOOK_SECONDS
        except BaseException:
            self.workers.stop()
            raise
        return self.outcomes

    def _hand_out(self) -> None:
        for kind, tasks in self.waiting.items():
            while tasks and self.out[kind] < self.workers.slots[kind]:
                self.out[kind] += 1
                self.workers.submit(tasks.popleft())

    def _take(self, task: Task, outcome: Outcome) -> None:
        if outcome.exit_code == CLAIMED:
            self.claimed[task.index] = task, time.monotonic() + BLIND_SECONDS
        elif self._is_worth_another_try(task, outcome):
            self.waiting[self.workers.kind(task)].append(task)
        else:
            self._end(task, outcome)

    def _end(self, task: Task, outcome: Outcome) -> None:
        self.outcomes[task.index] = outcome
        self.report(task.index, outcome)

    def _is_worth_another_try(self, task: Task, outcome: Outcome) -> bool:
        if outcome.finished or outcome.cancelled:
            return False
        if not outcome.may_succeed:
            # Whether it is the configuration that is wrong stands with its claim.
            standing = _standings([task]).get(task.key or "", {})
            if not (standing.get("state") == "failed" and standing["may_retry"]):
                return False
        if not (outcome.exit_code in STOPPED and outcome.seconds > LONG_SECONDS):
            self.attempts[task.index] += 1
        return self.attempts[task.index] < ATTEMPTS

    def _look_around(self) -> None:
        """See whether the sweep is cancelled, and what became of claims of others."""
        if is_cancelled(self.tasks[0]):
            self.workers.stop()
            while ended := self.workers.wait(LOOK_SECONDS):
                for task, outcome in ended:
                    self._end(task, outcome)
            for task in self.tasks:
                if task.index not in self.outcomes:
                    self._end(task, CANCELLED)
        elif self.claimed:
            self._look_at_claims()

    def _look_at_claims(self) -> None:
        """Take up what others had claimed and are done with, or died of."""
        standings = _standings([task for task, _ in self.claimed.values()])
        for index, (task, blindly) in list(self.claimed.items()):
            standing = standings.get(task.key or "")
            if standing is None and time.monotonic() < blindly:
                continue
            if standing is not None and standing["state"] == "running":
                continue
            del self.claimed[index]
            any_code = task.environment.get("REPLEARN_CODE") != "same"
            if any_code and standing is not None and standing["state"] == "done":
                run_id = standing["run_id"]
                sentence = f"skipped: {standing['owner']} has finished it as run {run_id}"
                self._end(task, Outcome(0, run_id, sentence))
            else:
                self.waiting[self.workers.kind(task)].append(task)


def _standings(tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Return the claims of tasks by key: of those with a key, if the database answers."""
    keys = [task.key for task in tasks if task.key]
    if not keys or not tasks[0].environment.get("MONGO_URL"):
        return {}
    from replearn.runs.claims import standings

    try:
        return standings(database_of(tasks[0]), keys)
    except Exception:  # an outage has many names, which only the room `runs` knows
        return {}
