"""Dots with intervals: one row a name, panels side by side, on the scales of what they show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replearn.analysis.figures.style import (
    COLOURS,
    FAINT,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    styled,
    thin,
    wrap,
)
from replearn.errors import InputError

_ROW, _BETWEEN, _NAMES = 0.135, 0.12, 1.35  # inches


@dataclass(frozen=True)
class Dots:
    """One panel.

    Args:
        title: what is shown, with its unit if it has one.
        values: (M,), NaN where there is none.
        half_widths: (M,) of the intervals, NaN where there is none.
        filled: (M,) whether a dot is filled or a ring; all are filled by default.
        line: where a dashed line stands, such as what chance gives.
        limits: the range of what is shown, such as -1 to 1; by default that of the values.
    """

    title: str
    values: Sequence[float]
    half_widths: Sequence[float]
    filled: Sequence[bool] | None = None
    line: float | None = None
    limits: tuple[float, float] | None = None


@styled()
def dot_panels(rows: Sequence[str], panels: Sequence[Dots], note: str = "") -> Figure:
    """Return panels that share M rows, the first on top, and a note below them.

    Raises:
        InputError: if there is nothing to draw, or a panel has not one value for each row.
    """
    if not rows or not panels:
        raise InputError("a figure of dots needs at least one row and one panel, got none.")
    figure = new_figure()
    width = (TEXT_WIDTH - _NAMES) / len(panels) - _BETWEEN
    height = _ROW * (len(rows) + 0.4)
    at = np.arange(len(rows))
    for i, panel in enumerate(panels):
        values, half = np.asarray(panel.values, float), np.asarray(panel.half_widths, float)
        if values.shape != at.shape or half.shape != at.shape:
            raise InputError(
                f"the panel {panel.title!r} has {len(values)} values and {len(half)} intervals for "
                f"{len(rows)} rows: give one a row."
            )
        axes = inch_axes(figure, i * (width + _BETWEEN), 0, width, height)
        filled = np.ones(len(rows), bool) if panel.filled is None else np.asarray(panel.filled)
        if panel.line is not None:
            axes.axvline(panel.line, color=FAINT, lw=0.6, ls="--", gid="line")
        axes.hlines(at, values - half, values + half, color=COLOURS[0], lw=0.8, gid="interval")
        for chosen, face in ((filled, COLOURS[0]), (~filled, "white")):
            axes.scatter(
                values[chosen], at[chosen], s=9, facecolor=face, edgecolor=COLOURS[0],
                linewidth=0.7, zorder=3, clip_on=False,
            )  # fmt: skip
        axes.hlines(at, 0, 1, transform=axes.get_yaxis_transform(), color="0.93", lw=0.5, zorder=0)
        axes.set_ylim(len(rows) - 0.3, -0.7)
        axes.set_yticks(at, rows if i == 0 else [""] * len(rows))
        axes.tick_params(axis="y", length=0)
        if panel.limits is None:
            axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 5, 10]))
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        else:
            low, high = panel.limits
            ticks = [low, (low + high) / 2, high]
        axes.set_xticks(ticks, [f"{tick:z.4g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        axes.set_xlim(low, high)
        thin(figure, axes)
        axes.spines[["top", "right", "left"]].set_visible(False)
        title = axes.set_title("", size=5.8)
        lines = wrap(title, panel.title, (width + _BETWEEN) * figure.dpi)
        title.set_text("\n".join(lines))
    figure.axes[0].annotate(
        note, (0, 0), xytext=(0, -20), xycoords="axes fraction", textcoords="offset points",
        va="top", size=5.5, color=FAINT, annotation_clip=False,
    )  # fmt: skip
    return crop(figure)
