"""Which representations belong together: hierarchical clustering of what a measure says."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.embedding import metric_distances, symmetric
from replearn.analysis.similarity import MEASURES, choose
from replearn.errors import InputError

Array = NDArray[np.float64]


def dissimilarities(values: ArrayLike, measure: str) -> tuple[Array, str]:
    """Return how unlike each pair is, 0 for the same, and how that was made of `values`.

    As `metric_distances` where that has a rule; for other similarities their value on identical
    input less the value; other distances stay as they are. Average linkage needs no metric.

    Args:
        values: (M, M) of a measure.
        measure: its name with its parameters.

    Raises:
        InputError: if the measure has no value that means the same.
    """
    about = choose(measure, MEASURES).measure
    try:
        return metric_distances(values, measure)
    except InputError:
        values = np.asarray(values, dtype=float)
    if about.identical is None:
        raise InputError(
            f"{measure} of a representation with itself can be anything, so that nothing is "
            f"nearest by it; take another measure."
        )
    if not about.higher_is_closer:
        return symmetric(values), measure
    return symmetric(about.identical - values), f"{about.identical:g} - {measure}"


def cluster(dissimilarities: ArrayLike) -> Array:
    """Return the tree of average linkage (UPGMA), with similar leaves side by side.

    Args:
        dissimilarities: (M, M), symmetric, 0 on the diagonal, finite.

    Returns:
        (M - 1, 4) as scipy has it: two clusters, the mean dissimilarity at which they join, and
        how many leaves they have.

    Raises:
        InputError: if there are fewer than 2 items, or a value is not finite.

    Source:
        Sokal & Michener (1958); Bar-Joseph et al. (2001), Bioinformatics 17, for the order.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    matrix = np.asarray(dissimilarities, dtype=float)
    if len(matrix) < 2:
        raise InputError(f"a tree needs at least 2 leaves, got {len(matrix)}.")
    if not np.isfinite(matrix).all():
        raise InputError("a tree needs finite dissimilarities, got NaN or infinite ones.")
    return linkage(squareform(matrix, checks=False), method="average", optimal_ordering=True)


def leaf_order(tree: ArrayLike) -> list[int]:
    """Return the items in the order in which the leaves of a tree of `cluster` stand."""
    from scipy.cluster.hierarchy import leaves_list

    return leaves_list(np.asarray(tree)).tolist()
