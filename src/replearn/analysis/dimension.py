"""How many dimensions a representation has: intrinsic dimension, effective rank and variance.

Intrinsic dimensions are functions of the distances between inputs. Coordinates of a wide layer
(`replearn.analysis.similarity.compact`) keep all distances, and so all numbers of this file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.features import ROUNDINGS
from replearn.analysis.similarity.representation import Array, ConstantError, as_matrix
from replearn.errors import InputError

# Inputs nearer to each other than this share of the spread are one input: so far apart are equal
# rows after a layer is reduced to coordinates.
SAME = 1e-8
# Blocks of anchors of a standard error; MIB of a block of distances or of differences.
BLOCKS = 20
MIB = 64.0


class TooFewInputs(InputError):
    """There are not more distinct inputs than neighbours are asked for."""


@dataclass(frozen=True)
class Estimate:
    """An intrinsic dimension, with its standard error over the choice of inputs.

    Attributes:
        value: the dimension.
        error: its standard error, NaN for fewer than 40 inputs.
        n: number of distinct inputs that it is of.
    """

    value: float
    error: float
    n: int


_NONE = Estimate(float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Dimensions:
    """What there is to know of the size of one representation.

    Attributes:
        mle: intrinsic dimension by maximum likelihood.
        two_nn: intrinsic dimension by the two nearest neighbours.
        effective_rank: as `effective_rank`.
        variance: as `total_variance`.
    """

    mle: Estimate
    two_nn: Estimate
    effective_rank: float
    variance: float


@dataclass(frozen=True)
class Neighbourhoods:
    """The nearest neighbours of the N distinct inputs of a representation.

    Attributes:
        distances: (N, k) to the nearest others, in rising order, none of them 0; the root mean
            square distance to the mean is 1.
        nearest: (N, k) which these are, of the N.
        order: (N,) the inputs in their order along the direction of most variance.
        rows: (N,) which of the given inputs the distinct ones are, in rising order.
    """

    distances: Array
    nearest: NDArray[np.int64]
    order: NDArray[np.int64]
    rows: NDArray[np.int64]


def dimensions(
    x: Any, k: int = 20, discard: float = 0.1, label: object = "the representation"
) -> Dimensions:
    """Return all numbers of a representation (N, D), with one search for neighbours.

    What it does not have is NaN: the mean of a collapsed VAE is constant, and a dying layer may
    give too few distinct points.

    Args:
        x: (N, D), numpy or torch; all is computed in float64.
        k: neighbours of `mle_dimension`.
        discard: share of the inputs that `two_nn_dimension` leaves out.
        label: of the representation, for the sentence of an error.

    Raises:
        InputError: as the functions of the attributes, for other reasons than these.
    """
    try:
        values = _checked(x, label)
    except ConstantError:
        return Dimensions(_NONE, _NONE, float("nan"), 0.0)
    spectrum = _spectrum(values)
    of_all = _exp_entropy(spectrum), float(spectrum.sum())
    try:
        near = neighbourhoods(values, k, label)
    except TooFewInputs:
        return Dimensions(_NONE, _NONE, *of_all)
    return Dimensions(mle_dimension(near), two_nn_dimension(near, discard), *of_all)


def mle_dimension(x: Any, k: int = 20, published: bool = False) -> Estimate:
    """Return the intrinsic dimension by maximum likelihood of distances to k neighbours.

    1 / mean over inputs of sum_{j<k} log(T_k / T_j) / (k - 1), T_j the distance to the j-th
    neighbour. The mean is of inverse dimensions, each an unbiased estimate with this divisor.
    Inputs that are there several times count once.

    Args:
        x: a representation (N, D), or its `Neighbourhoods`.
        k: number of neighbours, 2 at least.
        published: divide by k - 2 instead, as the code of Bonheme & Grzes (2022) does: the result
            is lower by the factor (k - 2) / (k - 1), with k = 5 by a quarter.

    Raises:
        InputError: as `neighbourhoods`.

    Source:
        Levina & Bickel (2004), Maximum likelihood estimation of intrinsic dimension, eq. 8;
        averaged as in MacKay & Ghahramani (2005), Comments on "Maximum likelihood estimation ...".
    """
    near = x if isinstance(x, Neighbourhoods) else neighbourhoods(x, k)
    k = near.distances.shape[1]
    if k < 2 + published:
        raise InputError(f"the maximum likelihood needs k of {2 + published} or more, got k={k}.")
    logs = np.log(near.distances)
    inverse = (logs[:, -1:] - logs[:, :-1]).sum(axis=1) / (k - 1 - published)
    return _estimate(lambda kept: _ratio(1.0, float(inverse[kept].mean())), near)


def two_nn_dimension(x: Any, discard: float = 0.1) -> Estimate:
    """Return the intrinsic dimension by the ratio of the distances to the two nearest neighbours.

    The ratio r of a d-dimensional, locally even cloud has P(r > t) = t^-d: the slope through 0 of
    -log(1 - F(r)) on log r, over the inputs sorted by r, without the largest `discard` of them.
    F = (i - 1) / N of the i-th input, which exists also for the last one; with i / N, as the paper
    writes, the slope of N = 1000 inputs is 0.3 % higher.
    Inputs that are there several times count once.

    Args:
        x: a representation (N, D), or its `Neighbourhoods`.
        discard: share of the inputs, from 0 to below 1.

    Raises:
        InputError: as `neighbourhoods`; or if `discard` leaves fewer than 3 inputs.

    Source:
        Facco et al. (2017), Estimating the intrinsic dimension of datasets by a minimal
        neighborhood information, Scientific Reports 7, section "Methods".
    """
    if not 0 <= discard < 1:
        raise InputError(f"discard is a share from 0 to below 1, got {discard!r}; take 0.1.")
    near = x if isinstance(x, Neighbourhoods) else neighbourhoods(x, 2)
    if near.distances.shape[1] < 2:
        raise InputError("the two nearest neighbours need k of 2 or more, got k=1.")
    ratio = np.log(near.distances[:, 1]) - np.log(near.distances[:, 0])
    if int(len(ratio) * (1 - discard)) < 3:
        raise InputError(
            f"discard={discard} leaves fewer than 3 of {len(ratio)} inputs; discard less."
        )

    def slope(kept: NDArray[np.bool_]) -> float:
        logs = np.sort(ratio[kept])
        logs = logs[: int(len(logs) * (1 - discard))]
        heights = -np.log1p(-np.arange(len(logs)) / kept.sum())
        return _ratio(float(logs @ heights), float(logs @ logs))

    return _estimate(slope, near)


def effective_rank(x: Any) -> float:
    """Return exp(entropy of the shares of the covariance's eigenvalues), from 1 to the rank.

    The paper defines it by the singular values of a matrix; here that matrix is the covariance of
    the features (as in the published code), not the features themselves, whose singular values are
    the square roots. D independent features of equal variance have D.

    Args:
        x: a representation (N, D).

    Raises:
        InputError: if it is no matrix of 2 or more finite, not all equal rows.

    Source:
        Roy & Vetterli (2007), The effective rank: a measure of effective dimensionality, section 2.
    """
    return _exp_entropy(_spectrum(_checked(x)))


def total_variance(x: Any) -> float:
    """Return the trace of the covariance (divisor N - 1) of a representation (N, D).

    Raises:
        InputError: as `effective_rank`.
    """
    return float(_checked(x).var(axis=0, ddof=1).sum())


def check_neighbours(k: int, n: int) -> None:
    """Raise a TooFewInputs unless `n` images have `k` neighbours: before anything is computed."""
    if n <= k:
        raise TooFewInputs(
            f"{n} images have no {k} neighbours: expected more images than neighbours; raise "
            "n_probe or lower neighbours."
        )


def neighbourhoods(x: Any, k: int, label: object = "the representation") -> Neighbourhoods:
    """Return the distances to the k nearest of each distinct input of `x` (N, D).

    Of inputs at distance 0 (below 1e-8 of the spread) the first is kept: a repeated image, or
    images that a layer maps to one point, would have neighbours at log 0.

    Raises:
        InputError: if `x` is no matrix of finite numbers.
        TooFewInputs: if it has not more than k distinct rows.
    """
    values = _checked(x, label)
    if k < 1:
        raise InputError(f"k must be 1 or more neighbours, got k={k}.")
    values /= np.linalg.norm(values) / np.sqrt(len(values))
    rows = np.arange(len(values))
    while True:
        if len(values) <= k:
            raise TooFewInputs(
                f"{label} has {len(values)} distinct inputs, which is not more than k={k} "
                "neighbours; take more inputs or a smaller k."
            )
        found = [_nearest(values, start, stop, k) for start, stop in _tiles(values, k)]
        index, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
        # Where more inputs are equal than a list is long, the next round finds the rest of them.
        earlier = index < np.arange(len(values))[:, None]
        repeated = ((distances <= SAME) & earlier).any(axis=1)
        if not repeated.any():
            return Neighbourhoods(distances, index, _order(values), rows)
        values, rows = values[~repeated], rows[~repeated]


def _nearest(x: Array, start: int, stop: int, k: int) -> tuple[NDArray[np.int64], Array]:
    """Return indices and distances (B, k) of the nearest of some rows, nearest first."""
    squares = np.einsum("nd,nd->n", x, x)
    far = squares - 2.0 * (x[start:stop] @ x.T)  # + the square of the row itself
    far[np.arange(stop - start), np.arange(start, stop)] = np.inf
    # A few more than k: which are the nearest of equally far ones, rounding decides only here.
    some = min(k + 3, len(x) - 1)
    index = np.argpartition(far, some - 1, axis=1)[:, :some]
    # Once more from differences: a difference of squares loses the digits of small distances.
    distances = np.linalg.norm(x[index] - x[start:stop, None], axis=2)
    order = np.lexsort((index, distances), axis=1)[:, :k]
    return np.take_along_axis(index, order, 1), np.take_along_axis(distances, order, 1)


def _tiles(x: Array, k: int) -> Iterator[tuple[int, int]]:
    n, d = x.shape
    size = int(np.clip(MIB * 2**20 / (8 * max(2 * n, 2 * d * (k + 3))), 1, n))
    return ((start, min(start + size, n)) for start in range(0, n, size))


def _order(x: Array) -> NDArray[np.int64]:
    """Return the rows of centred `x` sorted along the direction of most variance, or nearly so."""
    along = x @ x[np.einsum("nd,nd->n", x, x).argmax()]
    for _ in range(20):
        along = x @ (x.T @ (along / np.linalg.norm(along)))
    return np.argsort(along, kind="stable")


def _estimate(of: Callable[[NDArray[np.bool_]], float], near: Neighbourhoods) -> Estimate:
    """Return a function of all inputs, and its standard error by the jackknife over blocks.

    Inputs that are near each other share neighbours, so they are left out together: blocks are
    slices along the direction of most variance.

    Source:
        Künsch (1989), The jackknife and the bootstrap for general stationary observations.
    """
    n = len(near.order)
    kept = np.ones(n, dtype=bool)
    value, error = of(kept), float("nan")
    if n >= 2 * BLOCKS:
        without = []
        for block in np.array_split(near.order, BLOCKS):
            kept[block] = False
            without.append(of(kept))
            kept[block] = True
        if np.isfinite(without).all():
            error = float(np.std(without) * np.sqrt(BLOCKS - 1))
    return Estimate(value, error, n)


def _ratio(above: float, below: float) -> float:
    # 0 where all neighbours are equally far: of an infinite dimension.
    return float(above) / float(below) if below > 0 else np.inf


def _checked(x: Any, label: object = "the representation") -> Array:
    """Return centred rows in float64; columns that vary by rounding alone are 0."""
    given = as_matrix(x, label)
    values = given.astype(np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise InputError(
            f"{label} needs 2 or more inputs and finite numbers; a network that gives others has "
            "diverged, leave it out."
        )
    size = np.linalg.norm(values, axis=0)
    values -= values.mean(axis=0)
    values[:, np.linalg.norm(values, axis=0) <= ROUNDINGS * np.finfo(given.dtype).eps * size] = 0.0
    if not np.any(values):
        raise ConstantError(label, len(values))
    return values


def _spectrum(centred: Array) -> Array:
    """Return the eigenvalues of the covariance, but for zeros of a wide one."""
    n, d = centred.shape
    product = centred.T @ centred if d <= n else centred @ centred.T
    return np.clip(np.linalg.eigvalsh(product), 0.0, None) / (n - 1)


def _exp_entropy(spectrum: Array) -> float:
    shares = spectrum[spectrum > 0] / spectrum.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
