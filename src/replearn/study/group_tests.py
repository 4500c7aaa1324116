"""Tests of similarity measures on groups of runs that differ by design, as the ReSi benchmark's."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.group_scores import (
    auprc,
    chance_auprc,
    group_pairs,
    layer_distance_correlation,
    layer_violations,
    mean_over_groups,
    violation_rate,
)
from replearn.analysis.pair_correlation import check_method, pairs_test, without_last_digits
from replearn.analysis.similarity import MEASURES, SimilarityResult, choose
from replearn.analysis.similarity.pace import Announce
from replearn.analysis.statistics import student_interval
from replearn.runs.config import at_least_one
from replearn.runs.run import Run
from replearn.study.comparison import choose_steps, common_layers, compare_layers
from replearn.study.probes import Probe
from replearn.study.representations import Source

OUTPUTS = ("jsd", "disagreement", "accuracy_difference")
SEPARATION = {"auprc": auprc, "violation_rate": violation_rate}
LAYERS = {
    "layer_violations": layer_violations,
    "layer_correlation": layer_distance_correlation,
}


@dataclass(frozen=True)
class Score:
    """What a measure scored in a test.

    Attributes:
        measure: its label.
        layer: of the networks; "" where the test is about the order of all.
        test: one of SEPARATION or LAYERS, or "<output>", or "<output>_within_groups".
        of: a group, or "run <id>"; "" for all of them.
        value: NaN where it is not defined.
        half_width: of its 95 % interval over networks, or NaN.
        p: of a correlation, two-sided, or NaN.
        n: networks.
    """

    measure: str
    layer: str
    test: str
    of: str
    value: float
    half_width: float = nan
    p: float = nan
    n: int = 0


@dataclass(frozen=True)
class GroupTests:
    """The tests of some measures on groups of runs.

    Attributes:
        groups: name -> runs, at least two of at least two.
        probe: the images that all see.
        outputs: measures of outputs that similarity is correlated with.
        correlation: how: one of CORRELATIONS.
        permutations: of the networks, at most.
        seed: of these.
        options: of `compare_layers`: `pooling`, `latent` (by default the mean).

    Raises:
        InputError: if the correlation is unknown, or there are no permutations.
    """

    groups: Mapping[str, Sequence[Run]]
    probe: Probe
    outputs: Sequence[str] = ()
    correlation: str = "spearman"
    permutations: int = 4999
    seed: int = 0
    options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_method(self.correlation)
        at_least_one("permutations", self.permutations)

    @property
    def runs(self) -> list[Run]:
        """All runs, group by group."""
        return [run for members in self.groups.values() for run in members]

    @property
    def names(self) -> list[str]:
        """The group of each run."""
        return [name for name, members in self.groups.items() for _ in members]

    def chance(self, test: str) -> float:
        """Return what a measure scores in a test that knows nothing of the networks."""
        if test != "auprc":
            return 0.5 if test in ("violation_rate", "layer_violations") else 0.0
        sizes = [len(members) for members in self.groups.values()]
        pairs = [(m * (m - 1) // 2, m * (sum(sizes) - m)) for m in sizes]
        return float(np.mean([chance_auprc(*each) for each in pairs]))

    def run(
        self,
        layers: Sequence[str],
        measures: Any,
        order: bool = True,
        progress: Any = None,
        announce: Announce | None = None,
        announce_order: Announce | None = None,
    ) -> list[Score]:
        """Return what measures score at some layers, and of the order of all; print warnings.

        Args:
            layers, measures: to be tested.
            order: look at the order of all layers of each network as well.
            progress, announce: as in `compare_layers`, of each layer.
            announce_order: likewise, of the layers of each network.
        """
        found = [self.of_layer(layer, measures, progress, announce) for layer in layers]
        found += [self.of_order(measures, progress, announce_order)] if order else []
        first: dict[str, list[str]] = {}  # the same of many networks is said once
        for warning in (sentence for _, warnings in found for sentence in warnings):
            first.setdefault(warning.partition(":")[0], []).append(warning)
        for own in first.values():
            more = f" (and {len(own) - 1} more of these)" if len(own) > 1 else ""
            print(f"warning: {own[0]}{more}", file=sys.stderr)
        return [score for scores, _ in found for score in scores]

    def of_layer(
        self,
        layer: str,
        measures: Any,
        progress: Any = None,
        announce: Announce | None = None,
    ) -> tuple[list[Score], Sequence[str]]:
        """Return what measures score on one layer of all networks, and what to be warned of."""
        sources = choose_steps(self.runs, "last")
        found = compare_layers(
            sources, [layer], self.probe, measures, progress, announce=announce,
            **(self.options or {}),
        )  # fmt: skip
        differences = self._differences(sources)
        scores = []
        for measure, values, closer in _matrices(found, [s.label(layer) for s in sources]):
            scores += self._separation(measure, layer, values, closer)
            for output, other in differences.items():
                scores += self._correlations(measure, layer, values * (-1) ** closer, output, other)
        return scores, found.warnings

    def of_order(
        self, measures: Any, progress: Any = None, announce: Announce | None = None
    ) -> tuple[list[Score], Sequence[str]]:
        """Return how well measures order the layers of each network, and what to be warned of."""
        scores, warnings = [], []
        latent = (self.options or {}).get("latent", "mean")
        for source in choose_steps(self.runs, "last"):
            # The variance of a latent is no step on the way from images to outputs.
            layers = common_layers([source.run], "all", latent)
            layers = [name for name in layers if name != "logvar"]
            found = compare_layers(
                [source], layers, self.probe, measures, progress, announce=announce,
                **(self.options or {}),
            )  # fmt: skip
            warnings += found.warnings
            for measure, values, closer in _matrices(found, [source.label(x) for x in layers]):
                scores += [
                    Score(measure, "", test, f"run {source.run.id}", score(values, closer), n=1)
                    for test, score in LAYERS.items()
                ]
        return scores + _means(scores), warnings

    def _separation(self, measure: str, layer: str, values: NDArray, closer: bool) -> list[Score]:
        scores = []
        for test, score in SEPARATION.items():
            for name, pairs in group_pairs(values, self.names).items():
                n = len(self.groups[str(name)])
                scores.append(Score(measure, layer, test, str(name), score(*pairs, closer), n=n))
            whole = mean_over_groups(score, values, self.names, closer)
            scores.append(
                Score(measure, layer, test, "", whole.mean, _or_nan(whole.half_width), n=whole.n)
            )
        return scores

    def _correlations(
        self, measure: str, layer: str, distances: NDArray, output: str, differences: NDArray
    ) -> list[Score]:
        scores = []
        for test, groups in ((output, None), (f"{output}_within_groups", self.names)):
            found = pairs_test(
                distances, differences, self.correlation, groups, self.permutations, self.seed
            )
            scores.append(
                Score(measure, layer, test, "", found.correlation, p=found.p, n=found.networks)
            )
        return scores

    def _differences(self, sources: Sequence[Source]) -> dict[str, NDArray]:
        """Return the matrix (R, R) of each measure of outputs."""
        if not self.outputs:
            return {}
        found = compare_layers(sources, ["logits"], self.probe, self.outputs)
        return {
            output: values
            for output, values, _ in _matrices(found, [s.label("logits") for s in sources])
        }


def _means(scores: Sequence[Score]) -> list[Score]:
    """Return the means over networks, with Student's intervals."""
    values: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        values.setdefault((score.measure, score.test), []).append(score.value)
    means = []
    for (measure, test), own in values.items():
        found = student_interval(own)
        half = _or_nan(found.half_width)
        means.append(Score(measure, "", test, "", found.mean, half, n=found.n))
    return means


def _matrices(found: SimilarityResult, labels: Sequence[str]) -> list[tuple[str, NDArray, bool]]:
    """Return (measure, values of these labels, whether higher ones are closer)."""
    at = [found.labels.index(label) for label in labels]
    return [
        (
            measure,
            without_last_digits(values[np.ix_(at, at)]),
            choose(measure, MEASURES).measure.higher_is_closer,
        )
        for measure, values in found.values.items()
    ]


def _or_nan(value: float | None) -> float:
    return nan if value is None else value
