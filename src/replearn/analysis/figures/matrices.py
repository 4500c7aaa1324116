"""Heat maps of similarity between layers, alone or several with one colour bar."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import ArrayLike

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

_LARGEST_CELL, _SMALLEST_CELL, _ANNOTATED_CELL = 0.34, 0.085, 0.25
_LONGEST_LABEL = 30
_BETWEEN = 0.12  # inches from map to map

Groups = Sequence[tuple[str, int]]


@styled()
def similarity_heatmap(
    matrix: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    measure: str = "similarity",
    limits: tuple[float, float] | None = None,
    row_groups: Groups = (),
    column_groups: Groups = (),
    title: str = "",
    row_title: str = "",
    column_title: str = "",
    annotate: bool | None = None,
) -> Figure:
    """Return a heat map of a matrix whose entries are values of `measure`.

    Args:
        matrix: (M, M'); NaN is a pair without a value, drawn grey.
        rows, columns: M and M' names of layers or runs; `columns` is `rows` by default.
        measure: the name at the colour bar.
        limits: the range of the measure; by default [0, 1] if the values lie in it, else
            symmetric about 0, or from 0. With a negative lower end the colours diverge from 0.
        row_groups, column_groups: (name, count) of consecutive entries, such as
            [("encoder", 6), ("decoder", 5)]: separated by lines and named.
        row_title, column_title: what the rows and columns are.
        annotate: write the values into the cells; by default where they are large enough.

    Raises:
        InputError: if names, groups and matrix do not fit, or the matrix has no finite value.
    """
    return heatmap_panel(
        [matrix], [title], rows, columns, measure, limits, row_groups, column_groups, row_title,
        column_title, annotate,
    )  # fmt: skip


@styled()
def heatmap_panel(
    matrices: Sequence[ArrayLike],
    titles: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    measure: str = "similarity",
    limits: tuple[float, float] | None = None,
    row_groups: Groups = (),
    column_groups: Groups = (),
    row_title: str = "",
    column_title: str = "",
    annotate: bool | None = None,
    per_line: int | None = None,
) -> Figure:
    """Return heat maps of matrices with the same rows and columns, with one colour bar.

    Args:
        matrices: P matrices (M, M'), such as the mean over pairs of runs and its step-0 baseline.
        titles: P texts.
        per_line: maps side by side; as many as stay readable by default.
        Others as in `similarity_heatmap`.

    Raises:
        InputError: as `similarity_heatmap`, or if there are no matrices or not as many titles.
    """
    columns = rows if columns is None else columns
    arrays = [np.asarray(matrix, dtype=float) for matrix in matrices]
    if not arrays or len(titles) != len(arrays):
        raise InputError(f"{len(arrays)} matrices need as many titles, not {len(titles)}.")
    for array in arrays:
        _check(array, rows, columns, row_groups, column_groups)
    norm, colours = _colours(arrays, limits)
    line, cell = _cells(len(arrays), len(columns), per_line)
    shown = cell >= _ANNOTATED_CELL if annotate is None else annotate
    figure = new_figure()
    axes: list[Axes] = []
    step, drop = 0.0, 0.0
    for p, array in enumerate(arrays):
        place = (p % line * step, -(p // line) * drop, len(columns) * cell, len(rows) * cell)
        one = inch_axes(figure, *place)
        one.pcolormesh(
            np.ma.masked_invalid(array), norm=norm, cmap=colours, edgecolors="face", linewidth=0.4
        )
        one.invert_yaxis()
        _label(one, rows, columns, cell, row_title if p % line == 0 else "", column_title)
        _separate(one, row_groups if (p + 1) % line == 0 or p + 1 == len(arrays) else (),
                  column_groups, row_groups)  # fmt: skip
        pad = 14 if column_groups else 4
        if p == 0:
            titles = _wrapped(one.title, titles, (place[2] + _BETWEEN / 3) * figure.dpi)
        one.set_title(titles[p], pad=pad)
        if shown:
            _write(one, array, norm, colours, cell)
        if p == 0:
            left, bottom, _, top = overhang(figure, one)
            step = place[2] + _BETWEEN
            drop = place[3] + bottom + top + _BETWEEN
        elif p % line:
            one.tick_params(labelleft=False)
        axes.append(one)
    _colour_bar(figure, axes[:line], norm, colours, arrays, measure)
    return crop(figure)


def _check(array: np.ndarray, rows: Sequence[str], columns: Sequence[str], *groups: Groups) -> None:
    if array.shape != (len(rows), len(columns)) or not array.size:
        raise InputError(
            f"a heat map with {len(rows)} row and {len(columns)} column names needs a matrix of "
            f"that shape, not {array.shape}."
        )
    for entries, count in zip(groups, array.shape, strict=True):
        total = sum(length for _, length in entries)
        if entries and total != count:
            raise InputError(f"groups of {total} entries do not cover the {count} of the heat map.")
    if not np.isfinite(array).any():
        raise InputError("a heat map needs at least one finite value, got none.")


def _colours(
    arrays: Sequence[np.ndarray], limits: tuple[float, float] | None
) -> tuple[Normalize, Colormap]:
    """Return the scale of colours: viridis, or orange to purple about 0 for signed values."""
    if limits is None:
        values = np.concatenate([array[np.isfinite(array)] for array in arrays])
        largest = float(np.abs(values).max()) or 1.0
        limits = (-largest, largest) if values.min() < 0 else (0.0, max(largest, 1.0))
    low, high = limits
    if not low < high:
        raise InputError(f"the range of a measure goes from low to high, not {low} to {high}.")
    colours: Colormap = colormaps["viridis"]
    if low < 0:
        # The part of the diverging map that keeps 0 white and both sides on one scale.
        largest = max(-low, high)
        part = np.linspace(0.5 + low / largest / 2, 0.5 + high / largest / 2, 256)
        colours = ListedColormap(colormaps["PuOr"](part))
    return Normalize(low, high), colours.with_extremes(bad="0.82")


def _cells(maps: int, columns: int, per_line: int | None) -> tuple[int, float]:
    """Return how many maps stand in a line, and the side of a cell in inches."""
    room = TEXT_WIDTH - 1.7
    line = per_line or min(maps, 4)
    while per_line is None and line > 1 and room / line / columns < _SMALLEST_CELL:
        line -= 1
    line = min(line, maps)
    return line, float(np.clip(room / line / columns, _SMALLEST_CELL, _LARGEST_CELL))


def _wrapped(text: Text, titles: Sequence[str], width: float) -> list[str]:
    """Break titles that are wider than `width` dots; all get the same number of lines."""
    lines = [wrap(text, title, width) for title in titles]
    most = max(map(len, lines))
    return ["\n".join([""] * (most - len(each)) + each) for each in lines]


def _label(
    axes: Axes, rows: Sequence[str], columns: Sequence[str], cell: float, *titles: str
) -> None:
    size = min(6.5, 0.82 * 72 * cell)
    axes.set_yticks(np.arange(len(rows)) + 0.5, _short(rows), size=size)
    axes.set_xticks(np.arange(len(columns)) + 0.5, _short(columns), size=size, rotation=90)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    height = len(rows) * cell * axes.figure.dpi
    axes.set_ylabel(_wrapped(axes.xaxis.label, titles[:1], height)[0])
    width = len(columns) * cell * axes.figure.dpi
    axes.set_xlabel(_wrapped(axes.xaxis.label, titles[1:], width)[0])


def _short(names: Sequence[str]) -> list[str]:
    """Leave the middle of long names out, if they stay distinct."""
    short = [
        n if len(n) <= _LONGEST_LABEL else f"{n[:9]}…{n[10 - _LONGEST_LABEL :]}" for n in names
    ]
    return short if len(set(short)) == len(set(names)) else list(names)


def _separate(axes: Axes, named_rows: Groups, columns: Groups, rows: Groups) -> None:
    """Draw lines between groups; name the columns' above the map and the rows' at its right."""
    for groups, draw in ((columns, axes.axvline), (rows, axes.axhline)):
        for end in np.cumsum([length for _, length in groups])[:-1]:
            draw(end, color="white", lw=1.2, gid="separator")
    style = {"size": 6, "color": FAINT, "annotation_clip": False, "textcoords": "offset points"}
    start = 0
    for name, length in columns:
        axes.annotate(name, (start + length / 2, 1), xycoords=("data", "axes fraction"),
                      xytext=(0, 2), ha="center", va="bottom", **style)  # fmt: skip
        start += length
    start = 0
    for name, length in named_rows:
        axes.annotate(name, (1, start + length / 2), xycoords=("axes fraction", "data"),
                      xytext=(2, 0), ha="left", va="center", rotation=-90, **style)  # fmt: skip
        start += length


def _write(axes: Axes, array: np.ndarray, norm: Normalize, colours: Colormap, cell: float) -> None:
    for (row, column), value in np.ndenumerate(array):
        if not np.isfinite(value):
            continue
        # Relative luminance (WCAG 2); white and near-black contrast equally with 0.18.
        dark = np.dot((0.2126, 0.7152, 0.0722), np.array(colours(norm(value))[:3]) ** 2.2) < 0.2
        axes.text(
            column + 0.5, row + 0.5, f"{value:z.2f}", ha="center", va="center_baseline",
            color="white" if dark else INK, size=min(6.0, 19 * cell), gid="value",
        )  # fmt: skip


def _colour_bar(
    figure: Figure,
    line: Sequence[Axes],
    norm: Normalize,
    colours: Colormap,
    arrays: Sequence[np.ndarray],
    measure: str,
) -> None:
    right = overhang(figure, line[-1])[2]
    width, height = figure.get_size_inches()
    place = line[-1].get_position(original=True)
    tall = max(place.height * height, 0.9)
    bar_axes = inch_axes(
        figure, place.x1 * width + right + 0.1, place.y1 * height - tall, 0.1, tall
    )
    values = np.concatenate([array[np.isfinite(array)] for array in arrays])
    below, above = values.min() < (norm.vmin or 0), values.max() > (norm.vmax or 0)
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    scale = ScalarMappable(norm, colours)
    bar = figure.colorbar(scale, cax=bar_axes, extend=extend, label=measure)
    bar.outline.set_visible(False)
    bar.ax.set_gid("colour bar")
    if any(np.isnan(array).any() for array in arrays):
        bar.ax.annotate(
            "grey:\nno value", (0, 0), xycoords="axes fraction", xytext=(0, -5), va="top",
            textcoords="offset points", size=5.5, color=FAINT, annotation_clip=False,
        )  # fmt: skip
