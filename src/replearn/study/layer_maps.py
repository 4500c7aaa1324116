"""Heat maps of a comparison: layer by layer between runs, trained, untrained, and the excess."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.figures import heatmap_panel
from replearn.analysis.similarity import MEASURES, SimilarityResult
from replearn.analysis.statistics import Interval
from replearn.study.representations import Source
from replearn.study.results import Results
from replearn.study.run_pairs import began_alike, between_runs, independent_pairs
from replearn.study.seed_groups import same_layer_in_groups, seed_groups, sentence


def draw_layer_maps(
    results: Results,
    found: SimilarityResult,
    trained: Sequence[Source],
    untrained: Sequence[Source],
    layers: Sequence[str],
    shuffled: SimilarityResult | None = None,
) -> dict[str, float | int]:
    """Draw the layer-by-layer means of each measure, and return those of equal layers.

    The trained networks are shown after the last of their steps, beside what they are more than:
    the networks of step 0, as a random network shares much with another; the mean over all ways to
    pair the inputs, where it is known and not 0; and networks that see other images, if these were
    compared (`shuffled`). The differences to each have maps of their own.
    """
    last = last_of(trained)
    if {s.step for s in last} == {0} or began_alike(untrained):
        untrained = []  # they are what was asked for, or one and the same network
    numbers: dict[str, float | int] = {"runs": len(last), "representations": len(found.labels)}
    for label in found.values:
        measure = MEASURES[label.partition(":")[0]]
        name = file_name(label)
        maps = {moment(last): between_runs(found, label, last, layers)}
        if np.isnan(maps[moment(last)]).all():
            continue  # of one run a measure of outputs has nothing to show
        baselines = _baselines(found, label, last, untrained, layers, shuffled)
        maps |= {title: matrix for title, matrix in baselines.values()}
        limits = _limits(measure.range, list(maps.values()))
        figure = heatmap_panel(
            list(maps.values()), list(maps), layers, measure=label, limits=limits,
            row_title="layer", column_title="layer of another run" if len(last) > 1 else "layer",
        )  # fmt: skip
        in_groups = same_layer_in_groups(found, label, last, layers)
        text = _what_is_averaged(label, last) + sentence(in_groups)
        results.figure(f"{name}_layers", figure, f"{label}: mean over pairs of runs", text)
        _draw_groups(results, found, label, last, layers, limits)
        numbers[f"{label}_same_layer"] = _same_layer(maps[moment(last)])
        for kind, (_, matrix) in baselines.items():
            numbers[f"{label}_same_layer_{kind}"] = _same_layer(matrix)
        numbers |= _within_groups(label, in_groups)
        _draw_excess(results, name, label, maps[moment(last)], baselines, layers)
    return numbers


def last_of(sources: Sequence[Source]) -> list[Source]:
    """Return the network of each run after the last of its steps."""
    return list({s.run.id: s for s in sorted(sources, key=lambda s: s.step)}.values())


def _baselines(
    found: SimilarityResult,
    label: str,
    last: Sequence[Source],
    untrained: Sequence[Source],
    layers: Sequence[str],
    shuffled: SimilarityResult | None,
) -> dict[str, tuple[str, NDArray]]:
    """Return by kind the title and the means of what the values are to be more than."""
    baselines = {}
    if untrained:
        means = between_runs(found, label, untrained, layers)
        baselines["untrained"] = moment(untrained), means
    null = found.nulls.get(label)
    if null is not None and np.nanmax(np.abs(null), initial=0.0) > 0:
        means = between_runs(found, label, last, layers, null)
        baselines["null"] = "chance (all pairings of inputs)", means
    if shuffled is not None:
        means = between_runs(shuffled, label, last, layers)
        baselines["shuffled"] = "shuffled images", means
    return baselines


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
        [
            f"{name} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(members)})"
            for name, members in several.items()
        ],
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
    kind = "the same" if began_alike(sources) else "different"
    pairs = f"{len(independent_pairs(sources))} ordered pairs, each begun with {kind} weights"
    return f"{label}: mean over the {pairs}, of {n} runs{parted}."


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
    results: Results,
    name: str,
    label: str,
    values: NDArray,
    baselines: dict[str, tuple[str, NDArray]],
    layers: Sequence[str],
) -> None:
    if not baselines:
        return
    excess = {f"less {title}": values - matrix for title, matrix in baselines.values()}
    largest = float(np.nanmax(np.abs(list(excess.values())))) or 1.0
    figure = heatmap_panel(
        list(excess.values()), list(excess), layers, measure=f"difference of {label}",
        limits=(-largest, largest), row_title="layer", column_title="layer of another run",
    )  # fmt: skip
    results.figure(f"{name}_excess", figure, f"{label}: what is more than the baselines")


def _same_layer(matrix: NDArray) -> float:
    """Return the mean over equal layers, of those that have a value."""
    return float(np.nanmean(np.diag(matrix)))
