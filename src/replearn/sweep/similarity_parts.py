"""Compare networks part by part, where no two parts are to be compared with each other."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from replearn.analysis.activations import fingerprint
from replearn.analysis.similarity import SimilarityResult, progress_bars
from replearn.analysis.similarity.pace import Outlook
from replearn.errors import InputError
from replearn.runs.query import load_run
from replearn.study.comparison import compare_layers
from replearn.study.probes import Probe
from replearn.study.representations import Source
from replearn.study.spread import held_probe
from replearn.sweep.blocks import open_blocks
from replearn.sweep.similarity import Clock, compare_as_told, comparison_options

Parts = Sequence[tuple[Sequence[Source], SimilarityResult]]


def compare_separately(
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
        InputError: as `compare_as_told`; or if a worker has other images than this process.
    """
    if len(parts) == 1:
        return [(parts[0], compare_as_told(config, parts[0], layers, probe))]
    options = comparison_options(config)
    bars = progress_bars() if config["progress"] else lambda stage, done, total: None
    told = Clock(config["cluster"], len(parts))
    found: list[SimilarityResult] = []
    if config["cluster"] is None:
        for part in parts:
            found.append(
                compare_layers(
                    part, layers, probe, config["measures"], announce=told.announce, **options
                )
            )
            bars("networks", len(found), len(parts))
        told.end()
        return list(zip(parts, found, strict=True))
    by_run = [list(own) for _, own in groupby(parts, key=lambda part: part[0].run.id)]
    seen = len(probe.indices), probe.marked
    blocks = [
        (own[0][0].run.id, [[source.step for source in part] for part in own], list(layers), *seen,
         config["measures"], options)
        for own in by_run
    ]  # fmt: skip
    images, made = fingerprint(probe.batches()), {}

    def take(index: int, result: tuple[list[SimilarityResult], list[Outlook], str]) -> None:
        made[index], outlooks, others = result
        own = by_run[index]
        if others != images:
            raise InputError(
                f"a worker has other images than this process (run {own[0][0].run.id}); give all "
                f"of them the same checkout, installation and data folder"
            )
        for outlook in outlooks:
            told.announce(outlook)

    with open_blocks(config["cluster"], config["cluster_options"], bars, len(blocks)) as spread:
        spread(compare_steps, blocks, take)
    told.end()
    found = [one for i in range(len(by_run)) for one in made[i]]
    return list(zip(parts, found, strict=True))


def compare_steps(
    run_id: int,
    parts: Sequence[Sequence[int]],
    layers: Sequence[str],
    n: int,
    marked: bool,
    measures: str | Sequence[str],
    options: Mapping[str, Any],
) -> tuple[list[SimilarityResult], list[Outlook], str]:
    """Return, for each part of the steps of a run, the similarity of all pairs of its layers.

    With them comes what was known of them, and the fingerprint of the images, `n` of them, with
    marks or not.
    """
    told: list[Outlook] = []
    options = {**options, "announce": told.append}
    run = load_run(run_id)
    probe = held_probe(run, n, marked)
    found = [
        compare_layers([Source(run, step) for step in steps], layers, probe, measures, **options)
        for steps in parts
    ]
    return found, told, fingerprint(probe.batches())
