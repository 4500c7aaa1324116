"""The matrix products that the measures of all pairs are made of, computed in blocks."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.cross import Cross
from replearn.analysis.similarity.representation import Array, Factors, Representation

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is."""


# Rows of a tile: enough for full speed of the matrix product, few enough to stay in the cache and
# to lose little of the saving by symmetry (measured: 64 to 256 are alike, 16 and 512 take 1.7x).
_TILE = 96


class Products:
    """Products of every representation of `rows` with every one of `columns`, made on first use.

    Args:
        rows: I prepared representations of the same N inputs.
        columns: J of them; the same list as `rows` for one half of the work.
        memory: bytes that a block of intermediate results may take.
        progress: told of every finished part.
    """

    def __init__(
        self,
        rows: Sequence[Representation],
        columns: Sequence[Representation],
        memory: float = 2**29,
        progress: Progress | None = None,
    ):
        self.rows, self.columns = list(rows), list(columns)
        self.n = self.rows[0].n
        self.symmetric = rows is columns
        self.memory = memory
        self.tell = progress or (lambda stage, done, total: None)

    @cached_property
    def inner(self) -> Array:
        """(I, J): <K_i, K_j> = ||X_i' X_j||^2 of centred features of Frobenius norm 1."""
        if all(r.gram is None for r in self.rows + self.columns):
            wide_rows = sum(_width(r) for r in self.rows)
            wide_columns = sum(_width(r) for r in self.columns)
            cross = 2.0 * self.n * wide_rows * wide_columns
            pairs = len(self.rows) * len(self.columns)
            building = wide_rows + (0 if self.symmetric else wide_columns)
            tiles = float(self.n) ** 2 * (building + pairs)
            if self.symmetric:
                cross /= 2
            if cross <= tiles:
                return self._inner_by_features()
        return self._inner_by_tiles()

    @cached_property
    def nuclear(self) -> Array:
        """(I, J): the nuclear norm of X_i' X_j, of centred features of Frobenius norm 1."""
        out = np.empty((len(self.rows), len(self.columns)))
        pairs = list(self._pairs())
        for done, (i, j) in enumerate(pairs, start=1):
            cross = _coordinates(self.rows[i]).T @ _coordinates(self.columns[j])
            out[i, j] = np.linalg.svd(cross, compute_uv=False).sum()
            if self.symmetric:
                out[j, i] = out[i, j]
            self.tell("nuclear norms", done, len(pairs))
        return out

    def described(self, name: str) -> tuple[list[Any], list[Any]]:
        """Return the descriptions of rows and of columns; the same list if they are the same."""
        rows = [r.described[name] for r in self.rows]
        return rows, rows if self.symmetric else [r.described[name] for r in self.columns]

    def crosses(self) -> Iterator[tuple[int, int, Cross]]:
        """Yield each pair of a row and a column with its cross product; j >= i if symmetric.

        They come from large matrix products of several representations side by side, and only
        those of one such product are held.
        """
        width = max(1, int(np.sqrt(self.memory / 16)))
        width = max(1, min(width, int(self.memory / (32 * self.n))))
        rows = _groups(self.rows, width, _rank)
        columns = rows if self.symmetric else _groups(self.columns, width, _rank)
        done, total = 0, sum(1 for _ in self._pairs())
        for number, group in enumerate(rows):
            left, left_edges = _side_by_side([_factors(self.rows[i]).u for i in group])
            for other in columns[number:] if self.symmetric else columns:
                right, right_edges = _side_by_side([_factors(self.columns[j]).u for j in other])
                products = left.T @ right
                for i, top in zip(group, left_edges, strict=True):
                    for j, start in zip(other, right_edges, strict=True):
                        if self.symmetric and j < i:
                            continue
                        x, y = self.rows[i], self.columns[j]
                        c = products[top : top + _rank(x), start : start + _rank(y)]
                        yield i, j, Cross(x, y, c)
                        done += 1
                self.tell("cross products", done, total)

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

    def _pairs(self) -> Iterator[tuple[int, int]]:
        for i in range(len(self.rows)):
            for j in range(i if self.symmetric else 0, len(self.columns)):
                yield i, j

    def _inner_by_features(self) -> Array:
        """Sum squares over blocks of one cross product of all features: N (sum D)^2 operations."""
        out = np.empty((len(self.rows), len(self.columns)))
        # A product of two groups and the two groups themselves are held at once.
        width = max(1, int(np.sqrt(self.memory / 16)))
        width = max(1, min(width, int(self.memory / (32 * self.n))))
        rows = _groups(self.rows, width, _width)
        columns = rows if self.symmetric else _groups(self.columns, width, _width)
        for number, group in enumerate(rows):
            left, left_edges = _side_by_side([_coordinates(self.rows[i]) for i in group])
            for other in columns[number:] if self.symmetric else columns:
                right, right_edges = _side_by_side([_coordinates(self.columns[j]) for j in other])
                cross = left.T @ right
                cross *= cross
                sums = np.add.reduceat(cross, right_edges, axis=1)
                sums = np.add.reduceat(sums, left_edges, axis=0)
                out[np.ix_(group, other)] = sums
                if self.symmetric:
                    out[np.ix_(other, group)] = sums.T
            self.tell("inner products", group[-1] + 1, len(self.rows))
        return out

    def _inner_by_tiles(self) -> Array:
        """Take vec(K_i)' vec(K_j) over row tiles of the upper triangles: N^2 operations a pair."""
        out = np.zeros((len(self.rows), len(self.columns)))
        held = len(self.rows) + (0 if self.symmetric else len(self.columns))
        tile = int(np.clip(self.memory / (8.0 * held * self.n), 1, min(_TILE, self.n)))
        mine = np.empty(len(self.rows) * tile * self.n)
        others = mine if self.symmetric else np.empty(len(self.columns) * tile * self.n)
        for start in range(0, self.n, tile):
            stop = min(start + tile, self.n)
            left = _tiles(self.rows, start, stop, mine)
            right = left if self.symmetric else _tiles(self.columns, start, stop, others)
            out += left @ right.T
            self.tell("inner products", stop, self.n)
        return out


