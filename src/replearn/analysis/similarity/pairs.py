"""The plain ways to fill a matrix of all pairs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from replearn.analysis.similarity.representation import Array


def each_pair(
    rows: Sequence[Any],
    columns: Sequence[Any],
    value: Callable[[Any, Any], Any],
    symmetric: bool = True,
) -> Array:
    """Return (I, J): `value` of each of `rows` with each of `columns`.

    The same list twice is half of the work if `value` is symmetric.
    """
    out = np.empty((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            mirrored = symmetric and rows is columns and j < i
            out[i, j] = out[j, i] if mirrored else value(one, other)
    return out


def mirrored(upper: Array, symmetric: bool) -> Array:
    """Return a matrix whose lower triangle is the mirror image of the upper if `symmetric`."""
    return np.triu(upper) + np.triu(upper, 1).T if symmetric else upper


def difference(rows: Sequence[float], columns: Sequence[float]) -> Array:
    """Return (I, J): the absolute differences of one number of each."""
    return np.abs(np.subtract.outer(rows, columns))
