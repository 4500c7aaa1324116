"""Clusters by name: processes of this machine, jobs of a queue, or a Dask scheduler that runs."""

import logging
import math
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from importlib.util import find_spec
from multiprocessing import resource_tracker
from typing import Any

from replearn.errors import InputError, nearest
from replearn.sweep.address import check_address, open_address
from replearn.sweep.jobs import check_jobs, open_jobs
from replearn.sweep.pool import Pool, Watch
from replearn.sweep.task import THREADS

QUEUES = ("slurm", "pbs", "sge", "lsf", "oar")
NAMES = ("inline", "local", *QUEUES, "tcp://HOST:PORT", "tls://HOST:PORT")
ADDRESS = ("tcp://", "tls://")
LEAST = {"workers": 1, "gpus": 0, "threads": 1, "jobs": 1, "cpus": 1}  # of options
START_SECONDS = 60.0  # within which a worker of this machine is up

CONFIG = {
    # A task is a whole training: adapt must not think that it takes half a second.
    "distributed.scheduler.unknown-task-duration": "1h",
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 3,
    "distributed.worker.memory.terminate": False,  # a run is a process of its own
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
}


@dataclass(frozen=True)
class Options:
    """What a cluster is made of; a queue's words are those of its own commands.

    local: `workers` runs at once (default: half of the cores), of them `gpus` on a GPU each. With
    `gpus` every task is run on a GPU but those with `device=cpu`, which the workers beyond the
    GPUs take: no training starts on a CPU because the GPUs happen to be busy.
    queue: at most `jobs` at once, each with `cpus`, `memory`, `walltime`, `gres`, on `partition`
    for `account`; `directives` are further lines of the job's header, `prologue` lines of shell
    before the worker starts, `interface` the network of driver and nodes, which a queue needs.
    `start_minutes`: after which a sweep without any job gives up.
    all: `threads` of each run (default: its share of the cores).
    """

    workers: int | None = None
    gpus: int = 0
    threads: int | None = None
    jobs: int = 10
    cpus: int = 4
    memory: str = "8GB"
    walltime: str = "04:00:00"
    gres: str | None = None
    partition: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: Sequence[str] = ()
    prologue: Sequence[str] = ()
    start_minutes: float = 720.0
    resume_every: float = 120.0

    def __post_init__(self) -> None:
        """Refuse values of another kind than their option, and numbers that are too small."""
        for option in fields(self):
            name = option.name
            value: Any = getattr(self, name)
            if value is None and option.default is None:
                continue
            expected, fits = _kind(option.type, value)
            if not fits:
                raise InputError(f"{name} must be {expected}, got {value!r}")
            if name in LEAST and value is not None and value < LEAST[name]:
                raise InputError(f"{name} must be at least {LEAST[name]}, got {value}")
        if not 0 < self.start_minutes < math.inf:
            raise InputError(
                f"start_minutes must be more than 0 and finite, got {self.start_minutes}"
            )


