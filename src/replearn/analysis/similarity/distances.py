"""Measures of how far inputs lie from each other: RSA, distance correlation."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.doubly_centred import ROUNDING, Centred, correlations
from replearn.analysis.similarity.pairs import each_pair
from replearn.analysis.similarity.promises import (
    ORDER,
    RESI,
    SCALE,
    SHAPE,
    SHIFT,
    TURN,
    described,
    distance,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import Points, spans, tile_products
from replearn.errors import InputError

_CHUNK = 1 << 16
# Distances that differ by less of the largest are equal: rounding shall not order them.
_TIE = 2.0**-40
# Below this share of what both have, a difference of squared norms is taken again entry by entry.
_CLOSE = 1e-4


def cosines(rows: Sequence[NDArray], columns: Sequence[NDArray]) -> Array:
    """Return the cosines (I, J) of vectors, in chunks: none is copied whole."""
    out = np.zeros((len(rows), len(columns)))
    own = np.zeros((len(rows), 1)), np.zeros(len(columns))
    for start in range(0, len(rows[0]), _CHUNK):
        part = slice(start, start + _CHUNK)
        left = np.stack([r[part] for r in rows], dtype=np.float64)
        right = left if rows is columns else np.stack([r[part] for r in columns], dtype=np.float64)
        out += left @ right.T
        own[0][:, 0] += np.einsum("ij,ij->i", left, left)
        own[1][:] += np.einsum("ij,ij->i", right, right)
    return out / np.sqrt(own[0]) / np.sqrt(own[1])


def dissimilarities(x: Array, distance: str, by: str) -> NDArray:
    """Return the distances of all pairs of rows of `x`, ready to be compared: (N (N-1) / 2,).

    Args:
        x: (N, D).
        distance: "correlation" (1 - Pearson's r of two rows) or "euclidean" (squared).
        by: "spearman" (ranks, ties shared, in float32), "pearson" or "cosine".

    Returns:
        a vector, centred but for "cosine"; NaN if all distances are equal.

    Raises:
        InputError: if there is no such distance or comparison.
    """
    if distance not in ("correlation", "euclidean"):
        raise InputError(f"distance must be correlation or euclidean, got {distance!r}.")
    if by not in ("spearman", "pearson", "cosine"):
        raise InputError(f"by must be spearman, pearson or cosine, got {by!r}.")
    if distance == "correlation":
        # Half of the squared distance of two standardised rows is 1 - their correlation.
        x = _standardised_rows(x)
    far = Points.of(x).half()
    size = np.linalg.norm(far)
    if by == "spearman":
        far = _ranks(np.rint(far / (_TIE * far.max())) if size > 0 else far)
        size = np.linalg.norm(far)
    if by != "cosine":
        far -= far.mean()
    if not np.linalg.norm(far) > ROUNDING * size:
        return np.full_like(far, np.nan)
    # Ranks less their mean are halves: float32 holds them exactly up to N = 4096.
    return far.astype(np.float32) if by == "spearman" else far


def rsa(
    rows: list[NDArray], columns: list[NDArray], distance: str = "correlation", by: str = "spearman"
) -> Array:
    """Correlation of the distances between all pairs of inputs, in [-1, 1].

    Source: Kriegeskorte et al. (2008), doi:10.3389/neuro.06.004.2008.
    """
    return cosines(rows, columns)


def rsm_difference(rows: list[Points], columns: list[Points], norm: str = "frobenius") -> Array:
    """Norm of the difference of the two matrices of distances, in the unit of the features.

    `norm` is "frobenius" or "spectral", the largest singular value.

    Source: Yin & Shen (2018), arXiv:1812.04224; which norm, differs between implementations.
    """
    if norm == "spectral":
        return each_pair(rows, columns, _spectral)
    if norm != "frobenius":
        raise InputError(f"norm must be frobenius or spectral, got {norm!r}.")

    def far(one: Points, start: int, stop: int) -> Array:
        return np.sqrt(one.rows(start, stop, start))

    n = rows[0].n
    inner, left, right = tile_products(rows, columns, n, far)
    both = left[:, None] + right
    squared = both - 2.0 * inner
    for i, j in np.argwhere(squared < _CLOSE * both):
        squared[i, j] = 0.0
        for start, stop in spans(n) if rows[i] is not columns[j] else ():
            apart = far(rows[i], start, stop) - far(columns[j], start, stop)
            beyond = apart[:, stop - start :]
            squared[i, j] += np.vdot(apart, apart) + np.vdot(beyond, beyond)
    return np.sqrt(squared)


def _spectral(x: Points, y: Points) -> float:
    """Return the largest absolute eigenvalue of the difference of the distances."""
    from scipy.sparse.linalg import eigsh

    apart = np.sqrt(x.rows(0, x.n)) - np.sqrt(y.rows(0, y.n))
    if not apart.any():
        return 0.0
    start = np.ones(x.n)  # the same answer each time
    value = eigsh(apart, k=1, which="LM", v0=start, return_eigenvectors=False)
    return float(abs(value[0]))


def centred_distances(x: Array) -> Centred:
    """Return the doubly centred Euclidean distances of the rows of `x` (N, D)."""
    return Centred.of(Points.of(x))


def u_centred_distances(x: Array) -> Centred:
    """Return the U-centred Euclidean distances of the rows of `x` (N, D)."""
    return Centred.of(Points.of(x), unbiased=True)


def distance_correlation(rows: list[Centred], columns: list[Centred]) -> Array:
    """Distance correlation of the inputs' positions in the two, in [0, 1].

    Biased upwards for few inputs, as CKA is; `distance_correlation_unbiased` is not.

    Source: Székely et al. (2007), doi:10.1214/009053607000000505, definition 5.
    """
    return np.sqrt(np.clip(correlations(rows, columns), 0.0, 1.0))


def distance_correlation_unbiased(rows: list[Centred], columns: list[Centred]) -> Array:
    """Unbiased squared distance correlation, in [-1, 1]; 0 on average for unrelated ones.

    Source: Székely & Rizzo (2014), arXiv:1310.2926, section 3.
    """
    return correlations(rows, columns)


def _standardised_rows(x: Array) -> Array:
    """Return the rows with mean 0 and square sum 1/2; constant ones get a feature of their own."""
    size = np.linalg.norm(x, axis=1, keepdims=True)
    x = x - x.mean(axis=1, keepdims=True)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    varies = length > ROUNDING * size
    unit = np.divide(x, length, out=np.zeros_like(x), where=varies)
    return (unit if varies.all() else np.hstack([unit, ~varies])) / np.sqrt(2.0)


def _ranks(values: Array) -> Array:
    """Return the ranks of values, from 1 on; equal ones share the mean of theirs."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, len(values)])
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + (counts + 1) / 2.0, counts)
    return ranks


MEASURES = (
    similarity(
        name="rsa",
        matrix=rsa,
        range=(-1.0, 1.0),
        invariant_to=ORDER | SCALE,
        source="Kriegeskorte et al. (2008), doi:10.3389/neuro.06.004.2008",
        undefined_when="all inputs are equally far apart in one of them",
        groups=RESI,
        **described(dissimilarities),
    ),
    distance(
        name="rsm_difference",
        matrix=rsm_difference,
        range=(0.0, math.inf),
        invariant_to=SHIFT | TURN,
        source="Yin & Shen (2018), arXiv:1812.04224",
        groups=RESI,
        **described(Points.of),
    ),
    similarity(
        name="distance_correlation",
        matrix=distance_correlation,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Székely et al. (2007), doi:10.1214/009053607000000505",
        groups=RESI,
        **described(centred_distances),
    ),
    similarity(
        name="distance_correlation_unbiased",
        matrix=distance_correlation_unbiased,
        range=(-1.0, 1.0),
        invariant_to=SHAPE,
        source="Székely & Rizzo (2014), arXiv:1310.2926",
        undefined_when="all inputs are equally far apart in one of them",
        **described(u_centred_distances),
    ),
)
