"""Compare networks part by part, where no two parts are to be compared with each other."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from replearn.analysis.similarity import SimilarityResult, progress_bars
from replearn.runs.query import load_run
from replearn.study.comparison import common_probe, compare_layers
from replearn.study.probes import Probe
from replearn.study.representations import Source
from replearn.sweep.blocks import open_blocks
from replearn.sweep.similarity import compare_as_told, comparison_options

Parts = Sequence[tuple[Sequence[Source], SimilarityResult]]


def compare_parts(
    config: Mapping[str, Any],
    parts: Sequence[Sequence[Source]],
    layers: Sequence[str],
    probe: Probe,
) -> Parts:
    """Return each part with the similarity of all pairs of its (network, layer).

    All pairs of a thousand networks take a thousand times as long as those within each.

    Args:
        config: of an analysis, as in `compare_as_told`.
        parts: networks to be compared with each other; if there are several, each of one run.
        layers, probe: as in `compare_layers`.

    Raises:
        InputError: as `compare_as_told`.
    """
    if len(parts) == 1:
        return [(parts[0], compare_as_told(config, parts[0], layers, probe))]
    options = comparison_options(config)
    bars = progress_bars() if config["progress"] else lambda stage, done, total: None
    if config["cluster"] is None:
        found = []
        for part in parts:
            found.append(compare_layers(part, layers, probe, config["measures"], **options))
            bars("networks", len(found), len(parts))
        return list(zip(parts, found, strict=True))
    by_run = [list(own) for _, own in groupby(parts, key=lambda part: part[0].run.id)]
    n = len(probe.indices)
    blocks = [
        (own[0][0].run.id, [[source.step for source in part] for part in own], list(layers), n,
         config["measures"], options)
        for own in by_run
    ]  # fmt: skip
    with open_blocks(config["cluster"], config["cluster_options"], bars, len(blocks)) as spread:
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
