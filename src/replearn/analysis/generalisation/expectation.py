"""Where latents are expected from the factors alone, and how far they are from there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.generalisation.effects import Effects, fit_effects
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
        effects: of the factors on the D latents.
        active: (D,) latents that distances are of.
        variance: (D,) of the latents over the training images.
        covariance: (D, D) of the residuals over the training images, with the degrees of freedom
            of the fit; 0 for latents that are not active.
    """

    effects: Effects
    active: Mask
    variance: Array
    covariance: Array

    def expected(self, factors: ArrayLike) -> Array:
        """Return the expected latents (N, D) of images with factor indices (N, K).

        NaN where the training images do not determine them (see `Effects.sums`).
        """
        return self.effects.sums(factors)

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
    z = np.asarray(latents, dtype=np.float64)
    effects = fit_effects(z, factors, sizes)
    freedom = len(z) - effects.rank
    if freedom <= z.shape[1]:
        raise InputError(
            f"expected latents of more than {effects.rank + z.shape[1]} images for "
            f"{effects.rank} effects and {z.shape[1]} latents, got {len(z)}; take more."
        )
    residual = np.where(active, z - effects.sums(factors), 0.0)
    covariance = residual.T @ residual / freedom
    return Expectation(effects, active, z.var(axis=0), covariance)
