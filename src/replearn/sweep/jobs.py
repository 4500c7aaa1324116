"""Workers that are jobs of a queue: SLURM, and by name PBS, SGE, LSF and OAR.

Each job is one worker for one run at a time. Jobs are asked for while there are tasks, at most so
many at once, and leave before their walltime is over: the run stores its state, and another job
goes on with it.
"""

import logging
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replearn.errors import InputError, nearest
from replearn.paths import sims_folder
from replearn.sweep.pool import Pool
from replearn.sweep.task import GRACE_SECONDS

if TYPE_CHECKING:
    from replearn.sweep.cluster import Options

LOOK_SECONDS = 15.0  # between two questions to the queue
GONE_SECONDS = 60.0  # after which a job that left the queue has no worker any more
LOOPBACK = re.compile(r"(localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0)(:\d+)?$")
CLASSES = {
    "slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster",
    "oar": "OARCluster",
}  # fmt: skip
# Of squeue: a job that waits for one of these waits for ever.
NEVER = re.compile(r".*(PerJobLimit|MaxWall|TimeLimit|NodeLimit|Config)|Invalid|Bad|JobHeld|.*held")


@contextmanager
def open_jobs(
    queue: str, options: "Options", n_tasks: int, environment: Mapping[str, str]
) -> Iterator[Pool]:
    """Ask a queue for workers, encrypted, as long as there are tasks; withdraw them at the end.

    Raises:
        InputError: if nodes could not reach the database, or the options cannot work.
    """
    check_database_url(environment.get("MONGO_URL"))
    lifetime, stagger = lifetime_of(options)
    check_interface(options.interface)
    folder = _folder(environment)
    import dask_jobqueue
    from distributed import Client
    from distributed.security import Security

    from replearn.sweep.cluster import check_workers, deaf_to_ctrl_c
    from replearn.sweep.worker import Environment

    make = getattr(dask_jobqueue, CLASSES[queue])
    refusals: list[str] = []
    with ExitStack() as stack:
        with deaf_to_ctrl_c():
            opened = make(
                **job_words(queue, options),
                job_cls=_noting_refusals(make.job_cls, refusals),
                cores=options.cpus,
                processes=1,
                memory=options.memory,
                nanny=True,
                interface=options.interface,
                security=Security.temporary(),
                shared_temp_directory=str(folder),
                log_directory=str(folder),
                job_name="replearn",
                python=shlex.quote(sys.executable),
                death_timeout=60,
                worker_extra_args=[
                    *("--nthreads", "1", "--no-dashboard"),
                    *("--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"),
                ],
                job_script_prologue=list(options.prologue),
                scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
            )
            for key in ("ca_file", "cert", "key"):
                stack.callback(getattr(opened, f"_job_{key}").close)
            stack.callback(opened.close, timeout=30)
            client = stack.enter_context(Client(opened, set_as_default=False))
        client.register_plugin(Environment(environment), name="replearn")
        jobs = min(options.jobs, n_tasks)
        opened.adapt(minimum_jobs=0, maximum_jobs=jobs, wait_count=30)
        watch = Watch(queue, opened, refusals, folder)
        yield Pool(
            client, {"any": jobs}, options.threads or options.cpus, options.start_minutes * 60,
            watch.why, watch.hopeless,
            lambda: check_workers(client, environment, f"of {queue}"),
        )  # fmt: skip


def job_words(queue: str, options: "Options") -> dict[str, Any]:
    """Return how the queue's class calls what the options ask for.

    Raises:
        InputError: if the queue has no word for something.
    """
    directives = list(options.directives)
    seconds = walltime_seconds(options.walltime)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    walltime = f"{hours:02}:{minutes:02}"
    words: dict[str, Any] = {"queue": options.partition}
    if queue == "slurm":
        words["account"] = options.account
        directives += [f"--gres={options.gres}"] if options.gres else []
    elif options.gres:
        raise InputError(
            f"gres is a word of slurm, not of {queue}: say what a job needs in its own words, "
            f"as a directive"
        )
    else:
        words["account" if queue == "pbs" else "project"] = options.account
    if queue == "oar":  # the memory of a job follows from its cores there
        words["memory_per_core_property_name"] = "not_applicable"
    words["walltime"] = walltime if queue == "lsf" else f"{walltime}:{seconds % 60:02}"
    return words | {"job_extra_directives": directives}


