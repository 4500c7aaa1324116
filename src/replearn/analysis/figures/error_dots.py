"""Errors of models under several conditions: one panel a condition, all on one scale."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from replearn.analysis.figures.style import (
    COLOURS,
    FAINT,
    INK,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    styled,
    wrap,
)
from replearn.errors import InputError

# Kinds of images in their order, their markers and colours; the last is what a reader looks for.
KINDS = {
    "training": ("^", "0.62"),
    "held out": ("o", COLOURS[0]),
    "matched": ("D", COLOURS[2]),
    "excluded": ("s", COLOURS[1]),
}
_ROW, _BETWEEN, _NARROWEST = 0.3, 0.14, 1.2  # inches


@styled()
def error_dots(
    rows: Sequence[str],
    panels: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike]]],
    x_title: str,
    log: bool = True,
    note: str = "",
) -> Figure:
    """Return panels with M rows, in each row one dot with its interval for each kind of images.

    All panels have one scale. It is logarithmic, if asked for, where all values are above 0 and
    differ tenfold; an interval that reaches to 0 or below then ends at the frame.

    Args:
        rows: M names, such as models, the first on top.
        panels: condition -> kind of images -> values (M,) and half widths (M,) of their intervals,
            both in one unit; NaN where there is none. Kinds are some of KINDS.
        x_title: what the values are, with the unit.
        note: a line below the panels.

    Raises:
        InputError: if there is nothing to draw, or a kind has not one value for each row.
    """
    given = dict.fromkeys(kind for panel in panels.values() for kind in panel)
    kinds = [kind for kind in KINDS if kind in given]
    if not rows or not kinds or len(kinds) < len(given):
        raise InputError(
            f"a figure of errors needs rows, and kinds of images among {', '.join(KINDS)}; got "
            f"{len(rows)} rows and {', '.join(given) or 'no kind'}."
        )
    drawn = {
        (name, kind): _checked(name, kind, panels[name][kind], len(rows))
        for name in panels
        for kind in panels[name]
    }
    limits, log = _limits(list(drawn.values()), log)
    figure = new_figure()
    line = max(1, min(len(panels), int(TEXT_WIDTH // (_NARROWEST + _BETWEEN))))
    width = min(2.4, (TEXT_WIDTH - 1.2) / line - _BETWEEN)
    height = _ROW * len(rows)
    for p, name in enumerate(panels):
        bottom = -(p // line) * (height + 0.55)
        axes = inch_axes(figure, p % line * (width + _BETWEEN), bottom, width, height)
        for kind in panels[name]:
            down = (kinds.index(kind) - (len(kinds) - 1) / 2) * 0.8 / len(kinds)
            _draw(axes, *drawn[name, kind], kind, down, limits[0])
        axes.set_xscale("log" if log else "linear")
        axes.set_xlim(*limits)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), rows if p % line == 0 else [""] * len(rows))
        axes.tick_params(axis="y", length=0)
        for i in range(1, len(rows)):
            axes.axhline(i - 0.5, color="0.93", lw=0.5, zorder=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        title = axes.set_title("", size=6.5)
        title.set_text("\n".join(wrap(title, name, (width + _BETWEEN / 2) * figure.dpi)))
    _legend(figure.axes[min(line, len(panels)) - 1], kinds)
    last = figure.axes[(len(panels) - 1) // line * line]
    last.set_xlabel(x_title, loc="left")
    last.annotate(
        note, (0, 0), xytext=(0, -32), xycoords="axes fraction", textcoords="offset points",
        va="top", size=5.5, color=FAINT, annotation_clip=False,
    )  # fmt: skip
    return crop(figure)


def _checked(
    name: str, kind: str, given: tuple[ArrayLike, ArrayLike], n: int
) -> tuple[np.ndarray, np.ndarray]:
    values, half = (np.asarray(each, dtype=float) for each in given)
    if values.shape != (n,) or half.shape != (n,):
        raise InputError(
            f"{kind} images of {name!r} have {values.size} values and {half.size} intervals for "
            f"{n} rows: give one a row."
        )
    return values, half


def _limits(
    drawn: Sequence[tuple[np.ndarray, np.ndarray]], log: bool
) -> tuple[tuple[float, float], bool]:
    """Return the ends of the common scale, and whether it is logarithmic."""
    values = np.concatenate([values for values, _ in drawn])
    ends = np.concatenate([v + s * np.nan_to_num(h) for v, h in drawn for s in (-1, 1)])
    values, ends = values[np.isfinite(values)], ends[np.isfinite(ends)]
    if not len(values):
        raise InputError("a figure of errors needs at least one finite value, got none.")
    if log and values.min() > 0 and values.max() >= 10 * values.min():
        low = max(values.min() / 3, ends[ends > 0].min())
        return (low / 1.25, ends.max() * 1.25), True
    pad = 0.05 * (np.ptp(ends) or 1.0)
    return (ends.min() - pad, ends.max() + pad), False


def _draw(
    axes: Axes, values: np.ndarray, half: np.ndarray, kind: str, down: float, low: float
) -> None:
    marker, colour = KINDS[kind]
    at = np.arange(len(values)) + down
    left = np.maximum(values - half, low)
    axes.hlines(at, left, values + half, color=colour, lw=1.0, gid="interval")
    axes.scatter(
        values, at, s=11, marker=marker, facecolor=colour, edgecolor="white", linewidth=0.3,
        zorder=3, clip_on=False, gid="values",
    )  # fmt: skip


def _legend(axes: Axes, kinds: Sequence[str]) -> None:
    handles = [
        Line2D([], [], ls="", marker=marker, ms=4, mec="white", mew=0.3, mfc=colour, color=INK)
        for marker, colour in map(KINDS.__getitem__, kinds)
    ]
    axes.legend(
        handles, kinds, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0,
        handletextpad=0.2,
    )  # fmt: skip
