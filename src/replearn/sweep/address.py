"""A Dask scheduler that somebody else started, and what its workers must be able to do."""

import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from replearn.errors import InputError
from replearn.sweep.pool import Pool, Watch

if TYPE_CHECKING:
    from replearn.sweep.cluster import Options

CONNECT_SECONDS = 10
LOOPBACK = re.compile(r"(localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0)(:\d+)?$")
LOST_SECONDS = 300.0  # that a scheduler which is not ours may be without workers


def check_address(cluster: str, mongo_url: str | None) -> None:
    """Raise an InputError unless somebody listens at an address such as tcp://host:8786.

    Workers are told the URL of the database: one with a password does not leave this machine in
    the clear.
    """
    found = re.fullmatch(r"(?:tcp|tls)://(?:\[([^]]+)\]|([^:/\s]+)):(\d{1,5})", cluster)
    if found is None:
        raise InputError(f"the address of a cluster looks like tcp://HOST:8786, got {cluster!r}")
    host = found[1] or found[2]
    user = (mongo_url or "").partition("://")[2].partition("/")[0].rpartition("@")[0]
    if cluster.startswith("tcp://") and ":" in user and not LOOPBACK.match(host):
        raise InputError(
            f"{cluster} would carry the password in MONGO_URL in the clear: start the scheduler "
            f"and its workers with TLS, and give tls://{cluster.removeprefix('tcp://')}"
        )
    try:
        socket.create_connection((host, int(found[3])), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(_no_scheduler(cluster, error)) from None


@contextmanager
def open_address(
    cluster: str, options: "Options", environment: Mapping[str, str]
) -> Iterator[Pool]:
    """Use the workers of a Dask scheduler that somebody else started, and leave them as they are.

    Of its workers, those with the resource GPU (`dask worker --resources GPU=1`) take the tasks
    for GPUs if `gpus` is given.

    Raises:
        InputError: if nobody answers, or there are no workers that can work.
    """
    from distributed import Client

    check_address(cluster, environment.get("MONGO_URL"))
    try:
        client = Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise InputError(_no_scheduler(cluster, error)) from None
    with client:
        workers = client.scheduler_info()["workers"]
        if not workers:
            raise InputError(
                f"the Dask scheduler at {cluster} has no workers: start them with "
                f"'dask worker {cluster} --nthreads 1'"
            )
        cores = check_workers(client, environment, f"at {cluster}")
        threads = Counter[str]()
        for worker in workers.values():
            threads[worker["host"]] += worker["nthreads"]
        slots = {"any": threads.total()}
        if options.gpus:
            on_gpu = sum(int(worker["resources"].get("GPU", 0)) for worker in workers.values())
            if not on_gpu:
                raise InputError(
                    f"gpus={options.gpus}, but no worker at {cluster} has a GPU to give: start "
                    f"them with 'dask worker {cluster} --nthreads 1 --resources GPU=1'"
                )
            slots = {"GPU": min(options.gpus, on_gpu), "CPU": threads.total() - on_gpu}
            slots = {kind: n for kind, n in slots.items() if n > 0}
        share = options.threads or max(1, cores // max(threads.values()))
        yield Pool(client, slots, share, Watch(LOST_SECONDS, f"those at {cluster} have gone"))


def check_workers(client: Any, environment: Mapping[str, str], where: str) -> int:
    """Let every worker that is there look for the database; return the least number of cores.

    Zero if no worker stayed until it had answered.

    Raises:
        InputError: if one has no replearn, or cannot reach the database.
    """
    from replearn.sweep.worker import Environment, check_database

    try:
        client.register_plugin(Environment(dict(environment)), name="replearn")
        needed = bool(environment.get("MONGO_URL"))
        answers = client.run(check_database, needed, on_error="return").values()
        found = [each for each in answers if not isinstance(each, OSError)]  # it has gone
        for each in found:
            if isinstance(each, BaseException):
                raise each
    except Exception as error:  # whatever their Python says of ours
        raise InputError(
            f"the workers {where} cannot run our tasks ({first_line(error)}): they need this "
            f"version of replearn, and the same Python and Dask"
        ) from None
    for host, _, sentence in found:
        if sentence is not None:
            raise InputError(f"the worker on {host} has no database: {sentence}")
    return min((cores for _, cores, _ in found), default=0)


def first_line(error: BaseException) -> str:
    """Return what an error says, in its first line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")


def _no_scheduler(cluster: str, error: BaseException) -> str:
    return (
        f"no Dask scheduler answers at {cluster} within {CONNECT_SECONDS} s "
        f"({first_line(error)}): start it with 'dask scheduler', or correct the address"
    )
