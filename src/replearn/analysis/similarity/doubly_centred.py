"""Doubly centred matrices of distances or of a kernel, made a few rows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import Points, spans, tile_products

# What is left of a matrix by centring is rounding below this share of its norm.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Centred:
    """Distances or similarities (N, N) whose rows and columns have mean 0, or are U-centred.

    Attributes:
        points: the inputs.
        width: the entries are exp(-d² / width); of None, the distances d themselves.
        unbiased: U-centred, after Székely & Rizzo (2014), arXiv:1310.2926, definition 2: the
            diagonal is taken out (Song et al. 2012, equation 5), and what is left sums to 0.
        sums: (N,) of the rows before they are centred.
        size: Frobenius norm of the matrix before it is centred.
    """

    points: Points
    width: float | None
    unbiased: bool
    sums: Array
    size: float

    @classmethod
    def of(cls, points: Points, width: float | None = None, unbiased: bool = False) -> "Centred":
        """Return the matrix of these inputs."""
        sums, squares = np.zeros(points.n), 0.0
        for start, stop in spans(points.n):
            entries = _entries(points, width, unbiased, start, stop)
            beyond = entries[:, stop - start :]
            sums[start:stop] += entries.sum(axis=1)
            sums[stop:] += beyond.sum(axis=0)
            squares += np.vdot(entries, entries) + np.vdot(beyond, beyond)
        return cls(points, width, unbiased, sums, float(np.sqrt(squares)))

    def rows(self, start: int, stop: int) -> Array:
        """Return rows `start` to `stop` from the diagonal on: (stop - start, N - start)."""
        out = _entries(self.points, self.width, self.unbiased, start, stop)
        n = self.points.n
        each, all_ = (n - 2, (n - 1) * (n - 2)) if self.unbiased else (n, n * n)
        out -= self.sums[start:] / each
        out -= self.sums[start:stop, None] / each
        out += self.sums.sum() / all_
        if self.unbiased:
            np.fill_diagonal(out, 0.0)
        return out


def correlations(rows: Sequence[Centred], columns: Sequence[Centred]) -> Array:
    """Return the cosines (I, J) of the centred matrices; NaN where one is rounding."""
    n = rows[0].points.n
    inner, *own = tile_products(rows, columns, n, lambda one, a, b: one.rows(a, b))
    left, right = (
        np.array([norm if norm > ROUNDING * one.size else np.nan for norm, one in members])
        for members in (
            zip(np.sqrt(squares), side, strict=True)
            for squares, side in zip(own, (rows, columns), strict=True)
        )
    )
    return inner / left[:, None] / right


def _entries(points: Points, width: float | None, unbiased: bool, start: int, stop: int) -> Array:
    out = points.rows(start, stop, start)
    if width is None:
        return np.sqrt(out, out=out)
    out /= -width
    np.exp(out, out=out)
    if unbiased:
        np.fill_diagonal(out, 0.0)
    return out
