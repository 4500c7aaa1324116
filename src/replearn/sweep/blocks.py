"""Hand the blocks of an analysis to the workers of a cluster; the results are those of one process.

    pieces = map_blocks(compare_pair, [(0, 0, paths), (0, 1, paths)], cluster="local", workers=4)

`function` stands in a module that workers can import; its arguments are small (names, ids, paths),
and its results are what takes long to compute, such as NumPy arrays.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from os import environ
from typing import Any

from replearn.errors import InputError
from replearn.sweep.cluster import Options, open_pool

LOOK_SECONDS = 2.0
OF_WORKERS = ("MONGO_URL", "MONGO_DB", "REPLEARN_DATA", "REPLEARN_HOME")

Progress = Callable[[str, int, int], None]


def map_blocks(
    function: Callable[..., Any],
    blocks: Iterable[Sequence[Any]],
    cluster: str | None = "inline",
    *,
    workers: int | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> list[Any]:
    """Return `[function(*block) for block in blocks]`, computed on a cluster.

    A block whose worker dies is computed again. An exception of the function is raised here, and
    nothing more is computed. On a cluster each worker has its share of the cores as threads.

    Args:
        function: of a module that can be imported; called once or, if its worker dies, again.
        blocks: the arguments of each call.
        cluster: `inline` or None (in this process, without Dask), `local`, a queue or an address.
        workers: of `local`, how many processes.
        options: more of the cluster.
        progress: called with ("blocks", done, total).

    Raises:
        InputError: if the cluster cannot be used.
    """
    blocks = [tuple(block) for block in blocks]
    tell = progress or (lambda stage, done, total: None)
    if cluster in (None, "inline"):
        return _in_this_process(function, blocks, tell)
    if function.__module__ == "__main__" or "<" in function.__qualname__:
        raise InputError(
            f"{function.__qualname__} cannot be imported by workers: put it into a module"
        )
    if not blocks:
        return []
    options = options or Options()
    options = replace(options, workers=workers) if workers else options
    given = {name: environ[name] for name in OF_WORKERS if name in environ}
    with open_pool(str(cluster), options, len(blocks), 0, given) as pool:
        return _on(pool, function, blocks, tell)


def _in_this_process(function: Callable, blocks: list[tuple], tell: Progress) -> list[Any]:
    results = []
    for block in blocks:
        results.append(function(*block))
        tell("blocks", len(results), len(blocks))
    return results


def _on(pool: Any, function: Callable, blocks: list[tuple], tell: Progress) -> list[Any]:
    from replearn.sweep.worker import call

    kind, slots = next(iter(pool.slots.items()))
    waiting, out, done = deque(enumerate(blocks)), 0, 0
    results: list[Any] = [None] * len(blocks)
    while done < len(blocks):
        # One more than there are workers, so that none waits while a result travels.
        while waiting and out <= slots:
            index, block = waiting.popleft()
            pool.call(index, kind, call, function, block, pool.threads)
            out += 1
        for index, future in pool.ended(LOOK_SECONDS):
            if type(future.exception()).__name__ == "KilledWorker":
                raise InputError(
                    f"the workers that had block {index} died, one after the other: had they "
                    f"enough memory?"
                )
            results[index] = future.result()
            out, done = out - 1, done + 1
            tell("blocks", done, len(blocks))
    return results
