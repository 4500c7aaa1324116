"""Look after the jobs of a queue: why they do not start, and which have died and are replaced."""

import re
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from replearn.sweep.pool import Watch

FIRST_PAUSE, LONGEST_PAUSE = 3.0, 30.0  # seconds between two questions to the queue
ROUNDS = 3  # of jobs that all die before they have a worker, after which a sweep gives up
# A job that waits for one of these, in words of squeue, waits until somebody changes it.
NEVER = re.compile(
    r".*(PerJobLimit|MaxWall|TimeLimit|NodeLimit|Config)|Invalid|Bad|JobHeld|.*held"
    r"|Partition(Down|Inactive)"
)
# Of sbatch: the same job may be taken a moment later.
PASSING = re.compile(r"Unable to contact|timed out|[Tt]emporarily|try again")


class JobWatch(Watch):
    """Asks SLURM for the jobs that have no worker yet; of other queues it sees only refusals.

    Another job is asked for in place of one that has left the queue; Dask itself replaces workers,
    but none that it never saw.

    Args:
        queue: its name.
        cluster: of dask-jobqueue.
        refusals: what the queue said when it took no job, the newest last.
        folder: of what jobs print.
        patience: seconds without any worker after which the sweep gives up.
        check: looks at the first workers.
    """

    def __init__(
        self,
        queue: str,
        cluster: Any,
        refusals: list[str],
        folder: Path,
        patience: float,
        check: Callable[[], bool],
    ):
        super().__init__(patience, f"jobs of {queue} do not start, or end at once: see {folder}")
        self._queue, self._cluster, self._refusals, self._folder = queue, cluster, refusals, folder
        self.check = check
        self._pause, self._next_look = FIRST_PAUSE, time.monotonic() + FIRST_PAUSE
        self._gone: set[str] = set()
        self._rounds = 0
        self._reasons: set[str] = set()

    def why(self) -> str:
        """Return in words why there are no workers."""
        if self._refusals:
            return f"{self._queue} refuses our jobs: {self._refusals[-1]}"
        return f"squeue: {', '.join(sorted(self._reasons))}" if self._reasons else super().why()

    def look(self, connected: Collection[str]) -> str | None:
        """See to the jobs without a worker; return a sentence if none will ever have one."""
        if connected:
            self._rounds = 0
        elif self._refusals and not PASSING.search(self._refusals[-1]):
            return self.why()
        if time.monotonic() < self._next_look:
            return None
        sentence = self._look(connected)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._next_look = time.monotonic() + (FIRST_PAUSE if self._gone else self._pause)
        return sentence

    def _look(self, connected: Collection[str]) -> str | None:
        asked = [*self._cluster.workers.items()]
        jobs = {name: job for name, job in asked if name not in connected}
        self._replace([name for name, job in jobs.items() if job.status.name == "failed"])
        ids = {job.job_id: name for name, job in jobs.items() if job.job_id}
        if self._queue != "slurm" or not ids:
            return None
        states = ask()
        if states is None:
            self._reasons = {"it does not answer"}
            return None
        found = [states[each] for each in ids if each in states]
        self._reasons = {reason for state, reason in found if state == "PENDING"}
        if self._reasons and all(map(NEVER.match, self._reasons)):
            return (
                f"the jobs of this sweep will never start ({self.why()}): ask for less, or for "
                f"another partition"
            )
        gone = ids.keys() - states.keys()
        dead = gone & self._gone  # for some seconds: squeue may just have been asked too early
        self._gone = gone - dead
        if dead:
            self._rounds += 1
            if self._rounds >= ROUNDS and dead == ids.keys():
                return self._last_words(max(dead, key=int))
            self._replace([ids[each] for each in dead])
        return None

    def _replace(self, names: Collection[str]) -> None:
        """Forget jobs; `adapt` asks for others while there are tasks."""
        if names:
            self._cluster.loop.add_callback(self._cluster.scale_down, names)

    def _last_words(self, job: str) -> str:
        said = [line for file in self._folder.glob(f"*-{job}.*") for line in _lines(file)]
        last = f" ({said[-1]})" if said else ""
        return (
            f"jobs end before they can work, the last of them was {job}{last}; what they said is "
            f"in {self._folder}"
        )


def ask() -> dict[str, tuple[str, str]] | None:
    """Return the user's jobs, id -> (state, reason), as squeue tells them; None if it does not."""
    command = ["squeue", "--me", "--noheader", "--format=%i|%T|%r"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    jobs = (line.strip().split("|", 2) for line in done.stdout.splitlines() if line.strip())
    return {job: (state, reason) for job, state, reason in jobs}


def cancel_pending(name: str) -> None:
    """Withdraw the jobs of this name that wait in SLURM's queue, if there is a SLURM."""
    command = ["scancel", "--me", f"--name={name}", "--state=PENDING"]
    try:
        subprocess.run(command, capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        pass  # they end by themselves, a minute after they have started


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text(errors="replace").splitlines() if line.strip()]
