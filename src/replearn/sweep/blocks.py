"""Hand the blocks of an analysis to the workers of a cluster; the results are those of one process.

    pieces = map_blocks(compare_pair, [(0, 0, paths), (0, 1, paths)], cluster="local", workers=4)

`function` stands in a module that workers can import; its arguments are small (names, ids, paths),
and its results are what takes long to compute, such as NumPy arrays.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from os import environ
from typing import Any

from replearn.errors import InputError, nearest
from replearn.sweep.cluster import Options, check_cluster, open_pool

LOOK_SECONDS = 2.0
OF_WORKERS = ("MONGO_URL", "MONGO_DB", "REPLEARN_DATA", "REPLEARN_HOME")
MANY = 10_000  # blocks, where nobody knows yet how many there will be

Progress = Callable[[str, int, int], None]
Each = Callable[[int, Any], None]


def map_blocks(
    function: Callable[..., Any],
    blocks: Iterable[Sequence[Any]],
    cluster: str | None = "inline",
    *,
    options: Options | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    each: Each | None = None,
) -> list[Any]:
    """Return `[function(*block) for block in blocks]`, computed on a cluster.

    A block whose worker dies is computed again. An exception of the function is raised here, and
    nothing more is computed. On a cluster each worker has its share of the cores as threads.

    Args:
        function: of a module that can be imported; called once or, if its worker dies, again.
        blocks: the arguments of each call.
        cluster: `inline` or None (in this process, without Dask), `local`, a queue or an address.
        options: how large the cluster is.
        progress: called with ("blocks", done, total).
        each: called here with the index and the result of each block as it ends; then no
            result is kept, and the list is empty.

    Raises:
        InputError: if the cluster cannot be used.
    """
    blocks = list(blocks)
    if cluster not in (None, "inline"):
        _check_importable(function)
    with open_blocks(cluster if blocks else None, options, progress, len(blocks)) as spread:
        return spread(function, blocks, each)


@contextmanager
def open_blocks(
    cluster: str | None,
    options: Options | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    n_blocks: int = MANY,
) -> Iterator[Callable[..., list[Any]]]:
    """Open a cluster and give `(function, blocks, each=None) -> results`, to be called repeatedly.

    Arguments and errors are those of `map_blocks`; `n_blocks`: more workers are not started.
    """
    tell = progress or (lambda stage, done, total: None)
    if cluster in (None, "inline"):
        yield partial(_in_this_process, tell)
        return
    given = {name: environ[name] for name in OF_WORKERS if name in environ}
    with open_pool(str(cluster), read_options(options), n_blocks, 0, given) as pool:
        # Another driver may have told the workers of a database that this one does not name.
        database = {name: environ.get(name) for name in OF_WORKERS[:2]}
        yield partial(_on, pool, tell, {**given, **database})


def read_options(options: Options | Mapping[str, Any] | None) -> Options:
    """Return what a config says of a cluster, such as `{workers: 4}`.

    Raises:
        InputError: if there is no such option, or its value is too small.
    """
    if isinstance(options, Options):
        return options
    known = [field.name for field in fields(Options)]
    for name in options or {}:
        if name not in known:
            raise InputError(f"a cluster has no option {name!r}; {nearest(name, known)}")
    return Options(**(options or {}))


def check_config(cluster: str | None, options: Mapping[str, Any]) -> None:
    """Raise an InputError if what a config says of a cluster cannot be used; None: no cluster."""
    asked = read_options(options)
    if cluster is not None:
        check_cluster(str(cluster), asked, environ.get("MONGO_URL"))


def _in_this_process(
    tell: Progress, function: Callable, blocks: Iterable[Sequence], each: Each | None = None
) -> list[Any]:
    results, blocks = [], list(blocks)
    take = each or (lambda index, result: results.append(result))
    for index, block in enumerate(blocks):
        take(index, function(*block))
        tell("blocks", index + 1, len(blocks))
    return results


def _on(
    pool: Any,
    tell: Progress,
    environment: Mapping[str, str | None],
    function: Callable,
    blocks: Iterable[Sequence[Any]],
    each: Each | None = None,
) -> list[Any]:
    from replearn.sweep.worker import call

    _check_importable(function)
    kind, slots = next(iter(pool.slots.items()))
    blocks = [tuple(block) for block in blocks]
    waiting, out, done = deque(enumerate(blocks)), 0, 0
    results: dict[int, Any] = {}
    take = each or results.__setitem__
    while done < len(blocks):
        # One more than there are workers, so that none waits while a result travels.
        while waiting and out <= slots:
            index, block = waiting.popleft()
            pool.call(index, kind, call, function, block, pool.threads, environment)
            out += 1
        for index, future in pool.ended(LOOK_SECONDS):
            if type(future.exception()).__name__ == "KilledWorker":
                raise InputError(
                    f"the workers that had block {index} died, one after the other: had they "
                    f"enough memory?"
                )
            take(index, future.result())
            out, done = out - 1, done + 1
            tell("blocks", done, len(blocks))
    return [results[index] for index in sorted(results)]


def _check_importable(function: Callable) -> None:
    if function.__module__ == "__main__" or "<" in function.__qualname__:
        raise InputError(
            f"{function.__qualname__} cannot be imported by workers: put it into a module"
        )
