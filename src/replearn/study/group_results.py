"""What the tests of measures on groups leave behind: a table, a figure, all numbers, a printout."""

from collections.abc import Sequence
from math import isnan, nan
from typing import TYPE_CHECKING

import numpy as np

from replearn.analysis.figures import similarity_heatmap
from replearn.analysis.figures.dots import Dots, dot_panels
from replearn.analysis.latex import comment, escape, standalone_document
from replearn.study.group_tests import LAYERS, GroupTests, Score
from replearn.study.results import Results

if TYPE_CHECKING:
    import pandas

# What is shown, from the left: heading, and whether more is better. R is the sign of a correlation.
HEADINGS = {
    "auprc": ("AUPRC", "higher"),
    "violation_rate": ("violations", "lower"),
    "layer_violations": ("layer violations", "lower"),
    "layer_correlation": ("ρ with layer distance", "higher"),
    "jsd": ("R with JSD", "higher"),
    "disagreement": ("R with disagreement", "higher"),
    "accuracy_difference": ("R with accuracy difference", "higher"),
}
SHARES = ("auprc", "violation_rate", "layer_violations")  # from 0 to 1; correlations from -1
SIGNS = {"spearman": "ρ", "pearson": "r", "kendall": "τ"}
RANK = "mean rank"
NOTE = "dashed: chance · bars: 95 % intervals over networks · rings: p > 0.05"


class Overview:
    """The scores over all groups and networks at one layer: a row a measure, the best first.

    Measures stand in the order of the mean of their ranks in the tests; equal scores share theirs,
    and no score is the last.
    """

    def __init__(self, scores: Sequence[Score], layer: str):
        kept = [s for s in scores if not s.of and s.layer in ("", layer)]
        self.layer = layer
        self.tests = [test for test in HEADINGS if any(s.test == test for s in kept)]
        self.cells = {(s.measure, s.test): s for s in kept}
        measures = list(dict.fromkeys(s.measure for s in kept if s.layer == layer))
        self.ranks = dict(zip(measures, self._mean_ranks(measures), strict=True))
        self.measures = sorted(measures, key=lambda measure: self.ranks[measure])

    def score(self, measure: str, test: str) -> Score:
        """Return one score, without a value if there is none."""
        return self.cells.get((measure, test), Score(measure, self.layer, test, "", nan))

    def _mean_ranks(self, measures: Sequence[str]) -> list[float]:
        from scipy.stats import rankdata

        ranks = []
        for test in self.tests:
            sign = -1 if HEADINGS[test][1] == "higher" else 1
            values = [sign * self.score(measure, test).value for measure in measures]
            ranks.append(rankdata(np.nan_to_num(values, nan=np.inf)))
        return [float(rank) for rank in np.mean(ranks, axis=0)]


def show(
    results: Results, tests: GroupTests, scores: Sequence[Score], layers: Sequence[str]
) -> dict[str, float]:
    """Write groups.csv with all scores, and a table and a figure of each layer; print the tables.

    Returns:
        for the result of the run: how many runs and groups, and each AUPRC at the first layer.
    """
    results.text("groups.csv", frame(scores).to_csv(index=False))
    for layer in layers:
        overview = Overview(scores, layer)
        name = "groups" if len(layers) == 1 else f"groups_{layer.lower()}"
        text = caption(tests, overview)
        latex = latex_table(tests, overview, f"{text} {results.caption}", f"tab:{name}")
        results.text(f"{name}.tex", standalone_document(latex))
        panels = [_panel(tests, overview, test) for test in overview.tests]
        figure = dot_panels(overview.measures, panels, NOTE)
        results.figure(name, figure, f"Tests of measures at layer {layer}", text)
        print(f"\n{printout(tests, overview)}")
    if len(layers) > 1:
        _draw_layers(results, scores, layers)
    first = Overview(scores, layers[0])
    found = {measure: first.score(measure, "auprc").value for measure in first.measures}
    numbers = {f"{measure}_auprc": value for measure, value in found.items() if not isnan(value)}
    return {"runs": len(tests.runs), "groups": len(tests.groups), **numbers}


def frame(scores: Sequence[Score]) -> "pandas.DataFrame":
    """Return one row a score: measure, layer, test, of, value, half_width, p, n."""
    import pandas

    return pandas.DataFrame([vars(score) for score in scores])


