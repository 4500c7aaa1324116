"""Procrustes distances and shape metrics: what is left after the best rotation."""

import math

import numpy as np

from replearn.analysis.similarity.cross import Cross
from replearn.analysis.similarity.products import Products, exact_cosine
from replearn.analysis.similarity.promises import (
    COORDINATES,
    FACTORS,
    LINEAR_FAMILY,
    RESI,
    SHAPE,
    SHIFT,
    TURN,
    distance,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.standard_errors import procrustes_angular_error


def procrustes_angular(products: Products) -> Array:
    """Angle between two representations after the best rotation, in radians, in [0, pi/2].

    arccos ||X'Y||_* (nuclear norm) of centred features of Frobenius norm 1. A distance of 0 is
    resolved to about 1e-7, as the cosine is flat there.

    Source: Williams et al. (2021), arXiv:2110.14739, section 2; Ding et al. (2021),
    arXiv:2108.01661, section 3, for the nuclear norm.
    """
    return np.arccos(np.clip(products.nuclear, 0.0, 1.0))


def procrustes(products: Products) -> Array:
    """Distance of the two, each of Frobenius norm 1, after the best rotation, in [0, sqrt 2].

    sqrt(2 - 2 ||X'Y||_*): the chord of `procrustes_angular`.

    Source: Ding et al. (2021), arXiv:2108.01661, section 3 (there squared).
    """
    return np.sqrt(2.0 - 2.0 * np.clip(products.nuclear, 0.0, 1.0))


def procrustes_size_shape(products: Products) -> Array:
    """Distance after the best rotation, sizes kept, in the unit of the features.

    sqrt(||X||² + ||Y||² - 2 ||X'Y||_*) of centred features; it is the Bures distance of their
    Gram matrices.

    Source: Williams et al. (2021), arXiv:2110.14739, section 2.
    """
    rows = np.array([[r.size] for r in products.rows])
    columns = np.array([[r.size for r in products.columns]])
    nuclear = np.clip(products.nuclear, 0.0, 1.0)
    return np.sqrt((rows - columns) ** 2 + 2.0 * rows * columns * (1.0 - nuclear))


def nbs(products: Products) -> Array:
    """Normalised Bures similarity, the cosine of `procrustes_angular`, in [0, 1].

    Source: Tang et al. (2020), arXiv:2003.13845; equal to ||X'Y||_* / (||X|| ||Y||).
    """
    return np.clip(products.nuclear, 0.0, 1.0)


def shape_angular(cross: Cross, alpha: float = 0.5) -> float:
    """Angle after the best rotation of partly whitened features, in radians, in [0, pi/2].

    Singular values s become alpha s + 1 - alpha: alpha = 1 is `procrustes_angular`, 0 compares
    spans as CCA does. Between them the size of the features matters.

    Source: Williams et al. (2021), arXiv:2110.14739, equation 6.
    """
    return float(np.arccos(_cosine(cross, alpha)))


def shape_euclidean(cross: Cross, alpha: float = 0.5) -> float:
    """Distance after the best rotation of partly whitened features, scaled to their own size.

    Source: Williams et al. (2021), arXiv:2110.14739, equation 6, as its authors' code scales it.
    """
    x, y = cross.x.size, cross.y.size
    return float(np.sqrt((x - y) ** 2 + 2.0 * x * y * (1.0 - _cosine(cross, alpha))))


def _cosine(cross: Cross, alpha: float) -> float:
    """Return the nuclear norm of the two, partly whitened and scaled to norm 1."""
    left, right = (
        alpha * one.size * spectrum + 1.0 - alpha
        for one, spectrum in zip((cross.x, cross.y), cross.spectra, strict=True)
    )
    product = (left / np.linalg.norm(left))[:, None] * cross.c * (right / np.linalg.norm(right))
    return float(exact_cosine(np.linalg.svd(product, compute_uv=False).sum()))


MEASURES = (
    distance(
        name="procrustes_angular",
        matrix=procrustes_angular,
        error=procrustes_angular_error,
        range=(0.0, math.pi / 2),
        invariant_to=SHAPE,
        source="Williams et al. (2021), arXiv:2110.14739",
        groups=LINEAR_FAMILY | RESI,
        **COORDINATES,
    ),
    distance(
        name="procrustes",
        matrix=procrustes,
        range=(0.0, math.sqrt(2.0)),
        invariant_to=SHAPE,
        source="Ding et al. (2021), arXiv:2108.01661",
        groups=LINEAR_FAMILY | RESI,
        **COORDINATES,
    ),
    distance(
        name="procrustes_size_shape",
        matrix=procrustes_size_shape,
        range=(0.0, math.inf),
        invariant_to=SHIFT | TURN,
        source="Williams et al. (2021), arXiv:2110.14739",
        groups=LINEAR_FAMILY | RESI,
        **COORDINATES,
    ),
    similarity(
        name="nbs",
        matrix=nbs,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Tang et al. (2020), arXiv:2003.13845",
        groups=LINEAR_FAMILY,
        **COORDINATES,
    ),
    distance(
        name="shape_angular",
        matrix=shape_angular,
        range=(0.0, math.pi / 2),
        invariant_to=SHIFT | TURN,
        source="Williams et al. (2021), arXiv:2110.14739",
        **FACTORS,
    ),
    distance(
        name="shape_euclidean",
        matrix=shape_euclidean,
        range=(0.0, math.inf),
        invariant_to=SHIFT | TURN,
        source="Williams et al. (2021), arXiv:2110.14739",
        **FACTORS,
    ),
)
