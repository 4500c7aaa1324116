"""A tree of representations, with a name at each leaf."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from replearn.analysis.figures.scatter import category_colours
from replearn.analysis.figures.style import INK, crop, inch_axes, new_figure, styled
from replearn.errors import InputError

MOST_LEAVES = 150
_LEAF = 0.105  # inches


@styled()
def dendrogram(
    tree: ArrayLike,
    leaves: Sequence[str],
    colours: Sequence[Any] | None = None,
    colour_title: str = "",
    axis_label: str = "",
    title: str = "",
) -> Figure:
    """Return a figure of a tree that lies on its side: leaves at the right, the root at the left.

    Args:
        tree: (M - 1, 4), as `replearn.analysis.clustering.cluster` makes it.
        leaves: M names.
        colours: M values that the names are coloured by; None: black.
        colour_title: what the values are.
        axis_label: in what branches are measured, with the unit.

    Raises:
        InputError: if there are not as many names and colours as leaves, or more than 150 leaves,
            which no page shows.
    """
    from scipy.cluster.hierarchy import dendrogram as layout

    joins = np.asarray(tree, dtype=float)
    count = len(joins) + 1
    shades = [""] * count if colours is None else list(colours)
    if len(leaves) != count or len(shades) != count:
        raise InputError(
            f"a tree of {count} leaves needs as many names and colours, not {len(leaves)} and "
            f"{len(shades)}."
        )
    if count > MOST_LEAVES:
        raise InputError(
            f"a page shows {MOST_LEAVES} leaves, and there would be {count}; ask for fewer runs, "
            f"layers or steps."
        )
    placed = layout(joins, no_plot=True)
    figure = new_figure()
    axes = inch_axes(figure, 0, 0, 2.6, max(0.8, _LEAF * count))
    # scipy puts leaf k at 10 k + 5.
    lines = [
        np.column_stack([far, np.array(across) / 10 - 0.5])
        for across, far in zip(placed["icoord"], placed["dcoord"], strict=True)
    ]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.7, gid="branches"))
    top = float(joins[:, 2].max()) or 1.0
    axes.set(xlim=(1.02 * top, 0), ylim=(count - 0.4, -0.6), xlabel=axis_label, title=title)
    order = placed["leaves"]
    axes.set_yticks(range(count), [str(leaves[i]) for i in order], size=6.5)
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=0, pad=2)
    axes.spines[["left", "right", "top"]].set_visible(False)
    if colours is not None:
        palette = category_colours(shades)
        for tick, i in zip(axes.yaxis.get_ticklabels(), order, strict=True):
            tick.set_color(palette[shades[i]])
        if len(palette) > 1:
            handles = [
                Line2D([], [], ls="", marker="s", ms=4, color=colour, label=str(value))
                for value, colour in palette.items()
            ]
            axes.legend(
                handles=handles, title=colour_title, title_fontsize=6.5, alignment="left",
                loc="upper right", bbox_to_anchor=(-0.03, 1.0), borderaxespad=0, handletextpad=0.2,
            )  # fmt: skip
    return crop(figure)
