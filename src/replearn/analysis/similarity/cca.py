"""Canonical correlation analysis: how well directions of one are linear in those of the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.cross import Cross, Crosses
from replearn.analysis.similarity.promises import (
    FACTORS,
    LINEAR,
    LINEAR_FAMILY,
    ORDER,
    RESI,
    SCALE,
    SHAPE,
    SHIFT,
    SQUARES,
    described,
    similarity,
)
from replearn.analysis.similarity.representation import Array, factorise


def cca_mean(cross: Cross) -> float:
    """Mean canonical correlation over the smaller rank, in [0, 1].

    It is 1 for any two representations whose ranks together exceed the number of inputs.

    Source: Raghu et al. (2017), arXiv:1706.05806, section 2; ranks by singular values above 1e-8.
    """
    return float(cross.correlations.mean())


def cca_r2(crosses: Crosses) -> Array:
    """Mean squared canonical correlation over the smaller rank, in [0, 1].

    Source: Kornblith et al. (2019), arXiv:1905.00414, table 1.
    """
    ones = [[np.ones(len(s)) for s in side] for side in crosses.spectra]
    return crosses.weighted(*ones) / np.minimum(*crosses.ranks)


def svcca(cross: Cross, threshold: float = 0.99) -> float:
    """Mean canonical correlation of the first principal directions of each, in [0, 1].

    Each keeps the fewest that explain `threshold` of its variance.

    Source: Raghu et al. (2017), arXiv:1706.05806, section 2.
    """
    rows, columns = (_leading(spectrum, threshold) for spectrum in cross.spectra)
    kept = cross.c[:rows, :columns]
    return float(np.clip(np.linalg.svd(kept, compute_uv=False), 0.0, 1.0).mean())


def svcca_r2(crosses: Crosses, threshold: float = 0.99) -> Array:
    """Mean squared canonical correlation of the first principal directions of each, in [0, 1].

    Source: Raghu et al. (2017), arXiv:1706.05806, and Kornblith et al. (2019), table 1.
    """
    kept = [np.array([_leading(s, threshold) for s in side]) for side in crosses.spectra]
    ones = [
        [(np.arange(len(s)) < k) * 1.0 for s, k in zip(side, ks, strict=True)]
        for side, ks in zip(crosses.spectra, kept, strict=True)
    ]
    return crosses.weighted(*ones) / np.minimum.outer(*kept)


def _leading(spectrum: Array, threshold: float) -> int:
    """Return how many singular values explain `threshold` of the variance."""
    explained = np.cumsum(spectrum**2)
    wanted = threshold * explained[-1] * (1.0 - 1e-12)
    return min(int(np.searchsorted(explained, wanted)) + 1, len(spectrum))


# Canonical correlations that are nearer to each other than this are one, up to rounding.
_COINCIDE = 1e-8


@dataclass(frozen=True)
class Directions:
    """Left singular vectors (N, r) of the centred features, and what they multiply: (r, D)."""

    u: Array
    loadings: Array

    @property
    def rank(self) -> int:
        """Return the rank r of the centred features."""
        return self.u.shape[1]


def directions(x: Array) -> Directions:
    """Return orthonormal directions of the centred features (N, D), and the features in them."""
    factors = factorise(x)
    x = x.astype(np.float64)
    return Directions(factors.u, factors.u.T @ (x - x.mean(axis=0)))


def pwcca(rows: list[Directions], columns: list[Directions]) -> Array:
    """Canonical correlations weighted by what they account for in the first, in [0, 1].

    The weight of a canonical direction h of the first is the sum over its features of |h'x|. Not
    symmetric: the weights are those of the first argument. Directions whose correlations coincide,
    as those that are 1 where the ranks exceed the inputs, may be rotated among each other, which
    changes these sums: their weight is the mean over all rotations.

    Source: Morcos et al. (2018), arXiv:1806.05759, section 2.3; h is the whitened direction, which
    several published implementations confuse with its coefficients.
    """
    out = np.empty((len(rows), len(columns)))
    for i, x in enumerate(rows):
        for j, y in enumerate(columns):
            if rows is columns and j < i:
                continue  # one decomposition serves both directions
            s, of_x, of_y = _canonical(x, y)
            out[i, j] = _weighted_mean(s, of_x, x)
            if rows is columns:
                out[j, i] = _weighted_mean(s, of_y, y)
    return out


def _canonical(x: Directions, y: Directions) -> tuple[Array, Array, Array]:
    """Return the canonical correlations (r,), and the directions of each: (r, r_x), (r, r_y)."""
    if y.u[0].tolist() < x.u[0].tolist():
        # The order of the two is not to change the rounding, which near correlations enlarge.
        s, of_y, of_x = _canonical(y, x)
        return s, of_x, of_y
    p, s, q = np.linalg.svd(x.u.T @ y.u, full_matrices=False)
    return np.clip(s, 0.0, 1.0), p.T, q


def _weighted_mean(correlations: Array, canonical: Array, x: Directions) -> float:
    starts = np.flatnonzero(np.diff(correlations, prepend=np.inf) < -_COINCIDE)
    sizes = np.diff(starts, append=len(correlations))
    squares = np.add.reduceat((canonical @ x.loadings) ** 2, starts, axis=0)
    weights = sizes * _mean_cosine(sizes) * np.sqrt(squares).sum(axis=1)
    means = np.add.reduceat(correlations, starts) / sizes
    return float(means @ weights / weights.sum())


def _mean_cosine(k: NDArray[np.intp]) -> Array:
    """Return E |h'e| of a fixed direction e and a random one h in k dimensions: 1, 2/pi, 1/2, …"""
    from scipy.special import gammaln

    return np.exp(gammaln(k / 2.0) - gammaln((k + 1.0) / 2.0)) / np.sqrt(np.pi)


MEASURES = (
    similarity(
        name="cca_mean",
        matrix=cca_mean,
        range=(0.0, 1.0),
        invariant_to=LINEAR,
        source="Raghu et al. (2017), arXiv:1706.05806",
        groups=LINEAR_FAMILY,
        float32=True,
        **FACTORS,
    ),
    similarity(
        name="cca_r2",
        matrix=cca_r2,
        range=(0.0, 1.0),
        invariant_to=LINEAR,
        source="Kornblith et al. (2019), arXiv:1905.00414",
        groups=LINEAR_FAMILY,
        float32=True,
        **SQUARES,
    ),
    similarity(
        name="svcca",
        matrix=svcca,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Raghu et al. (2017), arXiv:1706.05806",
        groups=LINEAR_FAMILY | RESI,
        float32=True,
        **FACTORS,
    ),
    similarity(
        name="svcca_r2",
        matrix=svcca_r2,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Raghu et al. (2017), arXiv:1706.05806",
        groups=LINEAR_FAMILY,
        float32=True,
        **SQUARES,
    ),
    similarity(
        name="pwcca",
        matrix=pwcca,
        range=(0.0, 1.0),
        symmetric=False,
        invariant_to=SHIFT | ORDER | SCALE,
        invariant_to_second=LINEAR,
        source="Morcos et al. (2018), arXiv:1806.05759",
        groups=RESI,
        as_given=True,
        **described(directions),
    ),
)
