"""What Dask's workers run: tasks, calls, and looks at the database. Imported in functions only."""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker
from threadpoolctl import threadpool_limits

from replearn.errors import InputError
from replearn.sweep.task import GRACE_SECONDS, Outcome, Task, count_tasks, run_task, stop_tasks

_changed = threading.Condition()  # of the environment, which all threads share
_users: list[dict[str, str | None]] = []  # the variables of the calls that run now, all the same
_before: dict[str, str | None] = {}  # what those variables were


class Environment(WorkerPlugin):
    """Gives workers an environment, also those that come later."""

    def __init__(self, environment: Mapping[str, str]):
        self.environment = dict(environment)

    def setup(self, worker: Worker) -> None:
        with _changed:
            for name, value in self.environment.items():
                (_before if name in _before else os.environ)[name] = value


def run_on_worker(task: Task, threads: int, driver: str) -> Outcome:
    """Run a task here; when this worker is told to go, the run stores its state for another."""
    worker = get_worker()
    return run_task(task, threads, driver, lambda: worker.status.name.startswith("clos"))


def call(
    function: Callable[..., Any], block: tuple, threads: int, environment: Mapping[str, str | None]
) -> Any:
    """Return `function(*block)`, computed with so many threads in an environment like the driver's.

    The workers of a scheduler may serve drivers of several databases at once.
    """
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    with in_environment(environment), threadpool_limits(threads):
        return function(*block)


@contextmanager
def in_environment(environment: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables for a while, and remove those that are None; threads that want others wait."""
    wanted = dict(environment)
    with _changed:
        _changed.wait_for(lambda: not _users or _users[-1] == wanted)
        if not _users:
            _before.update({name: os.environ.get(name) for name in wanted})
            _set(wanted)
        _users.append(wanted)
    try:
        yield
    finally:
        with _changed:
            _users.pop()
            if not _users:
                _set(_before)
                _before.clear()
                _changed.notify_all()


def _set(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


async def stop_and_wait(driver: str) -> None:
    """Ask the processes of `driver` to end, and wait until they have stored what they have."""
    stop_tasks(driver)
    give_up = time.monotonic() + GRACE_SECONDS
    while count_tasks(driver) and time.monotonic() < give_up:
        await asyncio.sleep(0.1)


def check_database(needed: bool) -> tuple[str, int, str | None]:
    """Return this host, its cores, and what is wrong with the database as seen from here."""
    from replearn.runs.database import open_database

    sentence = None
    if needed:
        try:
            open_database()
        except InputError as error:
            sentence = str(error)
    return socket.gethostname(), len(os.sched_getaffinity(0)), sentence