def _kind(kind: Any, value: Any) -> tuple[str, bool]:
    """Return what an option of this type must be, in words, and whether a value is that."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == Sequence[str]:
        listed = isinstance(value, (list, tuple))
        return "a list of texts", listed and all(isinstance(line, str) for line in value)
    if kind is float:
        return "a number", number and not math.isnan(value)
    if kind in (int, int | None):
        return "a whole number", number and isinstance(value, int)
    return "text", isinstance(value, str)


def check_cluster(cluster: str, options: Options, mongo_url: str | None) -> None:
    """Look, before anything is spent, at what is wrong with a cluster.

    Raises:
        InputError: if there is none of this name or address, or it cannot work like this.
    """
    if cluster not in ("inline", "local", *QUEUES) and not cluster.startswith(ADDRESS):
        raise InputError(f"there is no cluster {cluster!r}; {nearest(cluster, NAMES)}")
    needed = {"inline": [], "local": ["distributed"]}.get(cluster, ["distributed", "dask_jobqueue"])
    if missing := [name for name in needed if find_spec(name) is None]:
        raise InputError(
            f"cluster={cluster} needs {missing[0]}: pip install '.[sweep]', or take inline"
        )
    if cluster.startswith(ADDRESS):
        check_address(cluster, mongo_url)
    elif cluster in QUEUES:
        check_jobs(cluster, options, mongo_url)
    elif cluster == "local":
        visible_gpus(options.gpus)


@contextmanager
def open_pool(
    cluster: str,
    options: Options,
    n_gpu: int,
    n_cpu: int = 0,
    environment: Mapping[str, str] | None = None,
    name: str = "replearn",
) -> Iterator[Pool]:
    """Open a cluster, and close it at the end with all that runs there.

    Args:
        cluster: its name or address; not inline.
        options: how large it is.
        n_gpu: how many tasks run on a GPU if there is one.
        n_cpu: and how many never do.
        environment: of the workers; MONGO_URL and MONGO_DB are what they must reach.
        name: of the jobs in a queue.

    Raises:
        InputError: if there is no such cluster, or it cannot be reached or started.
    """
    environment = dict(environment or {})
    check_cluster(cluster, options, environment.get("MONGO_URL"))
    import distributed  # noqa: F401  it sets the levels of its loggers
    from dask import config

    for logger in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    # A worker that dies is started again by its nanny: on a busy machine that takes a while.
    patience = {"distributed.deploy.lost-worker-timeout": "1h" if cluster == "local" else "15s"}
    with config.set(CONFIG | patience):
        if cluster == "local":
            opened = _local(options, n_gpu, n_cpu, environment)
        elif cluster in QUEUES:
            opened = open_jobs(cluster, options, n_gpu + n_cpu, environment, name)
        else:
            opened = open_address(cluster, options, environment)
        with opened as pool:
            yield pool


@contextmanager
def _local(options: Options, n_gpu: int, n_cpu: int, environment: dict[str, str]) -> Iterator[Pool]:
    """Start workers on the loopback, encrypted: nobody else on this machine can use them."""
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    plan = _local_plan(options, n_gpu, n_cpu)
    threads = options.threads or max(1, n_cores() // len(plan))
    environment |= dict.fromkeys(THREADS, str(threads))
    security = Security.temporary()
    common: dict[str, Any] = {
        "host": "127.0.0.1", "nthreads": 1, "memory_limit": 0, "dashboard": False,
        "silence_logs": logging.CRITICAL, "death_timeout": "60s", "security": security,
    }  # fmt: skip
    workers = {
        number: {
            "cls": Nanny,
            "options": {
                **common,
                "env": environment | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device}),
                "resources": {kind: 1},
            },
        }
        for number, (kind, device) in enumerate(plan)
    }  # fmt: skip
    scheduler = {
        "cls": Scheduler,
        "options": {
            "host": "127.0.0.1", "port": 0, "protocol": "tls://", "security": security,
            "dashboard": False, "dashboard_address": "127.0.0.1:0",
        },
    }  # fmt: skip
    with ExitStack() as stack:
        with deaf_to_ctrl_c():
            opened = SpecCluster(
                workers=workers, scheduler=scheduler, security=security, name="replearn",
                silence_logs=logging.CRITICAL,  # type: ignore[arg-type]  a level, as it is used
            )  # fmt: skip
            stack.callback(opened.close, timeout=30)
            client = stack.enter_context(Client(opened, set_as_default=False))
        slots = Counter(kind for kind, _ in plan)
        yield Pool(client, slots, threads, Watch(START_SECONDS, "they end when they start"))


def count_slots(cluster: str, options: Options, n_gpu: int, n_cpu: int) -> dict[str, int] | None:
    """Return how many tasks of each kind run at once, or None if only the cluster knows.

    Args:
        cluster, options, n_gpu, n_cpu: as in `open_pool`; also inline.

    Raises:
        InputError: if this machine has not the GPUs that the options name.
    """
    if cluster == "inline":
        return {"any": 1}
    if cluster == "local":
        return dict(Counter(kind for kind, _ in _local_plan(options, n_gpu, n_cpu)))
    return {"any": min(options.jobs, n_gpu + n_cpu)} if cluster in QUEUES else None


def _local_plan(options: Options, n_gpu: int, n_cpu: int) -> list[tuple[str, str | None]]:
    gpus = visible_gpus(options.gpus)
    return plan_workers(options.workers or len(gpus) or max(1, n_cores() // 2), gpus, n_gpu, n_cpu)


def plan_workers(
    wanted: int, gpus: Sequence[str], n_gpu: int, n_cpu: int
) -> list[tuple[str, str | None]]:
    """Return the kind of tasks and the CUDA_VISIBLE_DEVICES of each worker of this machine.

    The device is None where nobody spoke of GPUs, and "" where there are none left to use.
    """
    if not gpus:
        return [("any", None)] * max(1, min(wanted, n_gpu + n_cpu))
    on_gpu = min(wanted, len(gpus), n_gpu)
    on_cpu = min(wanted - on_gpu, n_cpu)
    both = on_gpu and on_cpu
    plan: list[tuple[str, str | None]] = []
    plan += [("GPU" if both else "any", gpus[number]) for number in range(on_gpu)]
    plan += [("CPU" if both else "any", "")] * on_cpu
    return plan


def n_cores() -> int:
    """Return how many cores of this machine this process may use."""
    return len(os.sched_getaffinity(0))


def visible_gpus(n: int) -> list[str]:
    """Return `n` GPUs of this machine, as CUDA_VISIBLE_DEVICES names them.

    Raises:
        InputError: if there are fewer.
    """
    if not n:
        return []
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = [name.strip() for name in given.split(",") if name.strip()]
    else:
        import torch

        names = [str(number) for number in range(torch.cuda.device_count())]
    if len(names) < n:
        raise InputError(f"gpus={n}, but this machine shows {len(names)} (CUDA_VISIBLE_DEVICES)")
    return names[:n]


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Start threads and processes here that Ctrl-C does not reach: the driver stops them.

    The terminal sends it to all processes of the sweep; workers that it ended would be started
    anew by their nannies, while the driver waits for them to stop.
    """
    # Started by the first process of multiprocessing, it would unblock the signal again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
