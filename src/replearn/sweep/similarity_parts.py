"""Compare networks part by part, where no two parts are to be compared with each other."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from replearn.analysis.similarity import SimilarityResult
from replearn.runs.query import load_run
from replearn.study.comparison import Source, common_probe, compare_layers
from replearn.study.probes import Probe
from replearn.sweep.blocks import Progress, open_blocks
from replearn.sweep.similarity import compare_layers_by

Parts = Sequence[tuple[Sequence[Source], SimilarityResult]]


def compare_parts_by(
    cluster: str | None,
    cluster_options: Mapping[str, Any],
    parts: Sequence[Sequence[Source]],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    progress: Progress | None = None,
    **options: Any,
) -> Parts:
    """Return each part with the similarity of all pairs of its (network, layer).

    All pairs of a thousand networks take a thousand times as long as those within each.

    Args:
        parts: networks to be compared with each other; if there are several, each of one run.
        cluster, cluster_options, layers, probe, measures, options: as in `compare_layers_by`.
        progress: called with (stage, done, total).

    Raises:
        InputError: as `compare_layers_by`.
    """
    if len(parts) == 1:
        found = [compare_layers_by(cluster, cluster_options, parts[0], layers, probe, measures,
                                   progress, **options)]  # fmt: skip
    elif cluster is None:
        found = []
        for part in parts:
            found.append(compare_layers(part, layers, probe, measures, **options))
            if progress:
                progress("networks", len(found), len(parts))
    else:
        by_run = [list(own) for _, own in groupby(parts, key=lambda part: part[0].run.id)]
        n = len(probe.indices)
        blocks = [
            (own[0][0].run.id, [[s.step for s in part] for part in own], list(layers), n, measures,
             options)
            for own in by_run
        ]  # fmt: skip
        with open_blocks(cluster, cluster_options, progress, len(blocks)) as spread:
            found = [one for several in spread(compare_steps, blocks) for one in several]
    return list(zip(parts, found, strict=True))


def compare_steps(
    run_id: int,
    parts: Sequence[Sequence[int]],
    layers: Sequence[str],
    n: int,
    measures: str | Sequence[str],
    options: Mapping[str, Any],
) -> list[SimilarityResult]:
    """Return, for each part of the steps of a run, the similarity of all pairs of its layers."""
    run = load_run(run_id)
    probe = common_probe([run], n)
    return [
        compare_layers([Source(run, step) for step in steps], layers, probe, measures, **options)
        for steps in parts
    ]
