"""What Dask's workers run: tasks, calls, and looks at the database. Imported in functions only."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker
from threadpoolctl import threadpool_limits

from replearn.errors import InputError
from replearn.sweep.task import GRACE_SECONDS, Outcome, Task, count_tasks, run_task, stop_tasks


class Environment(WorkerPlugin):
    """Gives workers an environment, also those that come later."""

    def __init__(self, environment: Mapping[str, str]):
        self.environment = dict(environment)

    def setup(self, worker: Worker) -> None:
        os.environ.update(self.environment)


def run_on_worker(task: Task, threads: int, driver: str) -> Outcome:
    """Run a task here; when this worker is told to go, the run stores its state for another."""
    worker = get_worker()
    return run_task(task, threads, driver, lambda: worker.status.name.startswith("clos"))


def call(function: Callable[..., Any], block: tuple, threads: int) -> Any:
    """Return `function(*block)`, computed with so many threads."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    with threadpool_limits(threads):
        return function(*block)


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
