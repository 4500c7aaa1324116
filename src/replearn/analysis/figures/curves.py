"""Metrics over training steps, with a 95 % band over seeds."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from replearn.analysis.figures.style import COLOURS, crop, inch_axes, new_figure, styled, tick_steps
from replearn.analysis.statistics import MIN_SEEDS, student_band
from replearn.errors import InputError

_DASHES = ("-", "--", ":", "-.")


@styled()
def metric_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    metric: str = "",
    unit: str = "",
    log_steps: bool = False,
    log_values: bool = False,
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Return the curves of one metric, one line per entry.

    The line is the mean over seeds; from 3 seeds on it has the 95 % Student-t band, below that
    each seed is a faint line. A value that is not finite leaves a gap.

    Args:
        curves: label -> (steps (S,), values (S,) of one run or (R, S) of R seeds).
        metric, unit: the words at the y axis.
        limits: what the y axis shows at least, such as the range of a measure.

    Raises:
        InputError: if there are no curves, or steps and values do not fit.
    """
    if not curves:
        raise InputError("a figure of metrics needs at least one curve, got none.")
    figure = new_figure()
    axes = inch_axes(figure, 0, 0, 3.2, 2.0)
    for i, (label, (steps, values)) in enumerate(curves.items()):
        steps, values = np.asarray(steps, dtype=float), np.atleast_2d(np.asarray(values, float))
        if values.ndim != 2 or steps.shape != values.shape[1:]:
            raise InputError(
                f"the curve {label!r} has steps {steps.shape} and values {values.shape}: "
                "values are (steps,) or (seeds, steps)."
            )
        colour, dash = COLOURS[i % len(COLOURS)], _DASHES[i // len(COLOURS) % len(_DASHES)]
        mean, half_width, n = student_band(np.where(np.isfinite(values), values, np.nan))
        name = f"{label} (n = {len(values)})" if len(values) > 1 else str(label)
        axes.plot(steps, mean, color=colour, ls=dash, label=name, gid="mean")
        if (n >= MIN_SEEDS).any():
            axes.fill_between(
                steps, mean - half_width, mean + half_width, color=colour, alpha=0.2, lw=0,
                gid="band",
            )  # fmt: skip
        elif len(values) > 1:
            axes.plot(steps, values.T, color=colour, lw=0.5, alpha=0.5, gid="seed")
    axes.set_xlabel("optimiser step")
    axes.set_ylabel(f"{metric} ({unit})" if unit else metric)
    axes.set_xscale("symlog" if log_steps else "linear")
    if log_values:
        # A band can reach below 0; the lines decide where the axis ends.
        lines = np.concatenate([line.get_ydata() for line in axes.get_lines()])
        axes.set_yscale("log")
        if (lines > 0).any():
            axes.set_ylim(bottom=0.7 * lines[lines > 0].min())
    if limits is not None:
        low, high = axes.get_ylim()
        above = 0.02 * (limits[1] - limits[0])  # no line lies on the frame
        axes.set_ylim(min(low, limits[0]), max(high, limits[1] + above))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    tick_steps(figure, axes, (step for given, _ in curves.values() for step in np.asarray(given)))
    axes.set_title(title)
    if len(curves) > 4:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0)
    else:
        axes.legend(loc="best")
    return crop(figure)
