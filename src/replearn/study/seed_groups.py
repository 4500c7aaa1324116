"""How alike runs are that differ in their seeds alone: mean and interval for each group."""

from collections.abc import Sequence

import numpy as np

from replearn.analysis.similarity import SimilarityResult
from replearn.analysis.statistics import Interval, pairs_interval
from replearn.runs.run import Run
from replearn.runs.where import paths
from replearn.study.representations import Source
from replearn.study.run_pairs import between_runs
from replearn.study.summary import short_names, varied_paths


def seed_groups(sources: Sequence[Source]) -> dict[str, list[Source]]:
    """Return name -> the networks of runs that differ in their seeds alone, found by group hash.

    The name of a group is what sets it apart from the others: "beta=4".
    """
    names = short_names(varied_paths([source.run for source in sources]))
    groups: dict[str, list[Source]] = {}
    labels: dict[str, str] = {}
    for source in sources:
        key = source.run.identity.get("group_hash", f"run {source.run.id}")
        labels.setdefault(key, _name(source.run, names))
        groups.setdefault(key, []).append(source)
    # Two groups may be called alike, such as the same config of other images.
    return {
        label if list(labels.values()).count(label) == 1 else f"{label} ({key[:8]})": groups[key]
        for key, label in labels.items()
    }


def same_layer_in_groups(
    found: SimilarityResult, measure: str, sources: Sequence[Source], layers: Sequence[str]
) -> dict[str, Interval]:
    """Return name of a group -> how alike its runs are, the mean over equal layers.

    The mean is over its pairs of runs, the interval over its runs; groups of one run are left out.
    """
    return {
        name: pairs_interval(_pairs(found, measure, members, layers))
        for name, members in seed_groups(sources).items()
        if len(members) > 1
    }


def sentence(intervals: dict[str, Interval]) -> str:
    """Return the numbers of `same_layer_in_groups` in words, empty if there are none."""
    if not intervals:
        return ""
    parts = [
        f"{name}: {i.mean:.3f}{f' ± {i.half_width:.3f}' if i.half_width is not None else ''} "
        f"(n = {i.n})"
        for name, i in intervals.items()
    ]
    return (
        " The same layer in n runs that differ in seed alone (mean over pairs, 95 % interval over "
        f"runs by the jackknife, where n ≥ 3): {'; '.join(parts)}."
    )


def _pairs(
    found: SimilarityResult, measure: str, members: Sequence[Source], layers: Sequence[str]
) -> np.ndarray:
    values = np.zeros((len(members), len(members)))
    for i, one in enumerate(members):
        for j, other in enumerate(members[:i]):
            both = between_runs(found, measure, [one, other], layers)
            values[i, j] = values[j, i] = np.nanmean(np.diag(both))
    return values


def _name(run: Run, names: dict[str, str]) -> str:
    config = dict(paths(run.config))
    values = {name: config.get(path) for path, name in names.items()}
    shown = [f"{name}={value}" for name, value in values.items() if value is not None]
    return ", ".join(shown) or run.experiment
