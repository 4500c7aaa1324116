"""Where latents are expected from the factors alone, and how far they are from there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# What a residual counts as at least, in variances of its latent: a code without any would have
# infinite distances.
LEAST_RESIDUAL = 1e-6


@dataclass(frozen=True)
class Expectation:
    """Latents as a sum of one effect of each factor, z = c + sum_k g_k(f_k) + residual.

    Attributes:
        sizes: (K,) values of each factor.
        effects: (V_1 + ... + V_K, D) g_k of each value of each factor; they contain c.
        estimable: (V, R) basis of the combinations whose expectation the fit determines.
        active: (D,) latents that distances are of.
        variance: (D,) of the latents over the training images.
        covariance: (D, D) of the residuals over the training images, with the degrees of freedom
            of the fit; 0 for latents that are not active.
    """

    sizes: tuple[int, ...]
    effects: Array
    estimable: Array
    active: Mask
    variance: Array
    covariance: Array

    def expected(self, factors: ArrayLike) -> Array:
        """Return the expected latents (N, D) of images with factor indices (N, K).

        NaN where the training images do not determine them: a value that they never have, or
        factors that vary together only.
        """
        x = _indicators(factors, self.sizes)
        beyond = np.abs(x - x @ self.estimable @ self.estimable.T).max(axis=1) > 1e-6
        found = x @ self.effects
        found[beyond] = np.nan
        return found

    def distance(self, latents: ArrayLike, factors: ArrayLike) -> Array:
        """Return how far latents (N, D) are from the expected ones, (N,).

        |S^(-1/2) (z - expected)| / sqrt(number of active latents), S the covariance of the
        residuals; so that its root mean square is 1 over images like those of the fit. NaN where
        nothing is expected; 0 if no latent is active.
        """
        residual = (np.asarray(latents, dtype=np.float64) - self.expected(factors))[:, self.active]
        if not self.active.any():
            return np.zeros(len(residual))
        floor = np.diag(LEAST_RESIDUAL * self.variance[self.active])
        factor = np.linalg.cholesky(self.covariance[np.ix_(self.active, self.active)] + floor)
        return np.sqrt(np.square(np.linalg.solve(factor, residual.T)).mean(axis=0))

    def r2(self, latents: ArrayLike, factors: ArrayLike) -> Array:
        """Return (D,): 1 - mean squared residual / variance over the training images.

        1: a latent is a sum of factors. Images without an expectation do not count; NaN for
        latents that are not active, and where no image has one.
        """
        residual = np.asarray(latents, dtype=np.float64) - self.expected(factors)
        residual = residual[~np.isnan(residual).any(axis=1)]
        if not len(residual):
            return np.full(len(self.active), np.nan)
        share = np.square(residual).mean(axis=0) / np.where(self.active, self.variance, 1)
        return np.where(self.active, 1 - share, np.nan)


def fit_expectation(
    latents: ArrayLike, factors: ArrayLike, sizes: Sequence[int], active: Mask
) -> Expectation:
    """Return the least-squares fit to latents (N, D) of images with factor indices (N, K).

    Args:
        sizes: number of values of each factor.
        active: (D,) latents that distances are of.

    Raises:
        InputError: if there are too few images for a covariance of the residuals.
    """
    z, x = np.asarray(latents, dtype=np.float64), _indicators(factors, tuple(sizes))
    values, vectors = np.linalg.eigh(x.T @ x)
    kept = values > 1e-9 * values[-1]
    freedom = len(z) - int(kept.sum())
    if freedom <= z.shape[1]:
        raise InputError(
            f"expected latents of more than {len(z) - freedom + z.shape[1]} images for "
            f"{kept.sum()} effects and {z.shape[1]} latents, got {len(z)}; take more."
        )
    basis = vectors[:, kept]
    effects = basis @ (basis.T @ (x.T @ z) / values[kept, None])
    residual = np.where(active, z - x @ effects, 0.0)
    covariance = residual.T @ residual / freedom
    return Expectation(tuple(sizes), effects, basis, active, z.var(axis=0), covariance)


def _indicators(factors: ArrayLike, sizes: tuple[int, ...]) -> Array:
    """Return (N, V_1 + ... + V_K): which value each factor has."""
    columns = np.asarray(factors).T
    return np.hstack([np.eye(size)[column] for size, column in zip(sizes, columns, strict=True)])
