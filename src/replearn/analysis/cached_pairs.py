"""Compare all pairs of representations that are in the cache, in blocks that any process can do.

    compare_cached({"1/20/mean": key, ...}, ["cka_debiased"], cache, map_blocks)

A block is two lists of content keys: the process that computes it needs the cache's folder alone,
neither database nor networks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from replearn.analysis.cache import TensorCache
from replearn.analysis.similarity.all_pairs import needs
from replearn.analysis.similarity.assembly import Assembly, Block, compute_block
from replearn.analysis.similarity.inputs import prepare
from replearn.analysis.similarity.measure import choose_all
from replearn.analysis.similarity.measures import MEASURES
from replearn.analysis.similarity.representation import ConstantError, Representation
from replearn.analysis.similarity.result import SimilarityResult
from replearn.errors import InputError

MapBlocks = Callable[[Callable[..., Any], Iterable[Sequence[Any]]], list[Any]]
"""`(function, blocks) -> [function(*block) for block in blocks]`, computed somewhere."""

# Enough blocks that workers of unequal speed end together, few enough that each pair of groups is
# worth reading its representations.
_GROUPS = 12


@dataclass(frozen=True)
class CachedBlock:
    """What a worker sends back: a block of those representations that are not constant.

    Attributes:
        rows, columns: their positions in the block that was asked for.
        block: the values, or None if nothing is left.
        sizes: number of inputs by label.
        constant: sentence by label.
    """

    rows: list[int]
    columns: list[int]
    block: Block | None
    sizes: dict[str, int]
    constant: dict[str, str]


def compare_cached(
    keys: Mapping[str, str],
    measures: Any,
    cache: TensorCache,
    map_blocks: MapBlocks,
    *,
    memory_gib: float = 2.0,
    groups: int = _GROUPS,
) -> SimilarityResult:
    """Return what `compare_all` returns of the representations with these keys, by label (1e-12).

    Args:
        keys: content key in the cache by label; all of the same inputs.
        measures: as in `compare_all`.
        cache: its folder is one that the processes of `map_blocks` see as well.
        map_blocks: computes the blocks.
        memory_gib: of each process; the groups are made small enough for it.
        groups: the labels are parted into so many groups at least, and their pairs are the blocks.

    Raises:
        InputError: as `compare_all`, or if a process does not find an entry of the cache.
    """
    chosen = choose_all(measures, MEASURES)
    if not keys:
        raise InputError("there is no representation to compare.")
    labels = list(keys)
    place = {label: i for i, label in enumerate(labels)}
    parts = list(_parts(labels, keys, cache, memory_gib * 2**30 / 8, groups))
    pairs = [(one, other) for i, one in enumerate(parts) for other in parts[i:]]
    folder, specs = str(cache.folder.resolve()), [c.spec for c in chosen]
    blocks = [
        ({x: keys[x] for x in one}, {x: keys[x] for x in other}, specs, folder, memory_gib)
        for one, other in pairs
    ]
    assembly = Assembly(labels, chosen)
    for (one, other), found in zip(pairs, map_blocks(cached_block, blocks), strict=True):
        for label, n in found.sizes.items():
            assembly.inputs(place[label], n)
        for label, sentence in found.constant.items():
            assembly.constant(place[label], sentence)
        if found.block is not None:
            rows = [place[one[i]] for i in found.rows]
            columns = [place[other[j]] for j in found.columns]
            assembly.put(rows, columns, found.block)
    return assembly.result()


def cached_block(
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    specs: Sequence[Mapping[str, Any]],
    folder: str,
    memory_gib: float,
) -> CachedBlock:
    """Compute one block: representations of `rows` with those of `columns`, keys by label.

    Raises:
        InputError: if a key is not in the cache in `folder`.
    """
    chosen = choose_all(specs, MEASURES)
    cache = TensorCache(Path(folder))
    sizes: dict[str, int] = {}
    constant: dict[str, str] = {}

    def ready(keys: Mapping[str, str]) -> tuple[list[int], list[Representation]]:
        places, prepared = [], []
        for i, (label, key) in enumerate(keys.items()):
            try:
                one = prepare(_read(cache, key, label), repr(label), **needs(chosen))
            except ConstantError as error:
                sizes[label], constant[label] = error.n, str(error)
                continue
            sizes[label] = one.n
            places.append(i)
            prepared.append(one)
        return places, prepared

    left = ready(rows)
    right = left if rows == columns else ready(columns)
    block = None
    if left[0] and right[0] and len(set(sizes.values())) == 1:
        block = compute_block(chosen, left[1], right[1], memory_gib * 2**30 / 4)
    return CachedBlock(left[0], right[0], block, sizes, constant)


def _read(cache: TensorCache, key: str, label: str) -> Tensor:
    tensor = cache.get(key)
    if tensor is None:
        raise InputError(
            f"the activations of {label!r} are missing or damaged in {cache.folder} as a worker "
            f"sees it; let it be a folder that all workers share, and give the command again"
        )
    return tensor


def _parts(
    labels: Sequence[str], keys: Mapping[str, str], cache: TensorCache, memory: float, groups: int
) -> Iterator[list[str]]:
    """Yield the labels in groups whose prepared representations fit into `memory` bytes."""
    most = -(-len(labels) // groups)
    group: list[str] = []
    held = 0
    for label in labels:
        size = 2 * cache.stored_bytes(keys[label])  # float32 becomes float64
        if group and (len(group) == most or held + size > memory):
            yield group
            group, held = [], 0
        group.append(label)
        held += size
    yield group
