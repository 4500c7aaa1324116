"""Scatter plots in rows: columns share what is across, and one legend names the groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replearn.analysis.figures.scatter import MARKERS, category_colours
from replearn.analysis.figures.style import (
    FAINT,
    INK,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    overhang,
    styled,
    wrap,
)
from replearn.errors import InputError

_LARGEST, _GAP = 1.5, 0.1  # inches


@dataclass(frozen=True)
class Cloud:
    """One scatter plot of M points.

    Args:
        title: above it.
        x, y: (M,) in the units that the figure names.
        groups: M names, such as models; each has a colour and a marker.
        filled: (M,) whether a point is filled or a ring; all are filled by default.
        note: a few words in a line below the title, such as a correlation.
    """

    title: str
    x: Sequence[float]
    y: Sequence[float]
    groups: Sequence[str]
    filled: Sequence[bool] | None = None
    note: str = ""


@styled()
def cloud_grid(
    rows: Sequence[Sequence[Cloud]],
    x_titles: Sequence[str],
    y_title: str,
    kinds: tuple[str, str] | None = None,
    log: bool = False,
    diagonal: bool = False,
) -> Figure:
    """Return scatter plots in rows; those of a column share the x axis, those of a row the y axis.

    Args:
        rows: of clouds; the last row may be shorter.
        x_titles: what is across, one for each column.
        y_title: what is up.
        kinds: what filled points and rings are, for the legend.
        log: whether both scales are logarithmic, where all values are above 0.
        diagonal: whether to draw the line of equal values, where the ranges meet.

    Raises:
        InputError: if there is nothing to draw, a cloud has not as many x, y and groups, or
            columns are without a title.
    """
    clouds = [cloud for row in rows for cloud in row]
    if not clouds or max(map(len, rows), default=0) != len(x_titles):
        raise InputError(
            f"a grid of clouds needs a cloud, and a title for each column: got {len(clouds)} "
            f"clouds and {len(x_titles)} titles."
        )
    for cloud in clouds:
        if not len(cloud.x) == len(cloud.y) == len(cloud.groups):
            raise InputError(
                f"the cloud {cloud.title!r} has {len(cloud.x)} x, {len(cloud.y)} y and "
                f"{len(cloud.groups)} groups: give one of each a point."
            )
    names = list(dict.fromkeys(name for cloud in clouds for name in cloud.groups))
    colours = category_colours(names)
    across = [_range([row[j].x for row in rows if j < len(row)], log) for j in range(len(x_titles))]
    up = [_range([cloud.y for cloud in row], log) for row in rows]
    figure = new_figure()
    side = min(_LARGEST, (TEXT_WIDTH - 1.1) / len(x_titles) - _GAP)
    drop, handles = 0.0, {}
    for i, row in enumerate(rows):
        for j, cloud in enumerate(row):
            axes = inch_axes(figure, j * (side + _GAP), -drop, side, side)
            (x_low, x_high, x_log), (y_low, y_high, y_log) = across[j], up[i]
            axes.set(xscale="log" if x_log else "linear", yscale="log" if y_log else "linear")
            axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high))
            shared = max(x_low, y_low), min(x_high, y_high)
            if diagonal and shared[0] < shared[1] and x_log == y_log:
                axes.plot(shared, shared, color=FAINT, lw=0.5, ls="--", zorder=0)
            filled = np.ones(len(cloud.x), bool) if cloud.filled is None else cloud.filled
            for k, name in enumerate(names):
                marker = MARKERS[k % len(MARKERS)]
                own = np.array([group == name for group in cloud.groups], dtype=bool)
                for chosen, face in ((own & filled, colours[name]), (own & ~np.asarray(filled),
                                     "white")):  # fmt: skip
                    axes.scatter(
                        np.asarray(cloud.x)[chosen], np.asarray(cloud.y)[chosen], s=15,
                        marker=marker, facecolors=[face], linewidths=0.7,
                        edgecolors=[colours[name]], gid=f"points {name}",
                    )  # fmt: skip
                handles[name] = Line2D(
                    [], [], ls="", marker=marker, ms=4, mfc=colours[name], mec=colours[name]
                )
            axes.spines[["top", "right"]].set_visible(False)
            title = axes.set_title("", size=6.5)
            lines = wrap(title, cloud.title, (side + _GAP) * figure.dpi) if cloud.title else []
            title.set_text("\n".join([*lines, *([cloud.note] if cloud.note else [])]))
            last = i + 1 == len(rows) or j >= len(rows[i + 1])
            axes.set_xlabel(x_titles[j] if last else "")
            axes.set_ylabel(y_title if j == 0 else "")
            axes.tick_params(labelleft=j == 0, labelbottom=last, which="both")
        if i + 1 < len(rows):
            # Room for the titles of the next row, which are as long as the longest.
            drop += side + 0.42 + 0.1 * max(c.title.count(" ") // 3 for c in rows[i + 1])
    if kinds is not None:
        for kind, face in zip(kinds, (INK, "white"), strict=True):
            handles[kind] = Line2D([], [], ls="", marker="o", ms=4, mfc=face, mec=INK)
    if len(handles) > 1:
        first = figure.axes[len(rows[0]) - 1]
        right = overhang(figure, first)[2]
        first.legend(
            list(handles.values()), list(handles), loc="upper left", borderaxespad=0,
            bbox_to_anchor=(1.03 + right / side, 1.02), handletextpad=0.2,
        )  # fmt: skip
    return crop(figure)


def _range(values: Sequence[Sequence[float]], log: bool) -> tuple[float, float, bool]:
    """Return the ends of an axis, and whether it is logarithmic."""
    found = np.concatenate([np.asarray(each, dtype=float) for each in values])
    found = found[np.isfinite(found)]
    if not len(found):
        return 0.0, 1.0, False
    low, high = float(found.min()), float(found.max())
    if log and low > 0:
        return low / 1.3, high * 1.3, True
    pad = 0.08 * ((high - low) or abs(high) or 1.0)
    return low - pad, high + pad, False
