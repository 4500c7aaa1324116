"""How each latent is used: its posterior means and variances against the prior, and its KL."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike

from replearn.analysis.figures.images import QUIET_KL, latent_names
from replearn.analysis.figures.style import (
    COLOURS,
    FAINT,
    TEXT_WIDTH,
    crop,
    inch_axes,
    new_figure,
    styled,
)
from replearn.analysis.traversal import latent_kl, latent_order
from replearn.errors import InputError

# Odd, so that the prior's mean lies in the middle of a bin.
_BINS = 51


@styled()
def latent_distributions(
    mean: ArrayLike,
    logvar: ArrayLike,
    kl: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Return three panels over the latents, most used first: means, variances, KL.

    Each body is a histogram over images, mirrored, of width 1 at its mode. The prior N(0, 1)
    stands at the left for comparison: the means of a used latent spread like it and its variances
    are small; a latent that equals the prior for every image has means 0 and variances 1.

    Args:
        mean: (N, D) posterior means.
        logvar: (N, D) logarithms of the posterior variances.
        kl: (D,) nats per latent; computed from the two by default.
        labels: (D,) names; z₀, z₁ … by default.

    Raises:
        InputError: if the shapes do not fit, or a value is not finite.
    """
    mean, logvar = np.asarray(mean, dtype=float), np.asarray(logvar, dtype=float)
    strength = latent_kl(mean, logvar) if kl is None else np.asarray(kl, dtype=float)
    count = mean.shape[1]
    names = latent_names(count) if labels is None else list(labels)
    if strength.shape != (count,) or len(names) != count or logvar.shape != mean.shape:
        raise InputError(
            f"{count} latents need as many KL values and labels, not {strength.size} and "
            f"{len(names)}."
        )
    if not (np.isfinite(mean).all() and np.isfinite(logvar).all()):
        raise InputError("means or variances of latents are NaN or infinite: the model diverged.")
    order = latent_order(strength)
    figure = new_figure()
    width = min(TEXT_WIDTH - 0.6, 0.9 + 0.36 * count)
    upper = inch_axes(figure, 0, 1.72, width, 1.3)
    middle = inch_axes(figure, 0, 0.72, width, 0.9)
    lower = inch_axes(figure, 0, 0, width, 0.62)
    used = strength[order] >= QUIET_KL
    colours = [COLOURS[0] if one else "0.6" for one in used]
    _means(upper, mean[:, order], colours)
    _variances(middle, np.exp(logvar[:, order]), colours)
    lower.bar(range(count), strength[order], width=0.7, color=colours)
    lower.set_ylabel("KL (nats)")
    for axes in (upper, middle, lower):
        axes.set_xlim(-1.7, count - 0.4)
        axes.axvline(-0.5, color="0.8", lw=0.6)
        axes.set_xticks([])
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_label_coords(-0.38 / width, 0.5)
    turned = count > 20
    lower.set_xticks(
        [-1, *range(count)], ["prior", *(names[i] for i in order)], rotation=90 * turned
    )
    lower.tick_params(axis="x", length=0)
    for tick, one in zip(lower.xaxis.get_ticklabels()[1:], used, strict=True):
        tick.set_color(tick.get_color() if one else FAINT)
    upper.set_title(title)
    return crop(figure)


def _means(axes: Axes, mean: np.ndarray, colours: Sequence[str]) -> None:
    reach = max(3.2, 1.05 * float(np.abs(mean).max()))
    edges = np.linspace(-reach, reach, _BINS + 1)
    grid = np.linspace(-reach, reach, 200)
    axes.fill_betweenx(
        grid, -1 - 0.42 * np.exp(-(grid**2) / 2), -1 + 0.42 * np.exp(-(grid**2) / 2), color="0.6",
        lw=0, gid="prior",
    )  # fmt: skip
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    for value in (-2, 2):
        axes.axhline(value, color="0.8", lw=0.6, ls=":", zorder=0)
    for d, column in enumerate(mean.T):
        _body(axes, d, column, edges, colours[d])
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("posterior mean")


def _variances(axes: Axes, variance: np.ndarray, colours: Sequence[str]) -> None:
    low, high = min(0.5, float(variance.min())), max(2.0, float(variance.max()))
    # Steps of equal ratio, with the prior's variance 1 in the middle of one.
    step = np.log(1.44 * high / low) / _BINS
    first, last = np.floor(np.log(low / 1.2) / step), np.ceil(np.log(high * 1.2) / step)
    edges = np.exp((np.arange(first, last + 1) - 0.5) * step)
    axes.set_yscale("log")
    # A narrow range holds no power of ten: label 1, 2 and 5 times one, as plain numbers.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.axhline(1, color="0.8", lw=0.6, zorder=0)
    axes.plot([-1.42, -0.58], [1, 1], color="0.6", lw=1.5, gid="prior", solid_capstyle="butt")
    for d, column in enumerate(variance.T):
        _body(axes, d, column, edges, colours[d])
    axes.set_ylim(edges[0], edges[-1])
    axes.set_ylabel("posterior variance")


def _body(axes: Axes, place: float, values: np.ndarray, edges: np.ndarray, colour: str) -> None:
    """Draw the histogram of `values` upright and mirrored about `place`, with its median."""
    counts, _ = np.histogram(values, edges)
    half = 0.42 * np.append(counts, counts[-1]) / max(counts.max(), 1)
    axes.fill_betweenx(
        edges,
        place - half,
        place + half,
        step="post",
        color=colour,
        lw=0,
        gid=f"latent {place}",
    )
    axes.plot([place - 0.1, place + 0.1], [np.median(values)] * 2, color="white", lw=0.8)
