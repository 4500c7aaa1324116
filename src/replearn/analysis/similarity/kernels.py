"""Centred alignment of other kernels than the linear one of all inputs: Gaussian, in batches."""

import numpy as np

from replearn.analysis.similarity.distances import cosines
from replearn.analysis.similarity.doubly_centred import Centred, correlations
from replearn.analysis.similarity.promises import SHAPE, described, similarity
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import Points
from replearn.errors import InputError


def kernel(x: Array, width: float) -> Centred:
    """Return the doubly centred Gaussian kernel of the rows of `x` (N, D)."""
    points = Points.of(x)
    return Centred.of(points, _scale(points, width))


def u_centred_kernel(x: Array, width: float) -> Centred:
    """Return the U-centred Gaussian kernel of the rows of `x` (N, D)."""
    points = Points.of(x)
    return Centred.of(points, _scale(points, width), unbiased=True)


def _scale(points: Points, width: float) -> float:
    if width <= 0:
        raise InputError(f"the width of a kernel must be positive, got {width}.")
    # The median of all N² squared distances, of which the N of the diagonal are 0.
    far, n = points.half(), points.n
    ranks = [n * n // 2, (n * n - 1) // 2]
    places = [max(rank - n, 0) // 2 for rank in ranks]
    far.partition(places)
    median = np.mean([far[p] if rank >= n else 0.0 for p, rank in zip(places, ranks, strict=True)])
    return float(2.0 * width**2 * median) or np.nan


def cka_rbf(rows: list[Centred], columns: list[Centred], width: float = 1.0) -> Array:
    """Centred kernel alignment with a Gaussian kernel, in [0, 1].

    exp(-D² / (2 width² m)), m the median of all N² squared distances, zeros included.

    Source: Kornblith et al. (2019), arXiv:1905.00414, section 3, and its published code.
    """
    return np.clip(correlations(rows, columns), 0.0, 1.0)


def cka_rbf_debiased(rows: list[Centred], columns: list[Centred], width: float = 1.0) -> Array:
    """`cka_rbf` from the unbiased estimator of HSIC, in [-1, 1].

    Source: Song et al. (2012), equation 5; Kornblith et al. (2019) in their published code.
    """
    return correlations(rows, columns)


def batches_of_grams(x: Array, batch: int) -> Array:
    """Return the U-centred linear kernels of consecutive batches of rows as one vector.

    Raises:
        InputError: if a batch has fewer than 4 rows.
    """
    if batch < 4 or 0 < len(x) % batch < 4:
        raise InputError(
            f"batches need 4 inputs at least, got {len(x)} inputs in batches of {batch}."
        )
    parts, size = [], 0.0
    for start in range(0, len(x), batch):
        rows = x[start : start + batch] - x[start : start + batch].mean(axis=0)
        n, k = len(rows), rows @ rows.T
        size += float(np.vdot(k, k)) / (n * (n - 3))
        parts.append(_u_centred(k)[np.triu_indices(n, 1)] / np.sqrt(n * (n - 3)))
    vector = np.concatenate(parts)
    return vector if np.linalg.norm(vector) > 1e-13 * np.sqrt(size) else vector * np.nan


def _u_centred(k: Array) -> Array:
    """Return the U-centred matrix of a symmetric one (N, N): rows sum to 0, diagonal 0."""
    n = len(k)
    np.fill_diagonal(k, 0.0)
    sums = k.sum(axis=0)
    return k - sums / (n - 2) - sums[:, None] / (n - 2) + sums.sum() / ((n - 1) * (n - 2))


def cka_minibatch(rows: list[Array], columns: list[Array], batch: int = 256) -> Array:
    """Debiased linear CKA whose terms are means over batches of inputs, in [-1, 1].

    Source: Nguyen et al. (2021), arXiv:2010.15327, equation 3.
    """
    return cosines(rows, columns)


MEASURES = (
    similarity(
        name="cka_minibatch",
        matrix=cka_minibatch,
        range=(-1.0, 1.0),
        invariant_to=SHAPE,
        source="Nguyen et al. (2021), arXiv:2010.15327",
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
        undefined_when="all inputs are equally far apart in one of them",
        **described(u_centred_kernel),
    ),
)
