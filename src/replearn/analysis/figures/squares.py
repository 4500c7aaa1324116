"""Hinton diagrams: squares whose area is the size of a number."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from replearn.analysis.figures.images import latent_names
from replearn.analysis.figures.style import (
    FAINT,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    overhang,
    styled,
)
from replearn.errors import InputError

# The largest square leaves a margin, so that neighbours stay apart.
_LARGEST_SIDE = 0.92
# Rows of a diagram; of more latents the dead ones are left out, and then the least important.
MOST_ROWS = 16
_GROUND, _DEAD_GROUND, _POSITIVE = "0.90", "0.97", "0.12"


@styled()
def hinton(
    importance: ArrayLike,
    factor_names: Sequence[str],
    latent_labels: Sequence[str] | None = None,
    dead: ArrayLike | None = None,
    title: str = "",
    largest: float | None = None,
) -> Figure:
    """Return a Hinton diagram: latents are rows, factors columns, area is |importance|.

    Dark squares are positive, white ones negative. A dead latent has a pale row and a grey label;
    of more than 16 latents no dead ones and the 16 most important are shown, and it is said beside.

    Args:
        importance: (D, K), any unit.
        factor_names: K texts.
        latent_labels: D texts; z₀, z₁ … by default.
        dead: (D,) mask of the latents that the scores leave out.
        largest: the value of the largest square possible; the largest magnitude by default.

    Raises:
        InputError: if a shape does not fit, or a value is not finite.

    Source:
        Hinton & Shallice (1991), Psychological Review 98(1); used for this by Eastwood & Williams
        (2018), "A framework for the quantitative evaluation of disentangled representations".
    """
    labels = None if latent_labels is None else [latent_labels]
    masks = None if dead is None else [np.asarray(dead, dtype=bool)]
    return hinton_panel([importance], [title], factor_names, labels, masks, largest=largest)


@styled()
def hinton_panel(
    matrices: Sequence[ArrayLike],
    titles: Sequence[str],
    factor_names: Sequence[str],
    latent_labels: Sequence[Sequence[str]] | None = None,
    dead: Sequence[ArrayLike] | None = None,
    columns: int | None = None,
    largest: float | None = None,
) -> Figure:
    """Return Hinton diagrams of several models side by side, on one scale.

    Args:
        matrices: M matrices (D_m, K) of importance.
        titles: M texts.
        latent_labels, dead: one entry per matrix, as in `hinton`.
        columns: diagrams per line; what the text of a paper holds, evenly, by default.

    Raises:
        InputError: as `hinton`, or if there are no matrices or not as many titles.
    """
    arrays = [np.asarray(matrix, dtype=float) for matrix in matrices]
    if not arrays or len(titles) != len(arrays):
        raise InputError(f"{len(arrays)} matrices need as many titles, not {len(titles)}.")
    names = list(map(list, latent_labels or [latent_names(len(array)) for array in arrays]))
    masks = dead if dead is not None else [np.zeros(len(array), dtype=bool) for array in arrays]
    for array, labels, mask in zip(arrays, names, masks, strict=True):
        _check(array, labels, mask, factor_names)
    rows = [_shown(array, np.asarray(mask)) for array, mask in zip(arrays, masks, strict=True)]
    missing = [_missing(np.asarray(mask), own) for mask, own in zip(masks, rows, strict=True)]
    names = [[labels[i] for i in own] for labels, own in zip(names, rows, strict=True)]
    arrays = [array[own] for array, own in zip(arrays, rows, strict=True)]
    masks = [np.asarray(mask)[own] for mask, own in zip(masks, rows, strict=True)]
    most = max(float(np.abs(array).max()) for array in arrays)
    full = most if largest is None else float(largest)
    if most > full:
        raise InputError(f"the largest importance is {most:.3g}, above the scale's {full:.3g}.")
    cell = 0.2
    wide = cell * len(factor_names)
    figure = new_figure()
    first = _draw(
        figure, (0, 0, cell), arrays[0], titles[0], factor_names, names[0], masks[0], full
    )
    # Room for the widest line and the tallest title, whichever diagrams have them.
    lines = [title.split("\n") for title in titles]
    widest = max((line for own in lines for line in own), key=len)
    first.set_title("\n".join([widest] * max(map(len, lines))))
    left, _, right, top = overhang(figure, first)
    first.set_title(titles[0])
    step = wide + left + right + 0.15
    n_lines = math.ceil(len(arrays) / max(1, int((TEXT_WIDTH + 0.15) // step)))
    per_line = columns or math.ceil(len(arrays) / n_lines)
    drop = cell * max(len(array) for array in arrays) + top + 0.14
    for m in range(1, len(arrays)):
        # Every diagram hangs from the top of its line, like the first.
        shorter = cell * (len(arrays[0]) - len(arrays[m]))
        place = (m % per_line * step, shorter - m // per_line * drop, cell)
        _draw(figure, place, arrays[m], titles[m], factor_names, names[m], masks[m], full)
    for axes in figure.axes[: max(0, len(arrays) - per_line)]:
        axes.tick_params(labelbottom=False)
    _legend(figure.axes[min(per_line, len(arrays)) - 1], full, arrays, masks, missing)
    return crop(figure)


def _shown(importance: np.ndarray, dead: np.ndarray) -> np.ndarray:
    """Return the rows to draw, in their order."""
    rows = np.arange(len(importance))
    if len(rows) <= MOST_ROWS:
        return rows
    alive = rows if dead.all() else rows[~dead]
    strength = np.abs(importance[alive]).sum(axis=1)
    return np.sort(alive[np.argsort(-strength, kind="stable")[:MOST_ROWS]])


def _missing(dead: np.ndarray, shown: np.ndarray) -> tuple[int, int]:
    """Return how many dead latents are not drawn, and how many others."""
    hidden = np.delete(dead.astype(bool), shown)
    return int(hidden.sum()), int((~hidden).sum())


def _check(array: np.ndarray, labels: Sequence[str], dead: ArrayLike, names: Sequence[str]) -> None:
    if array.ndim != 2 or array.shape[1] != len(names) or not array.size:
        raise InputError(
            f"importance is (latents, factors) with {len(names)} named factors, not {array.shape}."
        )
    if len(labels) != len(array) or np.shape(dead) != (len(array),):
        raise InputError(
            f"{len(array)} latents need as many labels and entries of the dead mask, not "
            f"{len(labels)} and {np.size(dead)}."
        )
    if not np.isfinite(array).all():
        raise InputError("the importance contains NaN or infinite values: nothing to draw.")


def _draw(
    figure: Figure,
    place: tuple[float, float, float],
    importance: np.ndarray,
    title: str,
    factor_names: Sequence[str],
    labels: Sequence[str],
    dead: ArrayLike,
    full: float,
) -> Axes:
    rows, columns = importance.shape
    left, bottom, cell = place
    axes = inch_axes(figure, left, bottom, columns * cell, rows * cell)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), facecolor=_GROUND)
    dead = np.asarray(dead, dtype=bool)
    for row in np.flatnonzero(dead):
        axes.axhspan(row - 0.5, row + 0.5, color=_DEAD_GROUND, lw=0, zorder=0.5, gid="dead")
    sides = _LARGEST_SIDE * np.sqrt(np.abs(importance) / (full or 1.0))
    for (row, column), side in np.ndenumerate(sides):
        positive = importance[row, column] >= 0
        axes.add_patch(
            Rectangle(
                (column - side / 2, row - side / 2), side, side, lw=0 if positive else 0.5,
                fc=_POSITIVE if positive else "white", ec=_POSITIVE, gid=f"{row},{column}",
            )
        )  # fmt: skip
    axes.set_xticks(range(columns), factor_names, rotation=90)
    axes.set_yticks(range(rows), labels)
    for tick, is_dead in zip(axes.yaxis.get_ticklabels(), dead, strict=True):
        if is_dead:
            tick.set_color("0.6")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    return axes


def _legend(
    axes: Axes,
    full: float,
    arrays: Sequence[np.ndarray],
    masks: Sequence[ArrayLike],
    missing: Sequence[tuple[int, int]],
) -> None:
    """Say beside the last diagram of the first line what its marks are worth, and what lacks."""
    words = [f"largest\nsquare: {full:.3g}"]
    words += ["white:\nnegative"] if any((array < 0).any() for array in arrays) else []
    words += ["pale row:\ndead latent"] if any(np.any(mask) for mask in masks) else []
    for counts, kind in zip(zip(*missing, strict=True), ("dead", "less important"), strict=True):
        if any(counts):
            low, high = min(counts), max(counts)
            n = f"{high}" if low == high else f"{low} to {high}"
            words.append(f"{n} {kind}\nlatent{'s' * (high > 1)} not shown")
    axes.annotate(
        "\n\n".join(words), (1, 1), xycoords="axes fraction", xytext=(5, 0), ha="left", va="top",
        textcoords="offset points", size=6, color=FAINT, annotation_clip=False, gid="scale",
    )  # fmt: skip
