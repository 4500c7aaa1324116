"""Values as a sum of one effect of each factor, fitted where they are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Groups of neighbouring values of a factor that errors are matched by.
MOST_GROUPS = 8


@dataclass(frozen=True)
class Effects:
    """D values as a sum of one effect of each factor, c + sum_k g_k(f_k).

    Attributes:
        sizes: (K,) values of each factor.
        table: (V_1 + ... + V_K, D) g_k of each value of each factor; they contain c.
        basis: (V_1 + ... + V_K, R) orthonormal, of the combinations whose sum the fit determines.
    """

    sizes: tuple[int, ...]
    table: Array
    basis: Array

    @property
    def rank(self) -> int:
        """Return the number R of independent effects."""
        return self.basis.shape[1]

    def sums(self, factors: ArrayLike) -> Array:
        """Return the values (N, D) of images with factor indices (N, K).

        NaN where the fit does not determine them: a value that it never had, or factors that
        varied together only.
        """
        x = _indicators(factors, self.sizes)
        beyond = np.abs(x - x @ self.basis @ self.basis.T).max(axis=1, initial=0) > 1e-6
        return np.where(beyond[:, None], np.nan, x @ self.table)


def fit_effects(values: ArrayLike, factors: ArrayLike, sizes: Sequence[int]) -> Effects:
    """Return the least-squares fit to values (N, D) of images with factor indices (N, K).

    Args:
        sizes: number of values of each factor.
    """
    x = _indicators(factors, tuple(sizes))
    weights, vectors = np.linalg.eigh(x.T @ x)
    kept = weights > 1e-9 * weights[-1]
    basis = vectors[:, kept]
    sums = x.T @ np.asarray(values, dtype=np.float64)
    return Effects(tuple(sizes), basis @ (basis.T @ sums / weights[kept, None]), basis)


def matched_errors(
    errors: ArrayLike,
    factors: ArrayLike,
    others: ArrayLike,
    sizes: Sequence[int],
    trained: ArrayLike,
) -> Array:
    """Return the errors (n', D) that others would have if combinations were as hard as their parts.

    The sum of one effect of each factor on the errors; neighbouring values of a factor with more
    than eight are taken together. NaN where there are too few images, or none with such values,
    and where a value was never trained on: how hard it is, its neighbours do not say.

    Args:
        errors: (n, D) of images of training combinations; rows with NaN do not count.
        factors, others: (n, M) and (n', M) factor indices of these and of the others: of the
            factors that the hold-out names.
        sizes: (M,) number of values of each factor.
        trained: (N, M) factor indices of all training images.
    """
    known = np.asarray(errors, dtype=np.float64)
    there = ~np.isnan(known).any(axis=1)
    groups = np.minimum(np.asarray(sizes), MOST_GROUPS)
    own, wanted = (np.asarray(f) * groups // np.asarray(sizes) for f in (factors, others))
    nothing = np.full((len(wanted), known.shape[1]), np.nan)
    if not there.any():
        return nothing
    fit = fit_effects(known[there], own[there], groups.tolist())
    if there.sum() < 2 * fit.rank:
        return nothing
    pairs = zip(np.asarray(others).T, np.asarray(trained).T, strict=True)
    taught = np.all([np.isin(column, seen) for column, seen in pairs], axis=0)
    return np.where(taught[:, None], fit.sums(wanted), np.nan)


def _indicators(factors: ArrayLike, sizes: tuple[int, ...]) -> Array:
    """Return (N, V_1 + ... + V_K): which value each factor has."""
    columns = np.asarray(factors).T
    return np.hstack([np.eye(size)[column] for size, column in zip(sizes, columns, strict=True)])
