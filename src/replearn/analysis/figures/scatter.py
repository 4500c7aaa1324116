"""Points in the plane, told apart by colour and marker, with legends beside them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from replearn.analysis.figures.style import (
    COLOURS,
    FAINT,
    INK,
    crop,
    inch_axes,
    new_figure,
    styled,
)
from replearn.errors import InputError

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_SIDE, _SHORTEST = 2.9, 1.6  # inches
_LEGEND_LINES = 20


@styled()
def scatter(
    points: ArrayLike,
    colours: Sequence[Any],
    markers: Sequence[Any] | None = None,
    colour_title: str = "",
    marker_title: str = "",
    axis_labels: tuple[str, str] = ("", ""),
    tracks: Sequence[Sequence[int]] = (),
    scale: bool = True,
    title: str = "",
) -> Figure:
    """Return a figure of points, one unit as long in both directions.

    Args:
        points: (M, 2).
        colours: M values. Numbers get colours that are ordered as they are; words get the
            colours of `category_colours`.
        markers: M values, of at most 10 kinds; None: circles.
        colour_title, marker_title: what the values are, above their legends.
        axis_labels: what the two axes are, with the unit.
        tracks: lists of points that thin lines connect, such as one network over training.
        scale: whether the axes have numbers.

    Raises:
        InputError: if the numbers of points, colours and markers differ, or there are more kinds
            of markers than can be told apart.
    """
    places = np.asarray(points, dtype=float)
    shapes = [""] * len(colours) if markers is None else list(markers)
    if places.shape != (len(colours), 2) or len(shapes) != len(places):
        raise InputError(
            f"{len(colours)} colours and {len(shapes)} markers are of as many points in the plane, "
            f"not of {places.shape}."
        )
    kinds = in_order(shapes)
    if len(kinds) > len(MARKERS):
        raise InputError(
            f"{len(MARKERS)} kinds of markers can be told apart, got {len(kinds)} of "
            f"{marker_title or 'them'}; ask for fewer, or for another marker."
        )
    palette = category_colours(colours)
    figure = new_figure()
    spans = np.ptp(places, axis=0) if len(places) else np.zeros(2)
    width, height = np.maximum(_SIDE * spans / (spans.max() or 1.0), _SHORTEST)
    axes = inch_axes(figure, 0, 0, width, height)
    for track in tracks:
        axes.plot(*places[list(track)].T, color=FAINT, lw=0.4, alpha=0.3, zorder=1, gid="track")
    for kind, marker in zip(kinds, MARKERS, strict=False):
        chosen = [i for i, shape in enumerate(shapes) if shape == kind]
        axes.scatter(
            *places[chosen].T, c=[palette[colours[i]] for i in chosen], marker=marker, s=20,
            linewidths=0.4, edgecolors="white", zorder=2, gid=f"points {kind}".strip(),
        )  # fmt: skip
    axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1], title=title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    axes.spines[["top", "right"]].set_visible(False)
    if not scale:
        axes.set(xticks=[], yticks=[])
    right = 1.02
    if len(palette) > 1:
        dots = [(str(value), "o", colour) for value, colour in palette.items()]
        right = _legend(figure, axes, dots, colour_title, right)
    if len(kinds) > 1:
        dots = [(str(kind), marker, INK) for kind, marker in zip(kinds, MARKERS, strict=False)]
        _legend(figure, axes, dots, marker_title, right)
    return crop(figure)


def category_colours(values: Sequence[Any]) -> dict[Any, Any]:
    """Return value -> colour: ordered ones of numbers, distinct ones of up to 7 words.

    More than 7 words have ordered colours, in the order in which they come.
    """
    kinds = in_order(values)
    numbers = all(isinstance(k, int | float) and not isinstance(k, bool) for k in kinds)
    if len(kinds) <= len(COLOURS) and not (numbers and len(kinds) > 2):
        return dict(zip(kinds, COLOURS, strict=False))
    # The last tenth of viridis is too pale for a dot on white.
    return dict(zip(kinds, colormaps["viridis"](np.linspace(0, 0.9, len(kinds))), strict=True))


def in_order(values: Sequence[Any]) -> list[Any]:
    """Return the distinct values: sorted if all are numbers, else as they come."""
    kinds = list(dict.fromkeys(values))
    if all(isinstance(kind, int | float) for kind in kinds):
        return sorted(kinds)
    return kinds


def _legend(
    figure: Figure, axes: Axes, dots: Sequence[tuple[str, str, Any]], title: str, right: float
) -> float:
    """Draw a legend at the right of the axes; return where the next one can begin."""
    handles = [
        Line2D([], [], ls="", marker=marker, ms=4.5, mec="white", mew=0.4, mfc=colour)
        for _, marker, colour in dots
    ]
    legend = Legend(
        axes, handles, [label for label, _, _ in dots], title=title, title_fontsize=6.5,
        alignment="left", loc="upper left", bbox_to_anchor=(right, 1.02),
        bbox_transform=axes.transAxes, borderaxespad=0, handletextpad=0.2, columnspacing=0.8,
        ncols=-(-len(handles) // _LEGEND_LINES),
    )  # fmt: skip
    axes.add_artist(legend).set_clip_on(False)
    figure.draw_without_rendering()
    return legend.get_window_extent().transformed(axes.transAxes.inverted()).x1 + 0.02
