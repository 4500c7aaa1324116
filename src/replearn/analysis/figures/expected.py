"""Latents of excluded combinations where they are, and where they were expected."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.figures.style import COLOURS, crop, inch_axes, new_figure, styled
from replearn.errors import InputError

EXPECTED, ACTUAL, TRAINING = COLOURS[0], COLOURS[1], "0.72"
_SIDE = 2.6  # inches
_MOST_SHOWN = 8
_MOST_POINTS = 1500


@styled()
def expected_latents(
    training: ArrayLike,
    actual: ArrayLike,
    expected: ArrayLike,
    groups: ArrayLike,
    covariance: ArrayLike,
    axis_labels: tuple[str, str] = ("", ""),
    names: Sequence[str] | None = None,
    factors: str = "",
    title: str = "",
) -> Figure:
    """Return a scatter of two latents: training images, and excluded ones against expectation.

    Each excluded combination has an ellipse where its latents are expected (two standard deviations
    of what training images differ from their expectation, 86 % of a normal distribution) and an
    arrow from there to the mean of where they are. It has a number, and a line beside the scatter.

    Args:
        training: (N, 2) latents of training images.
        actual: (n, 2) latents of images of excluded combinations.
        expected: (n, 2) where they are expected; rows with NaN are left out.
        groups: (n,) or (n, M) which combination each is of. Of more than 8, as many are shown,
            evenly spread in their order.
        covariance: (2, 2) of the residuals of training images.
        axis_labels: the latents, and what they respond to.
        names: (n,) what the combination of each image is called, such as "square, 0.5".
        factors: what these are values of, such as "shape, x".

    Raises:
        InputError: if the shapes do not fit, or no image has an expected latent.
    """
    cloud, z, wanted = (np.asarray(a, dtype=float) for a in (training, actual, expected))
    spread = np.asarray(covariance, dtype=float)
    if z.shape != wanted.shape or z.shape[1:] != (2,) or cloud.shape[1:] != (2,):
        raise InputError(
            f"expected points in the plane, as many actual as expected ones, got {cloud.shape}, "
            f"{z.shape} and {wanted.shape}."
        )
    if names is not None and len(names) != len(z):
        raise InputError(f"{len(z)} images need as many names, not {len(names)}.")
    there = ~np.isnan(wanted).any(axis=1)
    if not there.any():
        raise InputError("no image has an expected latent: a value was never trained on.")
    keys = np.asarray(groups).reshape(len(z), -1)[there]
    z, wanted = z[there], wanted[there]
    kinds, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    shown = np.unique(np.linspace(0, len(kinds) - 1, min(len(kinds), _MOST_SHOWN)).round())
    figure = new_figure()
    axes = inch_axes(figure, 0, 0, _SIDE, _SIDE)
    _points(axes, cloud, TRAINING, "training", 1, 0.5)
    called = np.flatnonzero(there)[first]  # an image of each combination
    lines = []
    for number, i in enumerate(shown.astype(int), start=1):
        own = group == i
        centre, mean = wanted[own].mean(axis=0), z[own].mean(axis=0)
        axes.add_patch(_ellipse(centre, spread))
        axes.annotate(
            "", mean, centre, zorder=5, gid="arrow", annotation_clip=False,
            arrowprops={"arrowstyle": "-|>", "color": "0.15", "lw": 0.7, "shrinkA": 0,
                        "shrinkB": 0, "mutation_scale": 6},
        )  # fmt: skip
        top = (centre[0], centre[1] + 2 * np.sqrt(spread[1, 1]))
        axes.annotate(
            str(number), top, (0, 1), textcoords="offset points", ha="center", va="bottom",
            size=6.5, color=EXPECTED, weight="bold", zorder=6, gid="number",
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )  # fmt: skip
        lines.append(f"{number}   {names[int(called[i])]}" if names is not None else "")
    _points(axes, z[np.isin(group, shown)], ACTUAL, "actual", 3, 0.7)
    axes.set(xlabel=axis_labels[0], ylabel=axis_labels[1], title=title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes, len(shown), len(kinds))
    if names is not None:
        axes.annotate(
            "\n".join([factors, *lines]), (1.06, 0), xycoords="axes fraction", ha="left",
            va="bottom", size=6.5, linespacing=1.5, annotation_clip=False, gid="names",
        )  # fmt: skip
    return crop(figure)


def _points(axes: Axes, z: NDArray, colour: str, name: str, order: int, alpha: float) -> None:
    few = z[np.linspace(0, len(z) - 1, min(len(z), _MOST_POINTS)).astype(int)] if len(z) else z
    axes.scatter(*few.T, s=4, c=colour, lw=0, alpha=alpha, zorder=order, gid=name)


def _ellipse(centre: NDArray, covariance: NDArray) -> Ellipse:
    """Return the line at two standard deviations around a centre."""
    values, vectors = np.linalg.eigh(covariance)
    width, height = 4 * np.sqrt(np.maximum(values, 0))
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
    return Ellipse(
        (float(centre[0]), float(centre[1])), float(width), float(height), angle=float(angle),
        fill=False, ec=EXPECTED, lw=0.8, zorder=4, gid="expected",
    )  # fmt: skip


def _legend(axes: Axes, shown: int, there: int) -> None:
    which = f"{shown} of {there}" if shown < there else f"{there}"
    handles: Sequence = [
        Line2D([], [], ls="", marker="o", ms=3, mew=0, mfc=TRAINING),
        Patch(fill=False, ec=EXPECTED, lw=0.8),
        Line2D([], [], ls="", marker="o", ms=3, mew=0, mfc=ACTUAL),
        Line2D([], [], ls="", marker=r"$\rightarrow$", ms=7, mew=0, mfc="0.15"),
    ]
    names = [
        "training images",
        f"where {which} excluded\ncombinations are expected (2 s.d.)",
        "where their images are",
        "from expected to mean",
    ]
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0)