def lifetime_of(options: "Options") -> tuple[int, int]:
    """Return after how many seconds a worker leaves, and by how many that varies.

    Raises:
        InputError: if a run would never get further than from one resume state to the next.
    """
    walltime = walltime_seconds(options.walltime)
    stagger = min(300, walltime // 20)
    lifetime = walltime - stagger - int(GRACE_SECONDS)
    if lifetime - stagger < options.resume_every:
        raise InputError(
            f"walltime={options.walltime} leaves a run {max(0, lifetime - stagger)} s, less than "
            f"the {options.resume_every:.0f} s between two resume states (resume_every): ask for "
            f"more time"
        )
    return lifetime, stagger


def walltime_seconds(text: str) -> int:
    """Return the seconds of a walltime like 04:00:00 or 2-12:00:00.

    Raises:
        InputError: if it is not one.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)", text.strip())
    if not found:
        raise InputError(f"walltime must look like 04:00:00 or 2-12:00:00, got {text!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def check_database_url(url: str | None) -> None:
    """Raise an InputError if the database is on the loopback, where no node reaches it."""
    if os.environ.get("REPLEARN_ONE_MACHINE"):
        return
    hosts = (url or "127.0.0.1").partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    if not url or any(LOOPBACK.match(host) for host in hosts):
        raise InputError(
            "the nodes of a queue cannot reach a database on the loopback: name a server that "
            "they reach in MONGO_URL, such as mongodb://user:password@host:27017 "
            "(REPLEARN_ONE_MACHINE=1 if this machine is the only node)"
        )


def check_interface(name: str | None) -> None:
    """Raise an InputError if this machine has no such network interface."""
    import psutil

    known = psutil.net_if_addrs()
    if name is not None and name not in known:
        raise InputError(f"this machine has no network interface {name!r}; {nearest(name, known)}")


class Watch:
    """Why jobs do not start, as the queue tells it."""

    def __init__(self, queue: str, cluster: Any, refusals: list[str], folder: Path):
        self._queue, self._cluster, self._refusals, self._folder = queue, cluster, refusals, folder
        self._looked = 0.0
        self._gone_since: float | None = None
        self._reasons: dict[str, str] = {}

    def why(self) -> str:
        """Return in words why there are no workers."""
        self._ask()
        if self._reasons:
            return f"squeue: {', '.join(sorted(set(self._reasons.values())))}"
        return f"jobs of {self._queue} do not start, or end at once: see {self._folder}"

    def hopeless(self) -> str | None:
        """Return a sentence if there will never be workers."""
        if self._refusals:
            return f"{self._queue} refuses our jobs: {self._refusals[-1]}"
        if self._queue != "slurm" or time.monotonic() - self._looked < LOOK_SECONDS:
            return None
        ids = self._ask()
        if self._reasons and all(map(NEVER.match, self._reasons.values())):
            return f"the jobs of this sweep will never start ({self.why()}): ask for less"
        if not ids or self._reasons:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = time.monotonic()
        elif time.monotonic() - self._gone_since > GONE_SECONDS:
            return f"the jobs {', '.join(ids)} ended at once; what they said is in {self._folder}"
        return None

    def _ask(self) -> list[str]:
        """Ask squeue for the reasons of the jobs that are known, and return their ids."""
        self._looked = time.monotonic()
        jobs = list(self._cluster.workers.values())
        ids = [job.job_id for job in jobs if getattr(job, "job_id", None)]
        self._reasons = {}
        if ids and self._queue == "slurm":
            command = ["squeue", "--noheader", "--format=%i %r", f"--jobs={','.join(ids)}"]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            except (OSError, subprocess.TimeoutExpired):
                self._reasons = dict.fromkeys(ids, "it does not answer")
            else:
                lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
                self._reasons = {line[0]: line[-1].strip() for line in lines if line}
        return ids


def _noting_refusals(job_class: type, refusals: list[str]) -> type:
    """Return a class of jobs that notes what the queue says when it takes none."""
    from distributed import Status

    class NotedJob(job_class):
        async def _submit_job(self, script_filename: str) -> Any:
            try:
                submitted = await super()._submit_job(script_filename)
            except (RuntimeError, OSError) as error:
                refusals.append(_refusal(error))
                self.status = Status.failed  # Dask closes no cluster with jobs that never were
                raise
            refusals.clear()
            return submitted

    return NotedJob


def _refusal(error: Exception) -> str:
    """Return the last line of what the queue's command said, or that there is no such command."""
    if isinstance(error, FileNotFoundError):
        return f"there is no command {error.filename!r} on this machine"
    said = str(error).partition("stderr:")[2].strip() or str(error).strip()
    return said.splitlines()[-1].rstrip(".")


def _folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the jobs' output, which nodes read as well; keys lie there, too."""
    folder = sims_folder() / environment.get("MONGO_DB", "replearn") / "sweeps" / "jobs"
    if re.search(r"\s", str(folder)):
        raise InputError(f"a queue needs a path without spaces for its jobs, got {folder}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
