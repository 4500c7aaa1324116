"""Points in the plane: t-SNE of vectors, and scaling of distances that a measure gives."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.similarity import MEASURES, choose
from replearn.errors import InputError

Array = NDArray[np.float64]

FEWEST_POINTS = 7  # of t-SNE: two neighbours each, see `tsne`
MOST_DIMENSIONS = 50  # that t-SNE is given

# Similarities that are the cosine of an angle between two vectors: of Gram, kernel or distance
# matrices, centred in one way or another, or of singular values. Angles are a metric.
COSINES = frozenset(
    {
        "cka_linear", "cka_debiased", "cka_minibatch", "cka_rbf", "cka_rbf_debiased",
        "rsa", "distance_correlation_unbiased", "nbs",
    }
)  # fmt: skip


def lower_triangle(matrix: ArrayLike) -> Array:
    """Return what stands below the diagonal of a symmetric matrix, row by row.

    Args:
        matrix: (L, L) similarities of the layers of one network with each other.

    Returns:
        (L (L - 1) / 2,), in the order (1, 0), (2, 0), (2, 1), (3, 0) ...

    Raises:
        InputError: if the matrix is not symmetric: half of it does not stand for all of it.
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2 or len(matrix) != matrix.shape[-1] or len(matrix) < 2:
        raise InputError(f"a triangle is of a square matrix of 2 rows or more, not {matrix.shape}.")
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-9, equal_nan=True):
        raise InputError("a triangle stands for a symmetric matrix, and this one is not: take a "
                         "symmetric measure, or the mean of both directions.")  # fmt: skip
    return matrix[np.tril_indices(len(matrix), k=-1)]


def tsne(vectors: ArrayLike, seed: int = 0, perplexity: float | None = None) -> Array:
    """Return a point (M, 2) for each of M vectors: near ones stay near, distances say nothing.

    Args:
        vectors: (M, F). Of more than 50 dimensions, the first 50 principal components are taken.
        seed: of the optimisation.
        perplexity: how many neighbours count; 30, or (M - 1) / 3 of few points, by default.

    Raises:
        InputError: if there are fewer than 7 points or 2 dimensions, a value is not finite, or all
            points are the same.

    Source:
        van der Maaten & Hinton (2008), JMLR 9.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    points = np.asarray(vectors, dtype=float)
    if points.ndim != 2 or len(points) < FEWEST_POINTS:
        raise InputError(
            f"t-SNE needs at least {FEWEST_POINTS} points, got {len(points)}; ask for more runs "
            f"or more steps, or take tool=mds."
        )
    if points.shape[1] < 2:
        raise InputError("t-SNE needs points of 2 dimensions or more, that is 3 layers or more.")
    if not np.isfinite(points).all():
        raise InputError("t-SNE needs finite numbers, got NaN or infinite ones.")
    if not np.ptp(points, axis=0).any():
        raise InputError(f"all {len(points)} points are the same: there is nothing to draw.")
    if points.shape[1] > MOST_DIMENSIONS:
        most = min(MOST_DIMENSIONS, len(points))
        points = PCA(most, svd_solver="full", random_state=seed).fit_transform(points)
    wide = min(30.0, (len(points) - 1) / 3) if perplexity is None else perplexity
    return np.asarray(TSNE(perplexity=wide, random_state=seed).fit_transform(points), dtype=float)


def mds(distances: ArrayLike, steps: int = 1000) -> tuple[Array, float]:
    """Return a point (M, 2) for each of M items, their distances as near as can be to those given.

    Classical scaling, then majorisation of the raw stress until it stands still. The axes are the
    principal ones, so that the answer does not depend on the order of the items but for mirroring.

    Args:
        distances: (M, M), symmetric, 0 on the diagonal.
        steps: of majorisation, at most.

    Returns:
        points, in the unit of the distances; stress: the root of the squared error of all
        distances relative to the squares of those shown (Kruskal's stress 1; 0.05 is good, 0.2
        poor).

    Raises:
        InputError: if these are no distances of at least 3 items, or all of them are 0.

    Source:
        Torgerson (1952), Psychometrika 17; de Leeuw (1977), SMACOF; Kruskal (1964), Psychometrika
        29.
    """
    given = np.asarray(distances, dtype=float)
    if given.ndim != 2 or len(given) != given.shape[1] or len(given) < 3:
        raise InputError(f"scaling needs the distances of 3 items or more, not of {given.shape}.")
    if not np.isfinite(given).all() or (given < 0).any() or np.diag(given).any():
        raise InputError("distances are finite, not negative, and 0 between an item and itself.")
    if not np.allclose(given, given.T, rtol=0, atol=1e-9):
        raise InputError("distances are the same in both directions, and these are not.")
    if not given.any():
        raise InputError(f"all {len(given)} items are the same: there is nothing to draw.")
    points, stress = _classical(given), np.inf
    for _ in range(steps):
        shown = _between(points)
        before, stress = stress, _stress(given, shown)
        if stress >= before * (1 - 1e-9):
            break
        ratio = np.divide(given, shown, out=np.zeros_like(given), where=shown > 0)
        points = (ratio.sum(axis=1)[:, None] * points - ratio @ points) / len(points)
    points = points - points.mean(axis=0)
    axes = np.linalg.svd(points, full_matrices=False)[2]
    points = points @ axes.T
    points *= np.sign(points[np.abs(points).argmax(axis=0), [0, 1]] + 1e-300)
    return points, _stress(given, _between(points))


def metric_distances(values: ArrayLike, measure: str) -> tuple[Array, str]:
    """Return distances that obey the triangle inequality, and how they were made of `values`.

    Args:
        values: (M, M) of a measure; NaN stays NaN.
        measure: its name with its parameters.

    Returns:
        (M, M), symmetric, 0 on the diagonal; words for an axis, such as "arccos of cka_linear
        (radians)".

    Raises:
        InputError: if the measure is no metric and no rule makes one of it.
    """
    name = choose(measure, MEASURES).measure.name
    values = np.asarray(values, dtype=float)
    if MEASURES[name].is_metric:
        made, words = values, f"{measure} (radians)" if "angular" in name else measure
    elif name in COSINES:
        made, words = _angle(values), f"arccos of {measure} (radians)"
    elif name == "distance_correlation":  # its square is the cosine
        made, words = _angle(values**2), f"arccos of {measure}² (radians)"
    elif name == "jaccard":  # 1 - Jaccard is a metric of sets, and this its mean over inputs
        made, words = 1.0 - values, f"1 - {measure}"
    else:
        good = sorted({m.name for m in MEASURES.values() if m.is_metric} | COSINES)
        raise InputError(
            f"{measure} is no metric, so that points cannot stand for it; take one of "
            f"{', '.join([*good, 'distance_correlation', 'jaccard'])}, or tool=dendrogram."
        )
    return symmetric(made), words


def symmetric(distances: Array) -> Array:
    """Return the mean of both directions, with 0 on the diagonal."""
    both = (distances + distances.T) / 2
    np.fill_diagonal(both, 0.0)
    return both


def _angle(values: Array) -> Array:
    return np.arccos(np.clip(values, -1.0, 1.0))


def _classical(distances: Array) -> Array:
    """Return points (M, 2) of the two largest eigenvalues of the centred squares (Torgerson)."""
    squares = distances**2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    return vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0))


def _between(points: Array) -> Array:
    from scipy.spatial.distance import pdist, squareform

    return squareform(pdist(points))


def _stress(given: Array, shown: Array) -> float:
    return float(np.sqrt(((given - shown) ** 2).sum() / (shown**2).sum()))
