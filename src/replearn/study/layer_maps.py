"""Heat maps of a comparison: layer by layer between runs, trained, untrained, and the excess."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.figures import heatmap_panel, similarity_heatmap
from replearn.analysis.similarity import MEASURES, SimilarityResult
from replearn.analysis.statistics import Interval
from replearn.study.comparison import Source, between_runs
from replearn.study.results import Results
from replearn.study.seed_groups import same_layer_in_groups, seed_groups, sentence


def draw_layer_maps(
    results: Results,
    found: SimilarityResult,
    trained: Sequence[Source],
    untrained: Sequence[Source],
    layers: Sequence[str],
) -> dict[str, float | int]:
    """Draw the layer-by-layer means of each measure, and return those of equal layers.

    The trained networks are shown after the last of their steps. What training adds is the
    difference to the same mean over the networks of step 0: a random network shares much with
    another.
    """
    last = list({s.run.id: s for s in sorted(trained, key=lambda s: s.step)}.values())
    if {s.step for s in last} == {0}:
        untrained = []  # they are what was asked for
    numbers: dict[str, float | int] = {"runs": len(last), "representations": len(found.labels)}
    for label in found.values:
        measure = MEASURES[label.partition(":")[0]]
        name = file_name(label)
        maps = {moment(last): between_runs(found, label, last, layers)}
        if untrained:
            maps[moment(untrained)] = between_runs(found, label, untrained, layers)
        limits = _limits(measure.range, list(maps.values()))
        figure = heatmap_panel(
            list(maps.values()), list(maps), layers, measure=label, limits=limits,
            row_title="layer", column_title="layer of another run" if len(last) > 1 else "layer",
        )  # fmt: skip
        in_groups = same_layer_in_groups(found, label, last, layers)
        text = _what_is_averaged(label, last) + sentence(in_groups)
        results.figure(f"{name}_layers", figure, f"{label}: mean over pairs of runs", text)
        _draw_groups(results, found, label, last, layers, limits)
        numbers |= _equal_layers(label, maps) | _within_groups(label, in_groups)
        if untrained:
            _draw_excess(results, name, label, maps, layers)
    return numbers


def _draw_groups(
    results: Results,
    found: SimilarityResult,
    label: str,
    sources: Sequence[Source],
    layers: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """Draw a map for each group of runs that differ in seed alone, if there are several groups."""
    groups = seed_groups(sources)
    several = {name: members for name, members in groups.items() if len(members) > 1}
    if len(groups) < 2 or not several:
        return
    figure = heatmap_panel(
        [between_runs(found, label, members, layers) for members in several.values()],
        [f"{name} (n = {len(members)})" for name, members in several.items()],
        layers, measure=label, limits=limits,
        row_title="layer", column_title="layer of another seed",
    )  # fmt: skip
    text = f"{label}: mean over the ordered pairs of n runs that differ in their seeds alone."
    results.figure(f"{file_name(label)}_seeds", figure, f"{label}: between seeds", text)


def file_name(label: str) -> str:
    """Return the name of a measure and its parameters as part of a file's name."""
    return label.replace(":", "-").replace("=", "-").replace(",", "-").lower()


def _what_is_averaged(label: str, sources: Sequence[Source]) -> str:
    n, groups = len(sources), len(seed_groups(sources))
    if n == 1:
        return f"{label}: the layers of one run."
    parted = f", which are of {groups} groups that differ in more than seeds" if groups > 1 else ""
    return f"{label}: mean over the {n * (n - 1)} ordered pairs of {n} runs{parted}."


def _within_groups(label: str, intervals: dict[str, Interval]) -> dict[str, float]:
    """Return the mean over the groups, if there are any of several runs."""
    means = [interval.mean for interval in intervals.values()]
    return {f"{label}_same_layer_same_group": float(np.mean(means))} if means else {}


def _limits(promised: tuple[float, float], maps: Sequence[NDArray]) -> tuple[float, float]:
    """Return the ends of the colour scale: from 0, to what the measure promises or reaches."""
    high = promised[1] if np.isfinite(promised[1]) else float(np.nanmax(maps)) or 1.0
    return max(promised[0], 0.0), high


def moment(sources: Sequence[Source]) -> str:
    """Return when in their training networks are shown, as a title."""
    steps = {source.step for source in sources}
    if steps == {0}:
        return "untrained (step 0)"
    return f"after {steps.pop():,} steps" if len(steps) == 1 else "after training"


def _draw_excess(
    results: Results, name: str, label: str, maps: dict[str, NDArray], layers: Sequence[str]
) -> None:
    trained, untrained = maps.values()
    excess = trained - untrained
    largest = float(np.nanmax(np.abs(excess))) or 1.0
    figure = similarity_heatmap(
        excess, layers, measure=f"{label}, trained minus untrained", limits=(-largest, largest),
        row_title="layer", column_title="layer of another run",
    )  # fmt: skip
    results.figure(f"{name}_excess", figure, f"{label}: what training adds")


def _equal_layers(label: str, maps: dict[str, NDArray]) -> dict[str, float]:
    names = (f"{label}_same_layer", f"{label}_same_layer_untrained")
    return {
        name: float(np.nanmean(np.diag(matrix)))
        for name, matrix in zip(names, maps.values(), strict=False)
    }