def caption(tests: GroupTests, overview: Overview) -> str:
    """Return what the table and the figure show, in sentences."""
    sizes = ", ".join(f"{name}: {len(runs)}" for name, runs in tests.groups.items())
    marks = " with marks of random classes" if tests.probe.marked else ""
    n, found = len(tests.probe.indices), len(tests.runs)
    sentences = [
        f"Tests of similarity measures on {found} networks (n) in {len(tests.groups)} groups "
        f"({sizes}), layer {overview.layer}, {n} held-out images{marks}.",
        "AUPRC of pairs of a group against pairs that leave it, and share of such pairs in the "
        "wrong order (violations): means over groups, ± 95 % by the jackknife over networks.",
    ]
    if set(LAYERS) & set(overview.tests):
        sentences.append(
            "Layer violations, and Spearman correlation of dissimilarity with the distance of "
            "layers: means over networks, ± 95 % Student interval."
        )
    if tests.outputs:
        pairs = found * (found - 1) // 2
        sentences.append(
            f"{tests.correlation.capitalize()} correlation {SIGNS[tests.correlation]} of "
            f"dissimilarity with how outputs differ, over {pairs} pairs of networks; in brackets "
            f"p, two-sided, by permuting networks (up to {tests.permutations:,} times)."
        )
    return " ".join([*sentences, f"{RANK.capitalize()}: over the columns, 1 is best."])


def latex_table(tests: GroupTests, overview: Overview, text: str, label: str) -> str:
    """Return a LaTeX table (booktabs, graphicx) with a row a measure, and one of chance."""
    heads = ["measure", *(heading(tests, test) for test in overview.tests), RANK, "n"]
    rows = [
        [
            escape(measure),
            *(_latex(overview.score(measure, test)) for test in overview.tests),
            f"{overview.ranks[measure]:.1f}",
            str(len(tests.runs)),
        ]
        for measure in overview.measures
    ]
    chance = ["chance", *(f"${tests.chance(test):.2f}$" for test in overview.tests), "", ""]
    return "\n".join(
        [
            *(
                comment(f"{name}: runs {', '.join(str(run.id) for run in runs)}")
                for name, runs in tests.groups.items()
            ),
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{escape(text)}}}",
            rf"\label{{{label}}}",
            r"\par\medskip",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            r"\toprule",
            " & ".join(map(escape, heads)) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in rows),
            r"\midrule",
            " & ".join(chance) + r" \\",
            r"\bottomrule",
            r"\end{tabular}%",
            "}",
            r"\end{table}",
            "",
        ]
    )


def printout(tests: GroupTests, overview: Overview) -> str:
    """Return the table as plain text."""
    heads = [f"layer {overview.layer}", *(heading(tests, x) for x in overview.tests), RANK]
    lines = [heads]
    for measure in overview.measures:
        cells = [_plain(overview.score(measure, test)) for test in overview.tests]
        lines.append([measure, *cells, f"{overview.ranks[measure]:.1f}"])
    lines.append(["chance", *(f"{tests.chance(test):.2f}" for test in overview.tests), ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def heading(tests: GroupTests, test: str) -> str:
    """Return the name of a test with the direction that is better."""
    name, better = HEADINGS[test]
    return (
        f"{name.replace('R ', SIGNS[tests.correlation] + ' ')} {'↑' if better == 'higher' else '↓'}"
    )


def _draw_layers(results: Results, scores: Sequence[Score], layers: Sequence[str]) -> None:
    """Draw how well each measure tells groups apart at each layer."""
    measures = Overview(scores, layers[-1]).measures
    at_layers = [Overview(scores, layer) for layer in layers]
    values = [[each.score(m, "auprc").value for each in at_layers] for m in measures]
    figure = similarity_heatmap(
        values, measures, layers, measure="AUPRC", limits=(0, 1), column_title="layer"
    )
    title = "Separation of groups by layer"
    results.figure("groups_layers", figure, title, "AUPRC of each measure at each layer.")


def _panel(tests: GroupTests, overview: Overview, test: str) -> Dots:
    found = [overview.score(measure, test) for measure in overview.measures]
    return Dots(
        heading(tests, test).replace(" ↑", "↑").replace(" ↓", "↓"),
        [score.value for score in found],
        [score.half_width for score in found],
        filled=[isnan(score.p) or score.p <= 0.05 for score in found],
        line=tests.chance(test),
        limits=(0.0, 1.0) if test in SHARES else (-1.0, 1.0),
    )


def _plain(score: Score) -> str:
    if isnan(score.value):
        return "–"
    text = f"{score.value:.2f}"
    if score.half_width >= 0.005:
        text += f" ± {score.half_width:.2f}"
    if not isnan(score.p):
        text += f" ({_p(score.p)})"
    return text


def _latex(score: Score) -> str:
    if isnan(score.value):
        return "--"
    half = "" if not score.half_width >= 0.005 else rf" \pm {score.half_width:.2f}"
    p = "" if isnan(score.p) else rf"\,{{\footnotesize({_p(score.p)})}}"
    return f"${score.value:.2f}{half}{p}$"


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
