"""Compare layers in this process or on a cluster, as an analysis is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.similarity import SimilarityResult
from replearn.study.comparison import Source, compare_layers
from replearn.study.probes import Probe
from replearn.study.spread import compare_layers_on
from replearn.sweep.blocks import Progress, open_blocks


def compare_layers_by(
    cluster: str | None,
    cluster_options: Mapping[str, Any],
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    progress: Progress | None = None,
    **options: Any,
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer); the same whoever computes (1e-12).

    Args:
        cluster: None for this process; `inline`, `local`, a queue or an address for blocks.
        cluster_options: how large it is, such as `{workers: 4}`.
        sources, layers, probe, measures, options: as in `compare_layers`.
        progress: called with (stage, done, total).

    Raises:
        InputError: as `compare_layers`, or if the cluster cannot be used.
    """
    if cluster is None:
        return compare_layers(sources, layers, probe, measures, progress, **options)
    with open_blocks(cluster, cluster_options, progress) as spread:
        return compare_layers_on(spread, sources, layers, probe, measures, **options)
