"""The matrix products that the measures of all pairs are made of, computed in blocks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import arithmetic
from replearn.analysis.similarity.cross import Cross, Crosses, factors_of
from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.inner import block_width, groups, inner_products
from replearn.analysis.similarity.moments import Moments, cka_moments
from replearn.analysis.similarity.representation import Array, Representation

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is."""


# Sums of products of numbers of norm 1 err by some 1e-15.
ROUNDING = 1e-14


class Products:
    """Products of every representation of `rows` with every one of `columns`, made on first use.

    Args:
        rows: I prepared representations of the same N inputs.
        columns: J of them; the same list as `rows` for one half of the work.
        memory: bytes that a block of intermediate results may take.
        progress: told of every finished part.
        precision: "float64", or "float32" for the large products; those of representations that
            would lose more than 1e-6 by it stay in float64.
        device: "cpu", or "cuda" for the large products.
    """

    def __init__(
        self,
        rows: Sequence[Representation],
        columns: Sequence[Representation],
        memory: float = 2**29,
        progress: Progress | None = None,
        precision: str = "float64",
        device: str = "cpu",
    ):
        self.rows, self.columns = list(rows), list(columns)
        self.n = self.rows[0].n
        self.symmetric = rows is columns
        self._as_given = memory, progress, precision, device
        self._kept: tuple[list[int], list[int], Crosses] | None = None
        self.memory = memory
        self.tell = progress or (lambda stage, done, total: None)
        self.arithmetic = arithmetic(precision, device)
        bear = precision == "float64" or all(r.bears_float32 for r in self.rows + self.columns)
        self.safe = self.arithmetic if bear else arithmetic("float64", device)  # for Gram matrices

    @property
    def reverse(self) -> "Products":
        """Those of the columns with the rows."""
        return self if self.symmetric else Products(self.columns, self.rows, *self._as_given)

    @cached_property
    def inner(self) -> Array:
        """(I, J): <K_i, K_j> = ||X_i' X_j||^2 of centred features of Frobenius norm 1."""
        return inner_products(*self._kernels, self.safe, self.memory, self._stage("inner products"))

    @cached_property
    def moments(self) -> tuple[Moments, Moments]:
        """What the standard errors of linear and of debiased CKA are made of."""
        return cka_moments(*self._kernels, self.safe, self.memory, self._stage("standard errors"))

    @cached_property
    def nuclear(self) -> Array:
        """(I, J): the nuclear norm of X_i' X_j, of centred features of Frobenius norm 1."""
        out = np.empty((len(self.rows), len(self.columns)))
        factored = all(r.factors is not None for r in self.rows + self.columns)
        value = _nuclear_of_directions if factored else _nuclear
        blocks = self.crosses() if factored else self._blocks(coordinates_of)
        for left, right, crosses in blocks:
            values = crosses.each(value, symmetric=True)
            out[np.ix_(left, right)] = values
            if self.symmetric:
                out[np.ix_(right, left)] = values.T
            self.tell("nuclear norms", left[-1] + 1, len(self.rows))
        return exact_cosine(out)

    def crosses(self) -> Iterator[tuple[list[int], list[int], Crosses]]:
        """Yield the indices of some rows and some columns with their cross products.

        They come from large matrix products of several representations side by side, and only
        those of one such product are held. If rows and columns are the same, one half is enough.
        """
        if self._kept is not None:
            yield self._kept
            return
        for block in self._blocks(lambda r: factors_of(r).u):
            if len(block[0]) == len(self.rows) and len(block[1]) == len(self.columns):
                self._kept = block  # all there is: other measures use it as well
            yield block

    def described(self, name: str) -> tuple[list[Any], list[Any]]:
        """Return the descriptions of rows and of columns; the same list if they are the same."""
        rows = [r.described[name] for r in self.rows]
        return rows, rows if self.symmetric else [r.described[name] for r in self.columns]

    @property
    def row_products(self) -> Array:
        """(I, J): the inner products of the diagonals of K_i and K_j."""
        left = np.stack([r.row_norms for r in self.rows])
        return left @ np.stack([r.row_norms for r in self.columns]).T

    @property
    def self_inner(self) -> tuple[Array, Array]:
        """(I, 1) and (1, J): <K_i, K_i> and <K_j, K_j>."""
        return _column(self.rows, "gram_norm") ** 2, _column(self.columns, "gram_norm").T ** 2

    @property
    def self_row_products(self) -> tuple[Array, Array]:
        """(I, 1) and (1, J): the squared norms of the diagonals of K_i and K_j."""
        left = np.array([[r.row_norms @ r.row_norms] for r in self.rows])
        return left, np.array([[r.row_norms @ r.row_norms for r in self.columns]])

    @cached_property
    def _kernels(self) -> tuple[list[Gram], list[Gram]]:
        rows = [r.kernel for r in self.rows]
        return rows, rows if self.symmetric else [r.kernel for r in self.columns]

    def _blocks(
        self, part: Callable[[Representation], Array]
    ) -> Iterator[tuple[list[int], list[int], Crosses]]:
        """Yield indices of rows and columns with the products of their parts (N, .)."""
        tell = self._stage("cross products")
        width = block_width(self.n, self.memory)
        rows = groups([part(r).shape[1] for r in self.rows], width)
        columns = rows
        if not self.symmetric:
            columns = groups([part(r).shape[1] for r in self.columns], width)

        def joined(side: Sequence[Representation]) -> Any:
            return self.arithmetic.side_by_side([self.arithmetic.put(part(r)) for r in side])

        for number, group in enumerate(rows):
            mine = [self.rows[i] for i in group]
            left = joined(mine)
            for other in columns[number:] if self.symmetric else columns:
                others = mine if other is group else [self.columns[j] for j in other]
                right = left if other is group else joined(others)
                widths = [[part(r).shape[1] for r in side] for side in (mine, others)]
                product = self.arithmetic.product(left.T, right)
                yield group, other, Crosses(mine, others, product, self.arithmetic, widths)
            tell(group[-1] + 1, len(self.rows))

    def _stage(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self.tell(name, done, total)


def _nuclear(cross: Cross) -> float:
    return float(np.linalg.svd(cross.c, compute_uv=False).sum())


def _nuclear_of_directions(cross: Cross) -> float:
    first, second = cross.spectra
    return float(np.linalg.svd(first[:, None] * cross.c * second, compute_uv=False).sum())


def exact_cosine(cosines: Any) -> Any:
    """Return cosines, 1 where they are so up to rounding: what is equal has distance 0."""
    return np.where(cosines > 1.0 - ROUNDING, 1.0, cosines)


def coordinates_of(representation: Representation) -> Array:
    """Return the coordinates of a representation that was prepared with them."""
    if representation.coordinates is None:
        raise RuntimeError("the representation was prepared without coordinates")
    return representation.coordinates


def _column(representations: Sequence[Representation], name: str) -> Array:
    return np.array([[getattr(r, name)] for r in representations], dtype=np.float64)
