"""Workers of a Dask cluster that is open, and the tasks and calls that they have been given."""

import queue
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from replearn.errors import InputError
from replearn.sweep.task import Outcome, Task, kind_among

if TYPE_CHECKING:
    from distributed import Client, Future

TEND_SECONDS = 2.0  # between two looks at the workers, while results come in


class Watch:
    """Who looks after the workers, where Dask starts all that end.

    Args:
        patience: seconds without any worker after which the sweep gives up.
        why: in words, why there may be none.
    """

    def __init__(self, patience: float, why: str):
        self.patience, self._why = patience, why

    def why(self) -> str:
        """Return in words why there are no workers."""
        return self._why

    def look(self, connected: Collection[str]) -> str | None:
        """See to the workers, and return a sentence if there are none and will never be any.

        Args:
            connected: names of the workers that there are.
        """
        return None

    def check(self) -> bool:
        """Look at the first workers, and return whether that is done.

        Raises:
            InputError: if they cannot work.
        """
        return True


class Pool:
    """The workers of a cluster.

    Args:
        client: of the cluster.
        slots: how many tasks of each kind go out at once: `any`, or `GPU` and `CPU`.
        threads: CPU threads of a task.
        watch: looks after the workers.
    """

    def __init__(self, client: "Client", slots: Mapping[str, int], threads: int, watch: Watch):
        self.client, self.slots, self.threads = client, dict(slots), threads
        self._watch, self._checked = watch, False
        self._address = client.scheduler.address if client.scheduler else "?"
        self._driver = uuid.uuid4().hex
        self._given: dict[Any, tuple[Any, Future]] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._last_worker = self._tended = time.monotonic()

    def kind(self, task: Task) -> str:
        """Return which of the slots a task takes."""
        return kind_among(self.slots, task.wants_gpu())

    def submit(self, task: Task) -> None:
        """Give a task to the cluster."""
        from replearn.sweep.worker import run_on_worker

        kind = self.kind(task)
        self.call(task, kind, run_on_worker, task, self.threads, self._driver)

    def call(self, token: Any, kind: str, function: Callable, *args: Any) -> None:
        """Let a worker call `function`; `ended` returns its future with the token."""
        resources = None if kind == "any" else {kind: 1}
        future = self.client.submit(function, *args, pure=False, resources=resources)
        self._given[future.key] = token, future
        future.add_done_callback(lambda done: self._ended.put(done.key))

    def wait(self, seconds: float) -> list[tuple[Task, Outcome]]:
        """Return the tasks that have ended; wait for one for some seconds if there is none."""
        return [(task, _outcome(future)) for task, future in self.ended(seconds)]

    def ended(self, seconds: float) -> "list[tuple[Any, Future]]":
        """Return the calls that have ended, and forget them.

        Raises:
            InputError: if there are no workers, or no scheduler any more.
        """
        keys: list[Any] = []
        try:
            keys.append(self._ended.get(timeout=seconds))
            while True:
                keys.append(self._ended.get_nowait())
        except queue.Empty:
            pass
        ended = [self._given.pop(key) for key in keys if key in self._given]
        if any(future.status in ("cancelled", "lost") for _, future in ended):
            raise InputError(
                f"the Dask scheduler at {self._address} went away: what is "
                f"finished is kept; the same command goes on"
            )
        if self._given and (not ended or time.monotonic() - self._tended > TEND_SECONDS):
            self._tend()
        return ended

    def stop(self) -> None:
        """Ask all processes to end, and wait until they have."""
        from replearn.sweep.worker import stop_and_wait

        try:
            self.client.run(stop_and_wait, self._driver, on_error="ignore")
        except OSError:
            pass  # without a scheduler the workers end by themselves, and their processes with them

    def _tend(self) -> None:
        workers = self.client.scheduler_info()["workers"].values()
        now = self._tended = time.monotonic()
        hopeless = self._watch.look({worker["name"] for worker in workers})
        if workers:
            self._last_worker = now
            self._checked = self._checked or self._watch.check()
        elif hopeless is not None:
            raise InputError(hopeless)
        elif now - self._last_worker > self._watch.patience:
            raise InputError(
                f"there has been no worker for {now - self._last_worker:.0f} s "
                f"({self._watch.why()}); nothing that is finished is lost, the same command goes on"
            )


def _outcome(future: "Future") -> Outcome:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return Outcome(1, None, "the workers that had this task died, one after the other")
    return Outcome(1, None, f"the worker could not run it: {type(error).__name__}: {error}")
