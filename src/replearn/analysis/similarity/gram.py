"""Inner products of N inputs with each other: whole, or by a root that has fewer columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import Arithmetic, Array


@dataclass(frozen=True)
class Gram:
    """A symmetric positive matrix K (N, N), whole or by its root.

    Attributes:
        root: (N, D), F with F F' = K; or None.
        whole: (N, N), K; or None where `root` is given.
        diagonal: (N,), that of K, in float64.
    """

    root: Array | None
    whole: Array | None
    diagonal: Array

    @classmethod
    def of(cls, x: Array) -> "Gram":
        """Return that of the rows of `x` (N, D): whole if they are wide."""
        diagonal = np.einsum("nd,nd->n", x, x, dtype=np.float64)
        return cls(None, x @ x.T, diagonal) if x.shape[1] > x.shape[0] else cls(x, None, diagonal)

    @property
    def n(self) -> int:
        """Return the number N of rows."""
        return len(self.diagonal)

    def rows(self, start: int, stop: int, first: int = 0) -> Array:
        """Return rows `start` to `stop` from column `first` on: (stop - start, N - first)."""
        if self.root is not None:
            return self.root[start:stop] @ self.root[first:].T
        return self._known()[start:stop, first:].copy()

    def put(self, arithmetic: Arithmetic) -> "NativeGram":
        """Return it for products of native arrays."""
        if self.root is not None:
            return NativeGram(arithmetic, arithmetic.put(self.root), None)
        return NativeGram(arithmetic, None, arithmetic.put(self._known()))

    def _known(self) -> Array:
        if self.whole is None:
            raise RuntimeError("neither coordinates nor Gram matrix were prepared")
        return self.whole


class NativeGram:
    """A Gram matrix on the device, of which tiles are asked for."""

    def __init__(self, arithmetic: Arithmetic, root: Any, whole: Any):
        self._arithmetic, self._root, self._whole = arithmetic, root, whole

    def tile(self, rows: slice, columns: slice, out: Any) -> None:
        """Write K[rows, columns] into `out`."""
        if self._root is not None:
            self._arithmetic.product(self._root[rows], self._root[columns].T, out=out)
        else:
            out[:] = self._whole[rows, columns]
