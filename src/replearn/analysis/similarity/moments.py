"""What each input adds to the inner products of Gram matrices, in sums for standard errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.similarity.arithmetic import Arithmetic, Array
from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.inner import Tiles, tile_shape


@dataclass
class Moments:
    """Sums over inputs of their parts in <K, L>, <K, K> and <L, L>, and of their products."""

    xy: Array  # (I, J)
    xy_xy: Array
    xy_xx: Array
    xy_yy: Array
    xx_yy: Array
    xx: Array  # (I, 1)
    xx_xx: Array
    yy: Array  # (1, J)
    yy_yy: Array

    @classmethod
    def zero(cls, i: int, j: int) -> "Moments":
        """Return those of no input."""
        shapes = [(i, j)] * 5 + [(i, 1)] * 2 + [(1, j)] * 2
        return cls(*(np.zeros(shape) for shape in shapes))

    def add(self, part: Array, first: Array, second: Array) -> None:
        """Add inputs: their parts (B, I, J), (B, I) and (B, J)."""
        self.xy += part.sum(axis=0)
        self.xy_xy += np.einsum("bij,bij->ij", part, part)
        self.xy_xx += np.einsum("bij,bi->ij", part, first)
        self.xy_yy += np.einsum("bij,bj->ij", part, second)
        self.xx_yy += first.T @ second
        self.xx += first.sum(axis=0)[:, None]
        self.xx_xx += (first**2).sum(axis=0)[:, None]
        self.yy += second.sum(axis=0)
        self.yy_yy += (second**2).sum(axis=0)

    def error(self, n: int, rounding: float) -> Array:
        """Return the standard error of xy / sqrt(xx yy), to which an input adds a row and a column.

        Its influence is 2 (a - xy (b / xx + c / yy) / 2) / sqrt(xx yy) of its parts a, b, c. It
        is 0 where the value is within `rounding` of 1, as of identical ones for all inputs.
        """
        first, second = 0.5 * self.xy / self.xx, 0.5 * self.xy / self.yy
        square = (
            self.xy_xy
            + first**2 * self.xx_xx
            + second**2 * self.yy_yy
            - 2.0 * first * self.xy_xx
            - 2.0 * second * self.xy_yy
            + 2.0 * first * second * self.xx_yy
        )
        square = np.clip(square, 0.0, None) * n / (n - 1)
        size = np.sqrt(self.xx * self.yy)
        return np.where(self.xy >= (1.0 - rounding) * size, 0.0, 2.0 * np.sqrt(square) / size)


def cka_moments(
    rows: Sequence[Gram],
    columns: Sequence[Gram],
    arithmetic: Arithmetic,
    memory: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Moments, Moments]:
    """Return the moments of all pairs of Gram matrices of trace 1: as they are, and U-centred.

    The part of input a in <K, L> is the sum over b of K_ab L_ab. Both kinds come from one pass over
    tiles of all matrices. Arguments as of `inner_products`.
    """
    n, symmetric = len(rows[0].diagonal), rows is columns
    plain, centred = (Moments.zero(len(rows), len(columns)) for _ in range(2))
    left = Tiles(rows, arithmetic)
    right = left if symmetric else Tiles(columns, arithmetic)
    sides = [_UCentring(rows, arithmetic)]
    sides += [] if symmetric else [_UCentring(columns, arithmetic)]
    held = len(rows) + (0 if symmetric else len(columns))
    height, reach = tile_shape(n, held, arithmetic, memory / 2)
    height = int(np.clip(memory / (64 * len(rows) * len(columns)), 1, height))
    for start in range(0, n, height):
        stop = min(start + height, n)
        parts = [_Parts(stop - start, len(rows), len(columns)) for _ in range(2)]
        edges = [*range(0, start, reach), start, *range(stop, n, reach), n]
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            place = slice(start, stop), slice(begin, end)
            tiles = [left.get(*place)] + ([] if symmetric else [right.get(*place)])
            parts[0].add(tiles, arithmetic)
            for tile, side in zip(tiles, sides, strict=True):
                side.centre(tile, *place)
            parts[1].add(tiles, arithmetic)
        for moments, part in zip((plain, centred), parts, strict=True):
            moments.add(part.cross, *part.own)
        tell(stop, n)
    return plain, centred


class _UCentring:
    """K becomes the U-centred K_ab + (K_aa + K_bb) / (N-2) - tr K / ((N-1)(N-2)), diagonal 0."""

    def __init__(self, grams: Sequence[Gram], arithmetic: Arithmetic):
        n = len(grams[0].diagonal)
        rows = np.stack([g.diagonal for g in grams]) / max(n - 2, 1)
        self._columns = arithmetic.put(rows)
        self._rows = arithmetic.put(rows - 1.0 / max((n - 1) * (n - 2), 1))

    def centre(self, tiles: Any, rows: slice, columns: slice) -> None:
        tiles += self._columns[:, None, columns]
        tiles += self._rows[:, rows, None]
        if rows == columns:
            tiles.reshape(len(tiles), -1)[:, :: rows.stop - rows.start + 1] = 0.0


class _Parts:
    """The parts of some inputs in <K, L>, and in <K, K> and <L, L>."""

    def __init__(self, inputs: int, i: int, j: int):
        self.cross = np.zeros((inputs, i, j))
        self._own = [np.zeros((inputs, i)), np.zeros((inputs, j))]

    @property
    def own(self) -> tuple[Array, Array]:
        """(B, I) and (B, J)."""
        return self._own[0], self._own[1]

    def add(self, tiles: list[Any], arithmetic: Arithmetic) -> None:
        """Add columns: tiles (I, B, .) and, if they are others, (J, B, .)."""
        first, second = tiles[0].swapaxes(0, 1), tiles[-1].swapaxes(0, 1)
        part = arithmetic.take(arithmetic.product(first, second.swapaxes(1, 2)))
        self.cross += part
        if len(tiles) == 1:
            own = np.diagonal(part, axis1=1, axis2=2)
            sums = [own, own]
        else:
            sums = [arithmetic.take((tile * tile).sum(2)).T for tile in tiles]
        for kept, new in zip(self._own, sums, strict=True):
            kept += new
