"""Measures that match the features of one with those of the other, one by one or by rotation."""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from replearn.analysis.similarity.pairs import each_pair
from replearn.analysis.similarity.promises import (
    ORDER,
    RESI,
    SCALE,
    SHIFT,
    TURN,
    described,
    distance,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError

MOST_FEATURES = 8192


def features(x: Array) -> Array:
    """Return the features (N, D) as they are.

    Raises:
        InputError: if they are too many to be matched one by one.
    """
    if x.shape[1] > MOST_FEATURES:
        raise InputError(
            f"matching single features takes at most {MOST_FEATURES}, got {x.shape[1]}; pool the "
            f"feature maps (pooling=mean), or leave this layer out."
        )
    return x


def centred_features(x: Array) -> Array:
    """Return the features (N, D) less their means; errors as `features`."""
    x = features(x)
    return x - x.mean(axis=0)


def standardised_features(x: Array) -> Array:
    """Return the features (N, D) centred, each of norm 1; constant ones are 0."""
    x = centred_features(x)
    size = np.linalg.norm(x, axis=0)
    constant = size <= 1e-12 * max(size.max(), 1e-300)
    return np.divide(x, size, out=np.zeros_like(x), where=~constant)


def _matched(products: Array) -> float:
    """Return the largest sum over pairs of one row and one column, each used at most once."""
    return float(products[linear_sum_assignment(products, maximize=True)].sum())


def permutation_procrustes(rows: list[Array], columns: list[Array]) -> Array:
    """Distance of the centred features in their best order, in the unit of the features.

    Where one has fewer features, zeros are added.

    Source: Williams et al. (2021), arXiv:2110.14739, section 2.
    """

    def value(x: Array, y: Array) -> float:
        squared = np.sum(x * x) + np.sum(y * y) - 2.0 * _matched(x.T @ y)
        return float(np.sqrt(max(squared, 0.0)))

    return each_pair(rows, columns, value)


def permutation_procrustes_uncentred(rows: list[Array], columns: list[Array]) -> Array:
    """`permutation_procrustes` of the features as they are, not centred.

    Source: Ding et al. (2021); Klabunde et al. (2024), arXiv:2408.00531, in their code.
    """
    return permutation_procrustes(rows, columns)


def permutation_angular(rows: list[Array], columns: list[Array]) -> Array:
    """Angle between the centred features in their best order, in radians, in [0, pi].

    Source: Williams et al. (2021), arXiv:2110.14739, section 2.
    """

    def value(x: Array, y: Array) -> float:
        cosine = _matched(x.T @ y) / (np.linalg.norm(x) * np.linalg.norm(y))
        return float(np.arccos(np.clip(cosine, -1.0, 1.0)))

    return each_pair(rows, columns, value)


def hard_correlation_match(rows: list[Array], columns: list[Array]) -> Array:
    """Mean correlation of features matched one to one, in [-1, 1].

    Source: Li et al. (2016), arXiv:1511.07543.
    """
    return each_pair(rows, columns, lambda x, y: _matched(x.T @ y) / min(x.shape[1], y.shape[1]))


def soft_correlation_match(rows: list[Array], columns: list[Array]) -> Array:
    """Mean correlation of each feature with its best partner, over both sides, in [-1, 1].

    Source: Li et al. (2016), arXiv:1511.07543.
    """

    def value(x: Array, y: Array) -> float:
        correlations = x.T @ y
        return float((correlations.max(axis=1).mean() + correlations.max(axis=0).mean()) / 2.0)

    return each_pair(rows, columns, value)


def aligned_cosine(rows: list[Array], columns: list[Array]) -> Array:
    """Mean cosine of the two positions of an input after the best rotation, in [-1, 1].

    Source: Hamilton et al. (2016), arXiv:1605.09096; features are not centred.
    """

    def value(x: Array, y: Array) -> float:
        p, _, r = np.linalg.svd(x.T @ y, full_matrices=False)
        # Rotations keep lengths; what is cut off where one has fewer features counts.
        lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        products = np.einsum("nd,nd->n", x @ (p @ r), y)
        return float(
            np.divide(products, lengths, out=np.zeros_like(lengths), where=lengths > 0).mean()
        )

    return each_pair(rows, columns, value)


def soft_matching(rows: list[Array], columns: list[Array]) -> Array:
    """Distance of the centred features under the cheapest transport of one to the other.

    Each feature has weight 1 / D; for equal numbers it is a permutation.

    Source: Khosla & Williams (2024), arXiv:2311.09466, equation 6.
    """

    def value(x: Array, y: Array) -> float:
        d, e = x.shape[1], y.shape[1]
        costs = np.sum(x * x, axis=0)[:, None] + np.sum(y * y, axis=0) - 2.0 * x.T @ y
        if d == e:
            return float(np.sqrt(max(costs[linear_sum_assignment(costs)].mean(), 0.0)))
        return float(np.sqrt(max(_transport(costs), 0.0)))

    return each_pair(rows, columns, value)


def _transport(costs: Array) -> float:
    """Return the least cost of moving weights 1 / D to weights 1 / E."""
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    d, e = costs.shape
    rows = kron(eye_array(d), np.ones((1, e)))
    columns = kron(np.ones((1, d)), eye_array(e))
    weights = np.r_[np.full(d, 1.0 / d), np.full(e, 1.0 / e)]
    found = linprog(costs.ravel(), A_eq=vstack([rows, columns]), b_eq=weights, method="highs")
    return float(found.fun)


MEASURES = (
    distance(
        name="permutation_procrustes",
        matrix=permutation_procrustes,
        range=(0.0, math.inf),
        invariant_to=SHIFT | ORDER,
        source="Williams et al. (2021), arXiv:2110.14739",
        **described(centred_features),
    ),
    distance(
        name="permutation_procrustes_uncentred",
        matrix=permutation_procrustes_uncentred,
        range=(0.0, math.inf),
        invariant_to=ORDER,
        source="Ding et al. (2021), arXiv:2108.01661",
        groups=RESI,
        **described(features),
    ),
    distance(
        name="permutation_angular",
        matrix=permutation_angular,
        range=(0.0, math.pi),
        invariant_to=SHIFT | ORDER | SCALE,
        source="Williams et al. (2021), arXiv:2110.14739",
        **described(centred_features),
    ),
    distance(
        name="soft_matching",
        matrix=soft_matching,
        range=(0.0, math.inf),
        invariant_to=SHIFT | ORDER,
        source="Khosla & Williams (2024), arXiv:2311.09466",
        **described(centred_features),
    ),
    similarity(
        name="aligned_cosine",
        matrix=aligned_cosine,
        range=(-1.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Hamilton et al. (2016), arXiv:1605.09096",
        groups=RESI,
        **described(features),
    ),
    similarity(
        name="hard_correlation_match",
        matrix=hard_correlation_match,
        range=(-1.0, 1.0),
        invariant_to=SHIFT | ORDER | SCALE,
        source="Li et al. (2016), arXiv:1511.07543",
        groups=RESI,
        **described(standardised_features),
    ),
    similarity(
        name="soft_correlation_match",
        matrix=soft_correlation_match,
        range=(-1.0, 1.0),
        invariant_to=SHIFT | ORDER | SCALE,
        source="Li et al. (2016), arXiv:1511.07543",
        groups=RESI,
        **described(standardised_features),
    ),
)
