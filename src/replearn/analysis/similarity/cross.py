"""Cross products of the directions of representations, from which canonical correlations come."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import Arithmetic, Array
from replearn.analysis.similarity.factors import Factors
from replearn.analysis.similarity.representation import Representation


class Cross:
    """C = U'U' of the left singular vectors of two centred representations of the same inputs.

    Attributes:
        x, y: the prepared representations, with factors.
        c: (r_x, r_y), its entries the cosines between directions of the two.
    """

    def __init__(self, x: Representation, y: Representation, c: Array):
        self.x, self.y, self.c = x, y, c

    @property
    def spectra(self) -> tuple[Array, Array]:
        """(r_x,) and (r_y,): the singular values, of square sum 1."""
        return factors_of(self.x).s, factors_of(self.y).s

    @property
    def correlations(self) -> Array:
        """(min(r_x, r_y),): the canonical correlations, in falling order, in [0, 1]."""
        return np.clip(np.linalg.svd(self.c, compute_uv=False), 0.0, 1.0).astype(np.float64)


class Crosses:
    """The cross products of I representations with J others, from one matrix product.

    Args:
        rows, columns: the prepared representations, with factors.
        product: the native product of their directions side by side.
        arithmetic: of the product.
        widths: how many directions each row, and each column, has.
    """

    def __init__(
        self,
        rows: Sequence[Representation],
        columns: Sequence[Representation],
        product: Any,
        arithmetic: Arithmetic,
        widths: Sequence[Sequence[int]],
    ):
        self.rows, self.columns = rows, columns
        self._product, self._arithmetic, self._widths = product, arithmetic, widths

    @property
    def swapped(self) -> "Crosses":
        """Those of the J others with the I representations."""
        widths = self._widths[::-1]
        return Crosses(self.columns, self.rows, self._product.T, self._arithmetic, widths)

    @property
    def spectra(self) -> tuple[list[Array], list[Array]]:
        """The singular values of each row and of each column, of square sum 1."""
        return [factors_of(r).s for r in self.rows], [factors_of(r).s for r in self.columns]

    @property
    def ranks(self) -> tuple[Array, Array]:
        """(I, 1) and (1, J): the ranks."""
        rows, columns = (np.array([[float(len(s)) for s in side]]) for side in self.spectra)
        return rows.T, columns

    def weighted(self, left: Sequence[Array], right: Sequence[Array]) -> Array:
        """Return a' (C∘C) b of each pair: (I, J); a (r_x,) from `left`, b (r_y,) from `right`."""
        return self._arithmetic.weighted_squares(self._product, left, right)

    def each(self, value: Callable[[Cross], float], symmetric: bool = False) -> Array:
        """Return `value` of each pair (I, J); of one half of them if the others are the same."""
        out = np.empty((len(self.rows), len(self.columns)))
        symmetric = symmetric and self.rows is self.columns
        tops, lefts = ([0, *np.cumsum(side)] for side in self._widths)
        for i, x in enumerate(self.rows):
            for j, y in enumerate(self.columns):
                if symmetric and j < i:
                    out[i, j] = out[j, i]
                    continue
                c = self._whole[tops[i] : tops[i + 1], lefts[j] : lefts[j + 1]]
                out[i, j] = value(Cross(x, y, c))
        return out

    @cached_property
    def _whole(self) -> Array:
        return self._arithmetic.take(self._product)


def factors_of(representation: Representation) -> Factors:
    """Return the factors of a representation that was prepared with them."""
    if representation.factors is None:
        raise RuntimeError("the representation was prepared without factors")
    return representation.factors
