"""Standard errors of similarities over the choice of inputs, by the infinitesimal jackknife.

The value is a function of weights that the inputs have; its derivative by the weight of one input
is that input's influence, and the standard error the spread of influences over sqrt(N). Rows that
are drawn twice, as a bootstrap draws them, would bias a similarity upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import Array, Representation


def cka_linear_error(products: Products) -> Array:
    """Standard error (I, J) of linear CKA.

    Source: Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6.
    """
    return _cka_error(products, lambda r, start, stop: _gram_rows(r, start, stop))


def cka_debiased_error(products: Products) -> Array:
    """Standard error (I, J) of debiased CKA.

    Source: Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6, of
    the U-statistic of Song et al. (2012), equation 5.
    """
    return _cka_error(products, _u_centred_rows)


def procrustes_angular_error(products: Products) -> Array:
    """Standard error (I, J) of the Procrustes angle, in radians; NaN at an angle of 0.

    The derivative of ||X'Y||_* by the weight of input a is x_a'P Q'y_a, X'Y = P S Q'.
    """
    out = np.empty((len(products.rows), len(products.columns)))
    n = products.n
    for i, x in enumerate(products.rows):
        for j, y in enumerate(products.columns):
            if products.symmetric and j < i:
                out[i, j] = out[j, i]
                continue
            f, g = _coordinates(x), _coordinates(y)
            p, s, q = np.linalg.svd(f.T @ g, full_matrices=False)
            aligned = np.einsum("nk,nk->n", f @ p, g @ q.T)
            cosine = min(float(s.sum()), 1.0)
            influence = n * (aligned - 0.5 * cosine * (x.row_norms + y.row_norms))
            sine = np.sqrt(1.0 - cosine**2)
            # An angle below 1e-6 is rounding, and so is what would be divided by it.
            out[i, j] = influence.std(ddof=1) / np.sqrt(n) / sine if sine > 1e-6 else np.nan
    return out


@dataclass
class _Moments:
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
    def zero(cls, i: int, j: int) -> "_Moments":
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

    def error(self, n: int) -> Array:
        """Return the standard error of xy / sqrt(xx yy), to which an input adds a row and a column.

        Its influence is 2 (a - xy (b / xx + c / yy) / 2) / sqrt(xx yy) of its parts a, b, c.
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
        return 2.0 * np.sqrt(square / (self.xx * self.yy))


def _cka_error(products: Products, rows_of: Callable[[Representation, int, int], Array]) -> Array:
    moments = _Moments.zero(len(products.rows), len(products.columns))
    n = products.n
    held = len(products.rows) + (0 if products.symmetric else len(products.columns))
    tile = int(np.clip(products.memory / (16.0 * held * n), 1, n))
    for start in range(0, n, tile):
        stop = min(start + tile, n)
        left = np.stack([rows_of(r, start, stop) for r in products.rows], axis=1)
        right = left
        if not products.symmetric:
            right = np.stack([rows_of(r, start, stop) for r in products.columns], axis=1)
        moments.add(
            left @ right.transpose(0, 2, 1),
            np.einsum("bin,bin->bi", left, left),
            np.einsum("bjn,bjn->bj", right, right),
        )
        products.tell("standard errors", stop, n)
    return moments.error(n)


def _gram_rows(r: Representation, start: int, stop: int) -> Array:
    """Return rows of K, all columns: (stop - start, N)."""
    if r.gram is not None:
        return r.gram[start:stop]
    f = _coordinates(r)
    return f[start:stop] @ f.T


def _u_centred_rows(r: Representation, start: int, stop: int) -> Array:
    """Return rows of the U-centred K, all columns: (stop - start, N)."""
    n = r.n
    k = _gram_rows(r, start, stop) + (r.row_norms + r.row_norms[start:stop, None]) / (n - 2)
    k -= 1.0 / ((n - 1) * (n - 2))  # the trace of K is 1
    k[np.arange(stop - start), np.arange(start, stop)] = 0.0
    return k


def _coordinates(r: Representation) -> Array:
    if r.coordinates is None:
        raise RuntimeError("the representation was prepared without coordinates")
    return r.coordinates
