"""Measures of how far inputs lie from each other: RSA, distance correlation, kernels."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

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
from replearn.errors import InputError

_CHUNK = 1 << 16


def cosines(rows: Sequence[Array], columns: Sequence[Array]) -> Array:
    """Return the inner products (I, J) of vectors of norm 1, in chunks: none is copied whole."""
    out = np.zeros((len(rows), len(columns)))
    for start in range(0, len(rows[0]), _CHUNK):
        part = slice(start, start + _CHUNK)
        left = np.stack([r[part] for r in rows])
        right = left if rows is columns else np.stack([r[part] for r in columns])
        out += left @ right.T
    return out


def dissimilarities(x: Array, distance: str, by: str) -> Array:
    """Return the distances of all pairs of rows of `x`, ready to be compared: (N (N-1) / 2,).

    Args:
        x: (N, D).
        distance: "correlation" (1 - Pearson's r of two rows) or "euclidean" (squared).
        by: "spearman" (ranks, ties shared), "pearson" or "cosine".

    Returns:
        a vector of norm 1, centred but for "cosine"; NaN if all distances are equal.

    Raises:
        InputError: if there is no such distance or comparison.
    """
    if distance not in ("correlation", "euclidean"):
        raise InputError(f"distance must be correlation or euclidean, got {distance!r}.")
    if by not in ("spearman", "pearson", "cosine"):
        raise InputError(f"by must be spearman, pearson or cosine, got {by!r}.")
    found = pdist(x, "correlation") if distance == "correlation" else pdist(x, "sqeuclidean")
    far = np.asarray(rankdata(found) if by == "spearman" else found, dtype=np.float64)
    if by != "cosine":
        far -= far.mean()
    return _unit(far)


def rsa(
    rows: list[Array], columns: list[Array], distance: str = "correlation", by: str = "spearman"
) -> Array:
    """Correlation of the distances between all pairs of inputs, in [-1, 1].

    Source: Kriegeskorte et al. (2008), doi:10.3389/neuro.06.004.2008.
    """
    return cosines(rows, columns)


def euclidean(x: Array) -> Array:
    """Return the Euclidean distances of all pairs of rows of `x` (N, D): (N (N-1) / 2,)."""
    return pdist(x).astype(np.float64)


def rsm_difference(rows: list[Array], columns: list[Array], norm: str = "frobenius") -> Array:
    """Norm of the difference of the two matrices of distances, in the unit of the features.

    `norm` is "frobenius" or "spectral", the largest singular value.

    Source: Yin & Shen (2018), arXiv:1812.04224; which norm, differs between implementations.
    """
    if norm not in ("frobenius", "spectral"):
        raise InputError(f"norm must be frobenius or spectral, got {norm!r}.")
    out = np.zeros((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            if rows is columns and j <= i:
                out[i, j] = out[j, i]
            elif norm == "frobenius":
                out[i, j] = np.sqrt(2.0) * np.linalg.norm(one - other)
            else:
                out[i, j] = _largest(squareform(one - other))
    return out


def _largest(symmetric: Array) -> float:
    """Return the largest absolute eigenvalue of a symmetric matrix."""
    from scipy.sparse.linalg import eigsh

    if not symmetric.any():
        return 0.0
    start = np.ones(len(symmetric))  # the same answer each time
    value = eigsh(symmetric, k=1, which="LM", v0=start, return_eigenvectors=False)
    return float(abs(value[0]))


def centred_distances(x: Array) -> Array:
    """Return the doubly centred Euclidean distances of the rows of `x`, as a vector of norm 1."""
    return _unit(_half(_centre(squareform(pdist(x)))))


def u_centred_distances(x: Array) -> Array:
    """Return the U-centred Euclidean distances of the rows of `x`, as a vector of norm 1."""
    return _unit(_half(u_centre(squareform(pdist(x)))))


def distance_correlation(rows: list[Array], columns: list[Array]) -> Array:
    """Distance correlation of the inputs' positions in the two, in [0, 1].

    Biased upwards for few inputs, as CKA is; `distance_correlation_unbiased` is not.

    Source: Székely et al. (2007), doi:10.1214/009053607000000505, definition 5.
    """
    return np.sqrt(np.clip(cosines(rows, columns), 0.0, 1.0))


def distance_correlation_unbiased(rows: list[Array], columns: list[Array]) -> Array:
    """Unbiased squared distance correlation, in [-1, 1]; 0 on average for unrelated ones.

    Source: Székely & Rizzo (2014), arXiv:1310.2926, section 3.
    """
    return cosines(rows, columns)


def kernel(x: Array, width: float) -> Array:
    """Return the doubly centred Gaussian kernel of the rows of `x`, as a vector of norm 1."""
    return _unit(_half(_centre(_gaussian(x, width))))


def u_centred_kernel(x: Array, width: float) -> Array:
    """Return the U-centred Gaussian kernel of the rows of `x`, as a vector of norm 1."""
    return _unit(_half(u_centre(_gaussian(x, width))))


def cka_rbf(rows: list[Array], columns: list[Array], width: float = 1.0) -> Array:
    """Centred kernel alignment with a Gaussian kernel, in [0, 1].

    exp(-D² / (2 width² m)), m the median of all N² squared distances, zeros included.

    Source: Kornblith et al. (2019), arXiv:1905.00414, section 3, and its published code.
    """
    return np.clip(cosines(rows, columns), 0.0, 1.0)


def cka_rbf_debiased(rows: list[Array], columns: list[Array], width: float = 1.0) -> Array:
    """`cka_rbf` from the unbiased estimator of HSIC, in [-1, 1].

    Source: Song et al. (2012), equation 5; Kornblith et al. (2019) in their published code.
    """
    return cosines(rows, columns)


def batches_of_grams(x: Array, batch: int) -> Array:
    """Return the U-centred linear kernels of consecutive batches of rows as one unit vector.

    Raises:
        InputError: if a batch has fewer than 4 rows.
    """
    if batch < 4 or 0 < len(x) % batch < 4:
        raise InputError(
            f"batches need 4 inputs at least, got {len(x)} inputs in batches of {batch}."
        )
    parts = []
    for start in range(0, len(x), batch):
        rows = x[start : start + batch] - x[start : start + batch].mean(axis=0)
        n = len(rows)
        parts.append(_half(u_centre(rows @ rows.T)) / np.sqrt(n * (n - 3)))
    return _unit(np.concatenate(parts))


def cka_minibatch(rows: list[Array], columns: list[Array], batch: int = 256) -> Array:
    """Debiased linear CKA whose terms are means over batches of inputs, in [-1, 1].

    Source: Nguyen et al. (2021), arXiv:2010.15327, equation 3.
    """
    return cosines(rows, columns)


def u_centre(k: Array) -> Array:
    """Return the U-centred matrix of a symmetric one (N, N): rows sum to 0, diagonal 0.

    Source: Székely & Rizzo (2014), arXiv:1310.2926, definition 2; for kernels, whose diagonal is
    not 0, it is taken out first (Song et al. 2012, equation 5).
    """
    n = len(k)
    k = k.copy()
    np.fill_diagonal(k, 0.0)
    sums = k.sum(axis=0)
    k -= sums / (n - 2)
    k -= sums[:, None] / (n - 2)
    k += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(k, 0.0)
    return k


def _gaussian(x: Array, width: float) -> Array:
    if width <= 0:
        raise InputError(f"the width of a kernel must be positive, got {width}.")
    squared = squareform(pdist(x, "sqeuclidean"))
    return np.exp(-squared / (2.0 * width**2 * np.median(squared)))


def _centre(k: Array) -> Array:
    means = k.mean(axis=0)
    return k - means - means[:, None] + means.mean()


def _half(symmetric: Array) -> Array:
    """Return the upper triangle as a vector with the inner products of the whole matrix."""
    n = len(symmetric)
    half = symmetric[np.triu_indices(n)] * np.sqrt(2.0)
    half[np.cumsum(np.r_[0, np.arange(n, 1, -1)])] /= np.sqrt(2.0)  # the diagonal, counted once
    return half


def _unit(x: Array) -> Array:
    """Return `x` divided by its norm; NaN where that is rounding."""
    size = np.linalg.norm(x)
    return x / size if size > 1e-150 else np.full_like(x, np.nan)


MEASURES = (
    similarity(
        name="cka_minibatch",
        matrix=cka_minibatch,
        range=(-1.0, 1.0),
        invariant_to=SHAPE,
        source="Nguyen et al. (2021), arXiv:2010.15327",
        min_inputs=4,
        undefined_when="all inputs of each batch are equally far apart in one of them",
        **described(batches_of_grams),
    ),
    similarity(
        name="cka_rbf",
        matrix=cka_rbf,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Kornblith et al. (2019), arXiv:1905.00414",
        undefined_when="half of the inputs have one and the same place in one of them",
        **described(kernel),
    ),
    similarity(
        name="cka_rbf_debiased",
        matrix=cka_rbf_debiased,
        range=(-1.0, 1.0),
        invariant_to=SHAPE,
        source="Song et al. (2012); Kornblith et al. (2019), arXiv:1905.00414",
        min_inputs=4,
        undefined_when="all inputs are equally far apart in one of them",
        **described(u_centred_kernel),
    ),
    similarity(
        name="rsa",
        matrix=rsa,
        range=(-1.0, 1.0),
        invariant_to=ORDER | SCALE,
        source="Kriegeskorte et al. (2008), doi:10.3389/neuro.06.004.2008",
        min_inputs=3,
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
        **described(euclidean),
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
        min_inputs=4,
        undefined_when="all inputs are equally far apart in one of them",
        **described(u_centred_distances),
    ),
)
