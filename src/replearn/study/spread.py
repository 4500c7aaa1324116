"""Compare layers on a cluster: workers fill the cache network by network, then compare blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.cache import TensorCache
from replearn.analysis.cached_pairs import MapBlocks, compare_cached
from replearn.analysis.similarity import MEASURES, SimilarityResult, choose_all
from replearn.errors import InputError
from replearn.runs.config import canonical
from replearn.runs.query import load_run
from replearn.runs.run import Run
from replearn.study.comparison import (
    TARGETS,
    Representations,
    Source,
    common_probe,
    listed,
    may_reduce,
    targets,
)
from replearn.study.probes import Probe

_held: dict[tuple, Probe] = {}


def compare_layers_on(
    map_blocks: MapBlocks,
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    **options: Any,
) -> SimilarityResult:
    """Return what `compare_layers` returns, computed by the processes of `map_blocks` (1e-12).

    Args:
        map_blocks: `replearn.sweep.blocks.map_blocks` of some cluster.
        sources, layers, probe, measures, options: as in `compare_layers`.

    Raises:
        InputError: as `compare_layers`; or if a worker has other code, other images, or another
            cache than this process.
    """
    cache = TensorCache()
    kept = {name: cache.keep(targets(probe, name)) for name in layers if name in TARGETS}
    made = [name for name in layers if name not in TARGETS]
    chosen = choose_all(listed(measures, "measures"), MEASURES)
    options = {**options, "reduced": may_reduce(chosen)}
    here = Representations(sources, made, probe, **options)
    keys = {source: here.keys_of(source) for source in sources}
    empty = [source for source, own in keys.items() if any(k not in cache for k in own.values())]
    n = len(probe.indices)
    marked = probe.marked
    blocks = [(source.run.id, source.step, made, n, options, marked) for source in empty]
    for source, found in zip(empty, map_blocks(fill_cache, blocks), strict=True):
        if found != keys[source]:
            raise InputError(
                f"a worker has other code or other images than this process (run {source.run.id}); "
                f"give all of them the same checkout, installation and data folder"
            )
    return compare_cached(
        {source.label(name): (keys[source] | kept)[name] for source in sources for name in layers},
        [one.spec for one in chosen],
        cache,
        map_blocks,
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
    made = Representations([source], layers, _probe(run, n, marked), **options)
    for _ in made.values():
        pass
    return made.keys_of(source)


def _probe(run: Run, n: int, marked: bool) -> Probe:
    """Return the probe of a run, the one that is held if it is the same: many runs share it."""
    key = canonical(run.config["dataset"]), run.identity.get("data"), n, marked
    if key not in _held:
        _held.clear()
        _held[key] = common_probe([run], n, marked)
    return _held[key]
