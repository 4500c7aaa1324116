"""Workers that are jobs of a queue: SLURM, and by name PBS, SGE, LSF and OAR.

Each job is one worker for one run at a time. Jobs are asked for while there are tasks, at most so
many at once, and leave before their walltime is over: the run stores its state, and another job
goes on with it.
"""

import itertools
import logging
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replearn.errors import InputError, nearest
from replearn.paths import sims_folder
from replearn.sweep.address import LOOPBACK, check_workers
from replearn.sweep.keys import key_folder
from replearn.sweep.pool import Pool
from replearn.sweep.task import GRACE_SECONDS
from replearn.sweep.watch import JobWatch

if TYPE_CHECKING:
    from replearn.sweep.cluster import Options

LEAST_MEMORY = 1_000_000  # bytes of a job: 8 without a unit is a slip
CLASSES = {
    "slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster",
    "oar": "OARCluster",
}  # fmt: skip
SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "sge": "qsub", "lsf": "bsub", "oar": "oarsub"}


def check_jobs(queue: str, options: "Options", mongo_url: str | None) -> None:
    """Raise an InputError if jobs of a queue cannot work like this, before anything is spent."""
    check_interface(options.interface)
    check_database_url(mongo_url, options.interface)
    if options.interface is None:
        raise InputError(
            f"{queue} needs --interface, the network that this machine and the nodes have in "
            f"common, so that nobody listens on others: 'ip -brief address' lists them"
        )
    check_memory(options.memory)
    lifetime_of(options)
    job_words(queue, options)
    if shutil.which(SUBMIT[queue]) is None:
        raise InputError(
            f"there is no command {SUBMIT[queue]!r} on this machine: sweep from one where jobs are "
            f"handed to {queue}"
        )


@contextmanager
def open_jobs(
    queue: str, options: "Options", n_tasks: int, environment: Mapping[str, str], name: str
) -> Iterator[Pool]:
    """Ask a queue for workers, encrypted, as long as there are tasks; withdraw them at the end.

    Raises:
        InputError: if nodes could not reach the database, or the options cannot work.
    """
    check_jobs(queue, options, environment.get("MONGO_URL"))
    lifetime, stagger = lifetime_of(options)
    folder = _folder(environment)
    import dask_jobqueue
    from distributed import Client
    from distributed.security import Security

    from replearn.sweep.cluster import deaf_to_ctrl_c
    from replearn.sweep.worker import Environment

    make = _never_twice(getattr(dask_jobqueue, CLASSES[queue]))
    refusals: list[str] = []
    with ExitStack() as stack:
        keys = stack.enter_context(key_folder(folder))
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
                shared_temp_directory=str(keys),
                log_directory=str(folder),
                job_name=name,
                python=shlex.quote(sys.executable),
                death_timeout=60,
                worker_extra_args=[
                    *("--nthreads", "1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"),
                    *("--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"),
                ],
                job_script_prologue=list(options.prologue),
                scheduler_options={
                    "dashboard": False,
                    "dashboard_address": "127.0.0.1:0",
                },
                silence_logs=logging.CRITICAL,
            )
            for key in ("ca_file", "cert", "key"):
                stack.callback(getattr(opened, f"_job_{key}").close)
            stack.callback(opened.close, timeout=30)
            client = stack.enter_context(Client(opened, set_as_default=False))
        client.register_plugin(Environment(environment), name="replearn")
        jobs = min(options.jobs, n_tasks)
        opened.adapt(minimum_jobs=0, maximum_jobs=jobs, wait_count=30)

        def check() -> bool:
            return check_workers(client, environment, f"of {queue}") > 0

        watch = JobWatch(queue, opened, refusals, folder, options.start_minutes * 60, check)
        yield Pool(client, {"any": jobs}, options.threads or options.cpus, watch)


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
        directives.append("--no-requeue")  # a job that died is replaced here
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


def check_memory(text: str) -> None:
    """Raise an InputError unless Dask reads a text as the memory of a job."""
    from dask.utils import parse_bytes

    try:
        found = parse_bytes(text)
    except (ValueError, OverflowError):
        found = 0
    if found < LEAST_MEMORY:
        raise InputError(f"memory must look like 8GB or 500MB, got {text!r}")


def check_database_url(url: str | None, interface: str | None = None) -> None:
    """Raise an InputError if the database is on the loopback, where no node reaches it.

    Jobs that talk to their driver on the loopback are on this very machine, and do.
    """
    if interface is not None and _is_loopback(interface):
        return
    hosts = (url or "127.0.0.1").partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    if not url or any(LOOPBACK.match(host) for host in hosts):
        raise InputError(
            "the nodes of a queue cannot reach a database on the loopback: name a server that "
            "they reach in MONGO_URL, such as mongodb://user:password@host:27017 "
            "(--interface lo if this machine is the only node)"
        )


def check_interface(name: str | None) -> None:
    """Raise an InputError if this machine has no such network interface, with an address."""
    import psutil

    known = psutil.net_if_addrs()
    if name is not None and name not in known:
        raise InputError(f"this machine has no network interface {name!r}; {nearest(name, known)}")


def _is_loopback(interface: str) -> bool:
    import psutil

    return bool(LOOPBACK.match(psutil.net_if_addrs()[interface][0].address))


def _never_twice(cluster_class: type) -> type:
    """Return a class of clusters that gives no name of a worker twice.

    Dask closes whoever has the name of a lost worker some seconds later: that must not be the one
    that `JobWatch` has asked for in its place.
    """
    numbers = itertools.count()

    class NeverTwice(cluster_class):
        def _new_worker_name(self, worker_number: int) -> str:
            return f"{self._name}-{next(numbers)}"

    return NeverTwice


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
    """Return the last line of what the queue's command said."""
    said = str(error).partition("stderr:")[2].strip() or str(error).strip()
    return said.splitlines()[-1].rstrip(".")


def _folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of what jobs print, and of their keys, which the nodes read."""
    folder = sims_folder() / environment.get("MONGO_DB", "replearn") / "sweeps" / "jobs"
    if re.search(r"\s", str(folder)):
        raise InputError(f"a queue needs a path without spaces for its jobs, got {folder}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
