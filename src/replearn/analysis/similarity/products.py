"""The matrix products that the measures of all pairs are made of, computed in blocks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import arithmetic
from replearn.analysis.similarity.cross import Crosses, factors_of
from replearn.analysis.similarity.inner import Gram, block_width, groups, inner_products
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
        for left, right, product in self._blocks(coordinates_of, "nuclear norms"):
            product = self.arithmetic.take(product)
            tops, lefts = self._edges(left, self.rows), self._edges(right, self.columns)
            for i, top, bottom in zip(left, tops[:-1], tops[1:], strict=True):
                for j, start, end in zip(right, lefts[:-1], lefts[1:], strict=True):
                    if self.symmetric and j < i:
                        continue
                    cross = product[top:bottom, start:end]
                    out[i, j] = np.linalg.svd(cross, compute_uv=False).sum()
                    if self.symmetric:
                        out[j, i] = out[i, j]
        return exact_cosine(out)

    def crosses(self) -> Iterator[tuple[list[int], list[int], Crosses]]:
        """Yield the indices of some rows and some columns with their cross products.

        They come from large matrix products of several representations side by side, and only
        those of one such product are held. If rows and columns are the same, one half is enough.
        """
        for left, right, product in self._blocks(lambda r: factors_of(r).u, "cross products"):
            rows = [self.rows[i] for i in left]
            columns = rows if left is right else [self.columns[j] for j in right]
            yield left, right, Crosses(rows, columns, product, self.arithmetic)

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
        self, part: Callable[[Representation], Array], stage: str
    ) -> Iterator[tuple[list[int], list[int], Any]]:
        """Yield indices of rows and columns with the native product of their parts (N, .)."""
        tell = self._stage(stage)
        width = block_width(self.n, self.memory)
        rows = groups([part(r).shape[1] for r in self.rows], width)
        columns = rows
        if not self.symmetric:
            columns = groups([part(r).shape[1] for r in self.columns], width)

        def joined(side: Sequence[Representation], group: list[int]) -> Any:
            parts = [self.arithmetic.put(part(side[k])) for k in group]
            return self.arithmetic.side_by_side(parts)

        for number, group in enumerate(rows):
            left = joined(self.rows, group)
            for other in columns[number:] if self.symmetric else columns:
                right = left if other is group else joined(self.columns, other)
                yield group, other, self.arithmetic.product(left.T, right)
            tell(group[-1] + 1, len(self.rows))

    def _edges(self, group: list[int], side: list[Representation]) -> list[int]:
        return [0, *np.cumsum([coordinates_of(side[k]).shape[1] for k in group])]

    def _stage(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self.tell(name, done, total)


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
