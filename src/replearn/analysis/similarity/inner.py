"""Inner products <F F', G G'> of the Gram matrices of many features: of all pairs, in blocks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import Arithmetic, Array
from replearn.analysis.similarity.gram import Gram

# Rows and columns of a tile: enough for full speed of the matrix products, few enough to lose
# little of the saving by symmetry and to stay in the cache.
_TILE = 200
_REACH = 1000


def inner_products(
    rows: Sequence[Gram],
    columns: Sequence[Gram],
    arithmetic: Arithmetic,
    memory: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    """Return <K_i, L_j> for every K of `rows` and L of `columns`, in float64: (I, J).

    From ||F'G||² of all roots side by side or from tiles of the Gram matrices, whichever takes
    fewer operations. The same list twice is half of the work.

    Args:
        rows, columns: of the same number N of inputs.
        arithmetic: of the products; sums are in float64.
        memory: bytes that intermediate results may take.
        tell: told how much is done, and of how much.
    """
    route = _by_roots if roots_are_cheaper(rows, columns) else _by_tiles
    return route(rows, columns, arithmetic, memory, tell)


def roots_are_cheaper(rows: Sequence[Gram], columns: Sequence[Gram]) -> bool:
    """Return whether products of roots take fewer operations than tiles of Gram matrices."""
    widths = [[0 if g.root is None else g.root.shape[1] for g in side] for side in (rows, columns)]
    if not all(map(all, widths)):
        return False
    return root_operations(rows, columns) <= tile_operations(rows, columns)


def root_operations(rows: Sequence[Gram], columns: Sequence[Gram]) -> float:
    """Return the operations of all F'G: 2 N sum(D_i) sum(D_j), half of it by symmetry."""
    wide, other = map(_width, (rows, columns))
    return (1.0 if rows is columns else 2.0) * len(rows[0].diagonal) * wide * other


def tile_operations(rows: Sequence[Gram], columns: Sequence[Gram]) -> float:
    """Return the operations of half of each Gram matrix, N² D, and of all pairs of them, N²."""
    wide = _width(rows) + (0 if rows is columns else _width(columns))
    pairs = len(rows) * len(columns) / (2 if rows is columns else 1)
    return float(len(rows[0].diagonal)) ** 2 * (wide + pairs)


def _width(grams: Sequence[Gram]) -> int:
    return sum(g.root.shape[1] for g in grams if g.root is not None)


def _by_roots(
    rows: Sequence[Gram],
    columns: Sequence[Gram],
    arithmetic: Arithmetic,
    memory: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    out = np.empty((len(rows), len(columns)))
    symmetric = rows is columns
    own = [arithmetic.put(g.root) for g in rows if g.root is not None]
    others = own
    if not symmetric:
        others = [arithmetic.put(g.root) for g in columns if g.root is not None]
    width = block_width(len(rows[0].diagonal), memory)
    left = groups([f.shape[1] for f in own], width)
    right = left if symmetric else groups([f.shape[1] for f in others], width)
    for number, group in enumerate(left):
        first = arithmetic.side_by_side([own[i] for i in group])
        tops = [np.ones(own[i].shape[1]) for i in group]
        for other in right[number:] if symmetric else right:
            second = arithmetic.side_by_side([others[j] for j in other])
            lefts = [np.ones(others[j].shape[1]) for j in other]
            sums = arithmetic.weighted_squares(arithmetic.product(first.T, second), tops, lefts)
            out[np.ix_(group, other)] = sums
            if symmetric:
                out[np.ix_(other, group)] = sums.T
        tell(group[-1] + 1, len(rows))
    return out


def _by_tiles(
    rows: Sequence[Gram],
    columns: Sequence[Gram],
    arithmetic: Arithmetic,
    memory: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    """Add over tiles of the upper triangles; diagonals, which outweigh the rest, in float64."""
    n = len(rows[0].diagonal)
    diagonals = np.stack([g.diagonal for g in rows])
    out = diagonals @ (diagonals if rows is columns else np.stack([g.diagonal for g in columns])).T
    left = Tiles(rows, arithmetic)
    right = left if rows is columns else Tiles(columns, arithmetic)
    held = len(rows) + (0 if rows is columns else len(columns))
    height, reach = tile_shape(n, held, arithmetic, memory)
    for start in range(0, n, height):
        stop = min(start + height, n)
        edges = [start, *range(stop, n, reach), n]
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            place = slice(start, stop), slice(begin, end)
            first = left.get(*place).reshape(len(rows), -1)
            second = first if rows is columns else right.get(*place).reshape(len(columns), -1)
            if begin == start:
                first[:, :: stop - start + 1] = 0.0
                second[:, :: stop - start + 1] = 0.0
            # What lies beside the diagonal stands for itself and for its mirror image.
            weight = 1.0 if begin == start else 2.0
            out += weight * arithmetic.take(arithmetic.product(first, second.T))
        tell(stop, n)
    return out


class Tiles:
    """The same tile of many Gram matrices at a time."""

    def __init__(self, grams: Sequence[Gram], arithmetic: Arithmetic):
        self._grams = [g.put(arithmetic) for g in grams]
        self._arithmetic = arithmetic
        self._space: Any = arithmetic.empty(0)

    def get(self, rows: slice, columns: slice) -> Any:
        """Return the native tiles (I, rows, columns), valid until the next call."""
        shape = (len(self._grams), rows.stop - rows.start, columns.stop - columns.start)
        if len(self._space) < (size := int(np.prod(shape))):
            self._space = self._arithmetic.empty(size)
        out = self._space[:size].reshape(shape)
        for k, gram in enumerate(self._grams):
            gram.tile(rows, columns, out[k])
        return out


def tile_shape(n: int, held: int, arithmetic: Arithmetic, memory: float) -> tuple[int, int]:
    """Return rows and columns of tiles of `held` Gram matrices that fit into `memory` bytes."""
    numbers = memory / (arithmetic.dtype.itemsize * held)
    height = int(np.clip(np.sqrt(numbers), 1, min(_TILE, n)))
    return height, int(np.clip(numbers / height, 1, min(_REACH, n)))


def block_width(n: int, memory: float) -> int:
    """Return how many columns (N,) two groups may have, so that they and their product fit."""
    return max(1, int(min(np.sqrt(memory / 16), memory / (32 * n))))


def groups(widths: Sequence[int], most: int) -> list[list[int]]:
    """Split the indices into runs of at most `most` columns, at least one member each."""
    found: list[list[int]] = []
    filled = 0
    for i, width in enumerate(widths):
        if not found or filled + width > most:
            found.append([])
            filled = 0
        found[-1].append(i)
        filled += width
    return found
