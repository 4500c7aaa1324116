"""Compare layers on a cluster: workers fill the cache network by network, then compare blocks."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from replearn.analysis.cache import TensorCache
from replearn.analysis.cached_pairs import MapBlocks, compare_cached
from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity import SimilarityResult
from replearn.analysis.similarity.pace import Announce
from replearn.errors import InputError
from replearn.runs.config import canonical
from replearn.runs.query import load_run
from replearn.runs.run import Run
from replearn.study.comparison import common_probe, compare_parts
from replearn.study.comparison_parts import Part
from replearn.study.probes import Probe
from replearn.study.representations import Representations, Source

_held: dict[tuple, Probe] = {}


def compare_layers_on(
    map_blocks: MapBlocks,
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    *,
    standard_errors: bool = False,
    precision: str = "float64",
    device: str = "cpu",
    announce: Announce | None = None,
    **options: Any,
) -> SimilarityResult:
    """Return what `compare_layers` returns, computed by the processes of `map_blocks` (1e-12).

    Args:
        map_blocks: `replearn.sweep.blocks.map_blocks` of some cluster.
        sources, layers, probe, measures: as in `compare_layers`.
        standard_errors, precision, device, announce, options: likewise.

    Raises:
        InputError: as `compare_layers`; or if a worker has other code, other images, or another
            cache than this process.
    """
    cache, store = TensorCache(), PairStore()

    def compare(part: Part) -> SimilarityResult:
        fill(map_blocks, part.read, sources, cache, probe)
        return compare_cached(
            part.keys(cache),
            [one.spec for one in part.chosen],
            cache,
            map_blocks,
            standard_errors=standard_errors,
            precision=precision,
            device=device,
            contents=part.contents(),
            store=store,
            announce=announce,
        )

    with closing(store):
        return compare_parts(
            compare, sources, layers, probe, measures, standard_errors=standard_errors, **options
        )


def fill(
    map_blocks: MapBlocks,
    read: Representations,
    sources: Sequence[Source],
    cache: TensorCache,
    probe: Probe,
) -> None:
    """Let what is not cached of some representations be made, network by network.

    Raises:
        InputError: if a worker has other code or other images than this process.
    """
    keys = {source: read.keys_of(source) for source in sources}
    empty = [source for source, own in keys.items() if any(k not in cache for k in own.values())]
    n, marked = len(probe.indices), probe.marked
    blocks = [(s.run.id, s.step, list(keys[s]), n, read.options, marked) for s in empty]
    for source, found in zip(empty, map_blocks(fill_cache, blocks), strict=True):
        if found != keys[source]:
            raise InputError(
                f"a worker has other code or other images than this process (run {source.run.id}); "
                f"give all of them the same checkout, installation and data folder"
            )


def fill_cache(
    run_id: int,
    step: int,
    layers: Sequence[str],
    n: int,
    options: Mapping[str, Any],
    marked: bool = False,
) -> dict[str, str]:
    """Make what is not cached of a network's layers; return the keys of all of them by layer."""
    run = load_run(run_id)
    source = Source(run, step)
    made = Representations([source], layers, held_probe(run, n, marked), **options)
    for _ in made.values():
        pass
    return made.keys_of(source)


def held_probe(run: Run, n: int, marked: bool) -> Probe:
    """Return the probe of a run, the one that this process holds if it is the same.

    Many runs share it. Whether it is marked, those who compare several runs say: one alone may have
    been trained with marks where others were not.
    """
    key = canonical(run.config["dataset"]), run.identity.get("data"), n, marked
    if key not in _held:
        _held.clear()
        _held[key] = common_probe([run], n, marked)
    return _held[key]
