"""Lines over training: two layers of the same network, or one layer against a list."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.figures import metric_curves
from replearn.analysis.similarity import MEASURES
from replearn.analysis.statistics import student_band
from replearn.study.compared import SHOWN, Compared
from replearn.study.comparison import Source
from replearn.study.layer_maps import file_name
from replearn.study.results import Results

Array = NDArray[np.float64]
Curves = dict[str, tuple[list[int], Array]]


def draw_layer_pair(
    results: Results, compared: Compared, one: str, other: str, shown: str
) -> dict[str, float]:
    """Draw two layers of the same network over its steps, a line for each group of seeds."""
    for measure in compared.measures:
        curves = {
            name: curve(compared, measure, sources, one, other, shown)
            for name, sources in compared.groups.items()
        }
        _draw(
            results, f"layer_pair_{file_name(measure)}", curves, measure, shown, f"{one} × {other}"
        )
    return {"groups": len(compared.groups)}


def draw_layer_list(
    results: Results, compared: Compared, layer: str, against: Sequence[str], shown: str
) -> dict[str, float]:
    """Draw a layer against others of the same network over its steps, a picture for each group."""
    for measure in compared.measures:
        for i, (group, sources) in enumerate(compared.groups.items()):
            curves = {
                name: curve(compared, measure, sources, layer, name, shown) for name in against
            }
            number = f"_{i + 1}" if len(compared.groups) > 1 else ""
            title = f"{layer} × …" + (f", {group}" if len(compared.groups) > 1 else "")
            _draw(
                results, f"layer_list_{file_name(measure)}{number}", curves, measure, shown, title
            )
    return {"groups": len(compared.groups)}


def curve(
    compared: Compared, measure: str, sources: Sequence[Source], one: str, other: str, shown: str
) -> tuple[list[int], Array]:
    """Return steps (S,) and values (R, S) of two layers of the same network, R runs.

    NaN where a run has not kept the weights of a step.
    """
    steps = sorted({source.step for source in sources})
    runs = list(dict.fromkeys(source.run.id for source in sources))
    values = np.full((len(runs), len(steps)), np.nan)
    for source in sources:
        at = runs.index(source.run.id), steps.index(source.step)
        values[at] = compared.block(measure, source, source, [one], [other], shown)[0, 0]
    return steps, values


def _draw(
    results: Results, name: str, curves: Curves, measure: str, shown: str, title: str
) -> None:
    name += "" if shown == "value" else f"_{shown}"
    called = SHOWN[shown].format(measure)
    low, high = MEASURES[measure.partition(":")[0]].range
    bounded = shown in ("value", "null", "corrected") and np.isfinite(high)
    figure = metric_curves(
        curves, called, log_steps=True, title=title, limits=(max(low, 0), high) if bounded else None
    )
    text = (
        f"{called} of {title}, in the same network: mean over n seeds, with the 95 % interval of "
        f"Student's t over seeds where n ≥ 3, else each seed faint."
    )
    results.figure(name, figure, f"{measure}: {title}", text)
    arrays = {}
    for label, (steps, values) in curves.items():
        mean, half_width, n = student_band(values)
        arrays |= {
            f"{label}/steps": np.array(steps),
            f"{label}/values": values,
            f"{label}/mean": mean,
            f"{label}/half_width": half_width,
            f"{label}/n": n,
        }
    results.arrays(name, **arrays)
