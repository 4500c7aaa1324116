"""Two curves for each group of runs, one solid and one dashed, over layers or over steps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from replearn.analysis.figures.style import (
    COLOURS,
    INK,
    crop,
    inch_axes,
    new_figure,
    styled,
    tick_steps,
)
from replearn.analysis.statistics import MIN_SEEDS, student_band
from replearn.errors import InputError

_MARKERS = ("o", "s", "^", "D", "v")


@styled()
def paired_curves(
    solid: Mapping[str, ArrayLike],
    dashed: Mapping[str, ArrayLike],
    positions: Sequence[str] | Sequence[float],
    kinds: tuple[str, str],
    x_title: str,
    y_title: str,
    title: str = "",
    highest: float | None = None,
) -> Figure:
    """Return the means over runs of groups, with their 95 % Student-t bands from 3 runs on.

    The axis begins at 0, or at the lowest mean; bands may reach below, as no value does. A group
    has one colour and marker. A value that is not finite is in no mean; where all of a
    position are, there is a gap.

    Args:
        solid: group -> (R, S) values of R runs at S positions.
        dashed: the same of another kind, of some of the groups or of none.
        positions: S names, such as layers, evenly spaced; or numbers, such as steps, on an axis
            that is linear up to 1 and logarithmic above.
        kinds: what solid and dashed lines are.
        x_title, y_title: the words at the axes.
        highest: the largest possible value: where the axis ends.

    Raises:
        InputError: if there are no groups, or values do not fit the positions.
    """
    if not solid:
        raise InputError("a figure of groups of runs needs at least one group, got none.")
    figure = new_figure()
    named = isinstance(positions[0], str)
    place = np.arange(len(positions)) if named else np.asarray(positions, dtype=float)
    axes = inch_axes(figure, 0, 0, max(3.2, 0.22 * len(place)) if named else 3.2, 2.0)
    groups = list(solid)
    for curves, style in ((solid, "-"), (dashed, "--")):
        for group, given in curves.items():
            values = np.atleast_2d(np.asarray(given, dtype=float))
            if values.shape[1:] != place.shape:
                raise InputError(
                    f"the values of {group!r} have shape {values.shape}: expected (runs, "
                    f"{len(place)}), one for each position."
                )
            i = groups.index(group)
            mean, half_width, n = student_band(np.where(np.isfinite(values), values, np.nan))
            axes.plot(
                place, mean, color=COLOURS[i % len(COLOURS)], ls=style, ms=2.5, lw=1.0,
                marker=_MARKERS[i // len(COLOURS) % len(_MARKERS)] if named else "", gid="mean",
                label=f"{group} (n = {len(values)})" if style == "-" else None,
            )  # fmt: skip
            if (n >= MIN_SEEDS).any():
                axes.fill_between(
                    place, mean - half_width, mean + half_width, lw=0, gid="band",
                    color=COLOURS[i % len(COLOURS)], alpha=0.2 if style == "-" else 0.1,
                )  # fmt: skip
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    means = np.concatenate([line.get_ydata() for line in axes.get_lines()])
    bottom = min(0.0, np.nanmin(means, initial=0.0))
    axes.set_ylim(bottom, None if highest is None else highest + 0.02 * (highest - bottom))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    if named:
        axes.set_xticks(place, [str(name) for name in positions], rotation=90)
    else:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(0)
        tick_steps(figure, axes, place)
    handles, _ = axes.get_legend_handles_labels()
    if dashed:
        styles = zip(("-", "--"), kinds, strict=True)
        handles += [
            Line2D([], [], color=INK, ls=style, lw=1.0, label=kind) for style, kind in styles
        ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0)
    axes.set_title(title)
    return crop(figure)
