"""What all inputs of one representation are to each other, made a few rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import Array
from replearn.analysis.similarity.gram import Gram

_ROWS = 96
_BYTES = 2**26


def spans(n: int, held: float = 1.0) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of row tiles of an (n, n) matrix, `held` of which are in work at once."""
    step = int(np.clip(_BYTES / (8.0 * held * n), 1, _ROWS))
    for start in range(0, n, step):
        yield start, min(start + step, n)


@dataclass(frozen=True)
class Points:
    """Squared Euclidean distances of N rows, from the inner products of the centred rows."""

    gram: Gram

    @classmethod
    def of(cls, x: Array) -> "Points":
        """Return those of the rows of `x` (N, D)."""
        return cls(Gram.of(x - x.mean(axis=0)))

    @property
    def n(self) -> int:
        """Return the number N of rows."""
        return self.gram.n

    def rows(self, start: int, stop: int, first: int = 0) -> Array:
        """Return rows `start` to `stop` from column `first` on: (stop - start, N - first)."""
        out = self.gram.rows(start, stop, first)
        out *= -2.0
        out += self.gram.diagonal[first:]
        out += self.gram.diagonal[start:stop, None]
        np.maximum(out, 0.0, out=out)  # what is rounded below 0
        inputs = np.arange(max(start, first), stop)
        out[inputs - start, inputs - first] = 0.0
        return out

    def half(self) -> Array:
        """Return what lies above the diagonal, row by row: (N (N - 1) / 2,)."""
        n = self.n
        out = np.empty(n * (n - 1) // 2)
        filled = 0
        for start, stop in spans(n):
            for a, row in enumerate(self.rows(start, stop, start)):
                part = row[a + 1 :]
                out[filled : filled + len(part)] = part
                filled += len(part)
        return out


def tile_products(
    rows: Sequence[Any], columns: Sequence[Any], n: int, tile: Callable[[Any, int, int], Array]
) -> tuple[Array, Array, Array]:
    """Return the inner products of symmetric matrices: (I, J), and with themselves (I,) and (J,).

    Args:
        rows, columns: what the matrices (n, n) are made of; the same list for half of the work.
        n: their size.
        tile: `(member, start, stop) -> (stop - start, n - start)`, rows from the diagonal on.
    """

    def stacked(side: Sequence[Any], start: int, stop: int) -> Array:
        out = np.stack([tile(one, start, stop) for one in side])
        # What lies right of the tile's square stands for its mirror image below as well.
        out[:, :, stop - start :] *= np.sqrt(2.0)
        return out.reshape(len(side), -1)

    inner = np.zeros((len(rows), len(columns)))
    own = np.zeros(len(rows)), np.zeros(len(columns))
    for start, stop in spans(n, len(rows) + (0 if rows is columns else len(columns))):
        left = stacked(rows, start, stop)
        right = left if rows is columns else stacked(columns, start, stop)
        inner += left @ right.T
        for sums, side in zip(own, (left, right), strict=True):
            sums += np.einsum("ij,ij->i", side, side)
    return inner, *own
