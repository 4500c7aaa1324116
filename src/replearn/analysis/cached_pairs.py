"""Compare all pairs of representations that are in the cache, in blocks that any process can do.

    compare_cached({"1/20/mean": key, ...}, ["cka_debiased"], cache, map_blocks)

A block is two lists of content keys: the process that computes it needs the cache's folder alone,
neither database nor networks.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from replearn.analysis.cache import TensorCache
from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity.all_pairs import arithmetic_of, check_probes
from replearn.analysis.similarity.assembly import Block, compute_block
from replearn.analysis.similarity.engine import Engine, needs
from replearn.analysis.similarity.inputs import prepare
from replearn.analysis.similarity.measure import choose_all, kept_precision
from replearn.analysis.similarity.measures import MEASURES
from replearn.analysis.similarity.pace import Announce
from replearn.analysis.similarity.record import Record, Task
from replearn.analysis.similarity.representation import ConstantError, Representation
from replearn.analysis.similarity.result import SimilarityResult
from replearn.errors import InputError

MapBlocks = Callable[..., list[Any]]
"""`(function, blocks, each)`: computes function(*block) of each block somewhere, and calls
`each(index, result)` here as they end; nothing is kept."""

Key = str | Mapping[str, str]
"""Of a tensor; or by name those of a mapping of several, such as logits and labels."""

# Enough blocks that workers of unequal speed end together, few enough that each pair of groups is
# worth reading its representations.
_GROUPS = 12


@dataclass(frozen=True)
class CachedBlock:
    """What a worker sends back: a block of those representations that are not constant.

    Attributes:
        rows, columns: their positions in the block that was asked for.
        block: the values, or None if nothing is left.
        found: number of inputs, rank and whether it is constant, by label.
    """

    rows: list[int]
    columns: list[int]
    block: Block | None
    found: dict[str, tuple[int, int | None, bool]]


def compare_cached(
    keys: Mapping[str, Key],
    measures: Any,
    cache: TensorCache,
    map_blocks: MapBlocks,
    *,
    standard_errors: bool = False,
    precision: str = "float64",
    device: str = "cpu",
    memory_gib: float = 2.0,
    contents: Mapping[str, str] | None = None,
    store: PairStore | None = None,
    announce: Announce | None = None,
    groups: int = _GROUPS,
) -> SimilarityResult:
    """Return what `compare_all` returns of the representations with these keys, by label (1e-12).

    Args:
        keys: content key in the cache by label; all of the same inputs.
        measures, standard_errors, precision, device, announce: as in `compare_all`.
        cache: its folder is one that the processes of `map_blocks` see as well.
        map_blocks: computes the blocks.
        memory_gib: of each process; the groups are made small enough for it.
        contents: by label what `store` knows a representation by; `keys` unless given.
        store: where values of pairs are known, and kept as blocks end.
        groups: the labels are parted into so many groups at least, and their pairs are the blocks.

    Raises:
        InputError: as `compare_all`, or if a process does not find an entry of the cache.
    """
    chosen = choose_all(measures, MEASURES)
    if not keys:
        raise InputError("there is no representation to compare.")
    probes = {label: cache.probe(_keys(key)[0]) for label, key in keys.items()}
    if known := {label: probe for label, probe in probes.items() if probe is not None}:
        check_probes(list(known), known)
    contents = contents or {label: _content(key) for label, key in keys.items()}
    record = Record(contents, chosen, store, standard_errors, precision)
    arithmetic = arithmetic_of(precision, device)
    paced: list[int | None] = [None] * len(record.tasks)
    if announce is not None or store is not None:
        memory, cached = memory_gib * 2**30, _Cached(keys, cache)
        engine = Engine(cached, record, memory, None, standard_errors, arithmetic)
        paced = engine.outlook(announce)
    options = {"standard_errors": standard_errors, "memory_gib": memory_gib, **arithmetic}
    for task, most in zip(record.tasks, paced, strict=True):
        sizes = [2 * sum(map(cache.stored_bytes, _keys(keys[label]))) for label in record.labels]
        parts = list(_parts(task, sizes, memory_gib * 2**30 / 8, groups, most))
        _compare(record, task, parts, keys, cache, map_blocks, options)
    return record.result()


def _compare(
    record: Record,
    task: Task,
    parts: Sequence[list[int]],
    keys: Mapping[str, Key],
    cache: TensorCache,
    map_blocks: MapBlocks,
    options: Mapping[str, Any],
) -> None:
    """Let the blocks of one task be computed, and take each as it ends."""
    places = []
    for i, one in enumerate(parts):
        for other in parts[i:]:
            if (lacking := task.lacking(one, other)) is not None:
                places.append(([one[k] for k in lacking[0]], [other[k] for k in lacking[1]]))
    specs, folder = [c.spec for c in task.chosen], str(cache.folder.resolve())

    def named(indices: Sequence[int]) -> dict[str, Key]:
        return {record.labels[i]: keys[record.labels[i]] for i in indices}

    def take(index: int, found: CachedBlock) -> None:
        rows, columns = places[index]
        by_label = {record.labels[i]: i for i in [*rows, *columns]}
        for label, (n, rank, constant) in found.found.items():
            record.note(by_label[label], n, rank, constant)
        if found.block is not None:
            mine = [rows[k] for k in found.rows]
            record.put(task.chosen, mine, [columns[k] for k in found.columns], found.block)

    blocks = [(named(rows), named(columns), specs, folder, options) for rows, columns in places]
    map_blocks(cached_block, blocks, take)


def cached_block(
    rows: Mapping[str, Key],
    columns: Mapping[str, Key],
    specs: Sequence[Mapping[str, Any]],
    folder: str,
    options: Mapping[str, Any],
) -> CachedBlock:
    """Compute one block: representations of `rows` with those of `columns`, keys by label.

    Args:
        options: `memory_gib`, `standard_errors`, `precision` and `device` of `compare_cached`.

    Raises:
        InputError: if a key is not in the cache in `folder`.
    """
    chosen = choose_all(specs, MEASURES)
    arithmetic = {k: v for k, v in options.items() if k in ("precision", "device")}
    precision = kept_precision(chosen, arithmetic.get("precision", "float64"))
    given = _Cached({**rows, **columns}, TensorCache(Path(folder)))
    errors = options["standard_errors"]
    found: dict[str, tuple[int, int | None, bool]] = {}

    def ready(labels: Iterable[str]) -> tuple[list[int], list[Representation]]:
        places, prepared = [], []
        for i, label in enumerate(labels):
            try:
                one = prepare(
                    given[label], repr(label), precision=precision, **needs(chosen, errors)
                )
            except ConstantError as error:
                found[label] = error.n, None, True
                continue
            found[label] = one.n, one.rank, False
            places.append(i)
            prepared.append(one)
        return places, prepared

    left = ready(rows)
    right = left if rows == columns else ready(columns)
    block = None
    if left[0] and right[0] and len({n for n, *_ in found.values()}) == 1:
        memory = options["memory_gib"] * 2**30 / 4
        block = compute_block(chosen, left[1], right[1], memory, None, errors, **arithmetic)
    return CachedBlock(left[0], right[0], block, found)


class _Cached(Mapping[str, Any]):
    """Tensors of the cache, or mappings of them, by label."""

    def __init__(self, keys: Mapping[str, Key], cache: TensorCache):
        self._keys, self._cache = keys, cache

    def __getitem__(self, label: str) -> Any:
        key = self._keys[label]
        if isinstance(key, str):
            return self._tensor(label, key)
        return {name: self._tensor(label, one) for name, one in key.items()}

    def _tensor(self, label: str, key: str) -> Tensor:
        tensor = self._cache.get(key)
        if tensor is None:
            raise InputError(
                f"the activations of {label!r} are missing or damaged in {self._cache.folder} as a "
                f"worker sees it; let it be a folder that all workers share, and give the command "
                f"again"
            )
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _keys(key: Key) -> list[str]:
    return [key] if isinstance(key, str) else list(key.values())


def _content(key: Key) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _parts(
    task: Task, sizes: Sequence[int], memory: float, groups: int, paced: int | None
) -> Iterator[list[int]]:
    """Yield what a task needs in groups whose prepared representations fit into `memory` bytes."""
    classes = task.classes()
    most = -(-sum(map(len, classes)) // groups)
    most = most if paced is None else min(most, paced)
    for own in classes:
        group: list[int] = []
        held = 0
        for i in own:
            if group and (len(group) == most or held + sizes[i] > memory):
                yield group
                group, held = [], 0
            group.append(i)
            held += sizes[i]
        yield group
