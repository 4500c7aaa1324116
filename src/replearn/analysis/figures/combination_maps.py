"""Errors over two factors of several models side by side, with the excluded ones framed."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from replearn.analysis.figures.excluded_combinations import frame_cells
from replearn.analysis.figures.style import (
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

_NARROWEST, _LARGEST_CELL, _BETWEEN = 1.1, 0.24, 0.14  # inches
_MOST_NAMED = 8


@styled()
def combination_maps(
    errors: Sequence[ArrayLike],
    titles: Sequence[str],
    excluded: ArrayLike,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    measure: str,
) -> Figure:
    """Return maps of errors on one scale, logarithmic if all are above 0 and differ tenfold.

    Args:
        errors: P matrices (R, C), such as means over seeds of P models; NaN has no images, grey.
        titles: P texts.
        excluded: (R, C) mask of what was excluded from training, framed in all maps.
        rows, columns: the factor's name, and those of its R or C values.
        measure: what the errors are, with the unit.

    Raises:
        InputError: if there are not as many titles, shapes do not fit, or nothing is finite.
    """
    arrays, mask = [np.asarray(each, dtype=float) for each in errors], np.asarray(excluded, bool)
    shape = (len(rows[1]), len(columns[1]))
    if not arrays or len(titles) != len(arrays) or {a.shape for a in [*arrays, mask]} != {shape}:
        raise InputError(
            f"maps of {shape[0]} x {shape[1]} values need errors and a mask of that shape and a "
            f"title each, got {[a.shape for a in arrays]}, {mask.shape} and {len(titles)} titles."
        )
    norm = _scale(arrays)
    colours = colormaps["viridis"].with_extremes(bad="0.82")
    room = TEXT_WIDTH - 1.4
    line = max(1, min(len(arrays), int(room // (_NARROWEST + _BETWEEN)), room // (shape[1] * 0.03)))
    line = int(line)
    width = min(room / line - _BETWEEN, _LARGEST_CELL * shape[1])
    height = min(_LARGEST_CELL * shape[0], 1.6)
    figure = new_figure()
    for p, array in enumerate(arrays):
        last = p + line >= len(arrays)
        place = (p % line * (width + _BETWEEN), -(p // line) * (height + 0.32), width, height)
        axes = inch_axes(figure, *place)
        masked = np.ma.masked_invalid(array)
        axes.pcolormesh(masked, norm=norm, cmap=colours, edgecolors="face", lw=0.2)
        frame_cells(axes, mask)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=2)
        _name(axes, rows, columns, p % line == 0, last)
        if last:
            thin(figure, axes)
        title = axes.set_title("", size=6.5)
        title.set_text("\n".join(wrap(title, titles[p], (width + _BETWEEN / 2) * figure.dpi)))
    bar = inch_axes(figure, line * (width + _BETWEEN), height - max(height, 0.6), 0.08,
                    max(height, 0.6))  # fmt: skip
    figure.colorbar(ScalarMappable(norm, colours), cax=bar).outline.set_visible(False)
    bar.set_gid("colour bar")
    words = f"Colour: {measure}."
    words += " Framed: excluded from training." if mask.any() else ""
    words += " Grey: no images." if any(np.isnan(a).any() for a in arrays) else ""
    figure.axes[(len(arrays) - 1) // line * line].annotate(
        words, (0, 0), xytext=(0, -32), xycoords="axes fraction", textcoords="offset points",
        va="top", size=5.5, color=FAINT, annotation_clip=False,
    )  # fmt: skip
    return crop(figure)


def _scale(arrays: Sequence[np.ndarray]) -> Normalize:
    there = np.concatenate([array[np.isfinite(array)] for array in arrays])
    if not len(there):
        raise InputError("no combination has an error; measure at least one.")
    low, high = float(there.min()), float(there.max())
    if low > 0 and high > 10 * low:
        return LogNorm(low, high)
    return Normalize(min(low, 0.0), high if high > low else low + 1.0)


def _name(
    axes: Axes,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    first: bool,
    last: bool,
) -> None:
    down, across = (
        range(len(rows[1])),
        range(0, len(columns[1]), -(-len(columns[1]) // _MOST_NAMED)),
    )
    if len(down) > _MOST_NAMED:
        down = range(0, len(rows[1]), -(-len(rows[1]) // _MOST_NAMED))
    axes.set_yticks([i + 0.5 for i in down], [rows[1][i] if first else "" for i in down])
    axes.set_xticks([i + 0.5 for i in across], [columns[1][i] if last else "" for i in across])
    axes.set_ylabel(rows[0] if first else "")
    axes.set_xlabel(columns[0] if last else "")