def _tiles(representations: Sequence[Representation], start: int, stop: int, space: Array) -> Array:
    """Return the Gram matrices' rows from the diagonal on as vectors, written into `space`."""
    shape = (len(representations), stop - start, representations[0].n - start)
    out = space[: np.prod(shape)].reshape(shape)
    for k, representation in enumerate(representations):
        representation.gram_rows(start, stop, out[k])
    # What lies right of the tile's square stands for itself and for its mirror image below.
    out[:, :, stop - start :] *= np.sqrt(2.0)
    return out.reshape(len(representations), -1)


def _groups(
    representations: Sequence[Representation], width: int, count: Callable[[Representation], int]
) -> list[list[int]]:
    """Split the indices into runs of at most `width` columns, at least one member each."""
    groups: list[list[int]] = []
    filled = 0
    for i, representation in enumerate(representations):
        if not groups or filled + count(representation) > width:
            groups.append([])
            filled = 0
        groups[-1].append(i)
        filled += count(representation)
    return groups


def _side_by_side(parts: Sequence[Array]) -> tuple[Array, NDArray[np.intp]]:
    edges = np.cumsum([0] + [part.shape[1] for part in parts[:-1]])
    return np.concatenate(parts, axis=1), edges


def _coordinates(representation: Representation) -> Array:
    if representation.coordinates is None:
        raise RuntimeError("the representation was prepared without coordinates")
    return representation.coordinates


def _width(representation: Representation) -> int:
    return _coordinates(representation).shape[1]


def _factors(representation: Representation) -> Factors:
    if representation.factors is None:
        raise RuntimeError("the representation was prepared without factors")
    return representation.factors


def _rank(representation: Representation) -> int:
    return _factors(representation).rank


def _column(representations: Sequence[Representation], name: str) -> Array:
    return np.array([[getattr(r, name)] for r in representations], dtype=np.float64)
