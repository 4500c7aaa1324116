"""Representation topology divergence: holes that one representation has and the other closes."""

import math

import numpy as np

from replearn.analysis.similarity.pairs import each_pair
from replearn.analysis.similarity.promises import RESI, SHAPE, described, distance
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError


def scaled_distances(x: Array, sample: int, seed: int) -> Array:
    """Return the distances (m, m) of m rows of `x` (N, D), divided by their 90 % quantile.

    m = min(N, sample); the rows are drawn by `seed`, the same of all representations.

    Raises:
        InputError: if ripser is not installed, or `sample` is below 4.
    """
    from scipy.spatial.distance import pdist, squareform

    _ripser()
    if sample < 4:
        raise InputError(f"a sample needs 4 inputs at least, got {sample}.")
    if sample < len(x):
        x = x[np.sort(np.random.default_rng(seed).choice(len(x), sample, replace=False))]
    distances = squareform(pdist(x))
    far = np.quantile(distances, 0.9)
    return distances / far if far > 0 else np.full_like(distances, np.nan)


def cross_barcode(first: Array, second: Array) -> float:
    """Return the summed lengths of the loops of `first` that the nearer of both distances close.

    Args:
        first, second: distances (m, m).
    """
    if np.isnan(first).any() or np.isnan(second).any():
        return math.nan
    both = np.block([[np.zeros_like(first), first.T], [first, np.minimum(first, second)]])
    loops = _ripser()(both, maxdim=1, distance_matrix=True)["dgms"][1]
    return float((loops[:, 1] - loops[:, 0]).sum())


def rtd(rows: list[Array], columns: list[Array], sample: int = 200, seed: int = 0) -> Array:
    """Mean of the two cross-barcodes of dimension 1, of `sample` of the inputs.

    Seconds a pair: the cost grows with the cube of `sample`, and so does the value with it.

    Source: Barannikov et al. (2022), arXiv:2201.00058, algorithm 1.
    """

    def value(x: Array, y: Array) -> float:
        return (cross_barcode(x, y) + cross_barcode(y, x)) / 2.0

    return each_pair(rows, columns, value)


def _ripser():
    try:
        from ripser import ripser
    except ImportError:
        raise InputError(
            "rtd needs the package ripser: pip install ripser (or replearn[topology]), or leave "
            "rtd out of the measures."
        ) from None
    return ripser


MEASURES = (
    distance(
        name="rtd",
        matrix=rtd,
        range=(0.0, math.inf),
        is_metric=False,
        invariant_to=SHAPE,
        source="Barannikov et al. (2022), arXiv:2201.00058",
        undefined_when="9 in 10 of the distances between inputs are 0 in one of them",
        groups=RESI,
        package="ripser",
        **described(scaled_distances),
    ),
)
