"""Who is nearest to whom among the inputs of one representation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import Points, spans
from replearn.errors import InputError

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of each input, nearest first (N, k)."""

    nearest: Indices


@dataclass(frozen=True)
class Similarities(Neighbours):
    """The same, and the similarities of all inputs."""

    gram: Gram


@dataclass(frozen=True)
class Edges(Neighbours):
    """The same, and the similarities (N, k) of each input to its nearest."""

    weights: Array


def nearest(x: Array, k: int, by: str) -> Neighbours:
    """Return the k rows of `x` (N, D) most similar to each row, itself left out.

    Args:
        x: (N, D), not centred.
        k: how many.
        by: "cosine", or "inner" for inner products of the rows as they are.

    Raises:
        InputError: if there are not more than k + 1 inputs, or no such similarity.
    """
    return Neighbours(_nearest(_gram(x, by), k)[0])


def nearest_and_similarities(x: Array, k: int, by: str) -> Similarities:
    """Return the same, with the similarities of all inputs."""
    gram = _gram(x, by)
    return Similarities(_nearest(gram, k)[0], gram)


def edges(x: Array, k: int, by: str) -> Edges:
    """Return the same, with the similarities of the nearest alone."""
    return Edges(*_nearest(_gram(x, by), k))


def nearest_by_distance(x: Array, k: int) -> Indices:
    """Return the indices (N, k) of the k rows of `x` (N, D) nearest to each, itself left out."""
    return _nearest(Points.of(x), k, sign=1.0)[0]


def _gram(x: Array, by: str) -> Gram:
    if by not in ("cosine", "inner"):
        raise InputError(f"by must be cosine or inner, got {by!r}.")
    if by == "inner":
        return Gram.of(x)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return Gram.of(np.divide(x, length, out=np.zeros_like(x), where=length > 0))


def _nearest(of: Gram | Points, k: int, sign: float = -1.0) -> tuple[Indices, Array]:
    n = of.n
    if not 1 <= k < n - 1:
        raise InputError(f"k nearest of {n} inputs need 1 <= k < {n - 1}, got k={k}.")
    indices, values = np.empty((n, k), dtype=np.int32), np.empty((n, k))
    for start, stop in spans(n):
        far = sign * of.rows(start, stop)
        inputs = np.arange(start, stop)
        far[inputs - start, inputs] = np.inf  # also of a row that is there twice
        found = np.argpartition(far, k - 1, axis=1)[:, :k]
        found_far = np.take_along_axis(far, found, axis=1)
        # Equally near ones in the order of the inputs.
        order = np.lexsort((found, found_far), axis=1)
        indices[start:stop] = np.take_along_axis(found, order, axis=1)
        values[start:stop] = sign * np.take_along_axis(found_far, order, axis=1)
    return indices, values
