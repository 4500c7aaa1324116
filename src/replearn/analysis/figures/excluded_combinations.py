"""Errors of combinations of two factors, the excluded ones framed, with examples of these."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.figures.images import _draw_rows, _pictures
from replearn.analysis.figures.style import (
    COLOURS,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    overhang,
    styled,
)
from replearn.errors import InputError

FRAME = COLOURS[1]
_WIDEST, _TALLEST, _LOWEST_CELL, _LARGEST_CELL = TEXT_WIDTH - 1.9, 2.4, 0.2, 0.34
_GAP = 0.15  # inches from the examples to the map
_MOST_TICKS = 12
# From which ratio of the largest to the smallest error a step of colour is a factor.
_WIDE_RANGE = 10


@styled()
def excluded_combinations(
    errors: ArrayLike,
    excluded: ArrayLike,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    measure: str,
    examples: Mapping[str, ArrayLike] | None = None,
    example_names: Sequence[str] | None = None,
) -> Figure:
    """Return a heat map of errors over two factors, and examples of excluded combinations below.

    Args:
        errors: (R, C) of each combination; NaN is one without images, grey.
        excluded: (R, C) which ones were excluded from training: they are framed.
        rows, columns: the factor's name and the names of its R or C values; an empty name is no
            factor.
        measure: what the errors are, with the unit: the title.
        examples: rows of pictures by name, such as images and reconstructions, (K, 1 or 3, H, W).
        example_names: what the K examples are, below them.

    Raises:
        InputError: if shapes and names do not fit, or no combination has an error.
    """
    values, mask = np.asarray(errors, dtype=float), np.asarray(excluded, dtype=bool)
    shape = (len(rows[1]), len(columns[1]))
    if values.shape != shape or mask.shape != shape:
        raise InputError(
            f"a map of {shape[0]} x {shape[1]} values needs errors and a mask of that shape, not "
            f"{values.shape} and {mask.shape}."
        )
    if not np.isfinite(values).any():
        raise InputError("no combination has an error; measure at least one.")
    figure, bottom, across = new_figure(), 0.0, _WIDEST
    if examples:
        pictures = [_pictures(row) for row in examples.values()]
        below, _, _ = _draw_rows(figure, pictures, list(examples), example_names, "")
        place = below.get_window_extent()
        bottom, across = place.height / figure.dpi + _GAP, place.width / figure.dpi
    width = min(_LARGEST_CELL * shape[1], _WIDEST)
    cell = np.clip(min(width / shape[1], _TALLEST / shape[0]), _LOWEST_CELL, _LARGEST_CELL)
    axes = inch_axes(figure, max(0.0, (min(across, _WIDEST) - width) / 2), 0, width,
                     min(cell * shape[0], _TALLEST))  # fmt: skip
    norm = _scale(values)
    colours = colormaps["viridis"].with_extremes(bad="0.82")
    axes.pcolormesh(
        np.ma.masked_invalid(values), norm=norm, cmap=colours, edgecolors="face", lw=0.2
    )
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=2)
    _ticks(axes, rows, columns)
    axes.set_title(measure, loc="left", pad=14 if mask.any() or np.isnan(values).any() else 4)
    frame_cells(axes, mask)
    _legend(axes, mask, values)
    # The map stands above the examples, whatever its labels need.
    raised = bottom + overhang(figure, axes)[1] if examples else 0.0
    place, (wide, high) = axes.get_position(), figure.get_size_inches()
    axes.set_position((place.x0, raised / high, place.width, place.height))
    bar = inch_axes(figure, place.x1 * wide + 0.12, raised, 0.1, place.height * high)
    figure.colorbar(ScalarMappable(norm, colours), cax=bar).outline.set_visible(False)
    bar.set_gid("colour bar")
    return crop(figure)


def _scale(values: NDArray) -> Normalize:
    """Return colours from the smallest to the largest value, by factors if they differ widely."""
    there = values[np.isfinite(values)]
    low, high = float(there.min()), float(there.max())
    if low > 0 and high / low > _WIDE_RANGE:
        return LogNorm(low, high)
    return Normalize(min(low, 0.0) if low < 0 else 0.0, high if high > 0 else 1.0)


def _ticks(axes: Axes, rows: tuple[str, Sequence[str]], columns: tuple[str, Sequence[str]]) -> None:
    across, down = (
        range(0, len(names), -(-len(names) // _MOST_TICKS)) for _, names in (columns, rows)
    )
    axes.set_xticks([i + 0.5 for i in across], [columns[1][i] for i in across])
    axes.set_yticks([i + 0.5 for i in down], [rows[1][i] for i in down])
    axes.set_xlabel(columns[0])
    axes.set_ylabel(rows[0])
    if any(len(columns[1][i]) > 5 for i in across):
        axes.tick_params(axis="x", rotation=90)


def frame_cells(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """Draw a line around the excluded combinations."""
    padded = np.pad(mask, 1)
    for axis in (0, 1):
        edges = np.argwhere(np.diff(padded.astype(int), axis=axis) != 0)
        for row, column in edges:
            # Between two cells in this direction: the line runs along the other.
            y = (row, row) if axis == 0 else (row - 1, row)
            x = (column - 1, column) if axis == 0 else (column, column)
            axes.plot(x, y, color=FRAME, lw=1.4, solid_capstyle="projecting", clip_on=False,
                      gid="frame")  # fmt: skip
    axes.set_xlim(0, mask.shape[1])
    axes.set_ylim(mask.shape[0], 0)


def _legend(axes: Axes, mask: NDArray[np.bool_], values: NDArray) -> None:
    handles, names = [], []
    if mask.any():
        handles.append(Line2D([], [], color=FRAME, lw=1.4))
        names.append("excluded from training")
    if np.isnan(values).any():
        handles.append(Line2D([], [], color="0.82", lw=5))
        names.append("no image")
    if handles:
        axes.legend(
            handles, names, loc="lower left", ncols=2, bbox_to_anchor=(0, 1.0), borderaxespad=0.3,
            handlelength=1.4, borderpad=0,
        )  # fmt: skip
