"""Read factors out of latents: fitted on training images, for any other images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RIDGE = 1.0  # scikit-learn's default
KNOTS = 8  # of a curve, at quantiles of its latent


@dataclass(frozen=True)
class Readout:
    """An affine read-out of latents, or of curves of each of them.

    Attributes:
        active: (D,) latents that are read.
        centre, width: (A,) of these over the training images.
        knots: (A, Q) where a curve bends, in standardised units; Q = 0: straight lines.
        weights: for each factor (1 + F, T), the constant first.
        variances: (K,) of each factor's targets over the training images; see `total_variance`.
    """

    active: Mask
    centre: Array
    width: Array
    knots: Array
    weights: Sequence[Array]
    variances: Array

    def predict(self, latents: ArrayLike) -> list[Array]:
        """Return for each factor the predictions (N, T) from latents (N, D)."""
        features = _features(latents, self.active, self.centre, self.width, self.knots)
        return [weights[0] + features @ weights[1:] for weights in self.weights]

    def errors(self, latents: ArrayLike, targets: Sequence[Array]) -> Array:
        """Return `relative_errors` (N, K) of the predictions from latents (N, D)."""
        return relative_errors(self.predict(latents), targets, self.variances)


def fit_readout(
    latents: ArrayLike,
    targets: Sequence[Array],
    active: Mask,
    curves: bool = False,
    where: Mask | None = None,
) -> Readout:
    """Return the ridge regression (penalty 1) of targets on standardised latents.

    Args:
        latents: (N, D) of training images.
        targets: for each of K factors (N, T).
        active: (D,) latents to read.
        curves: read a sum of piecewise linear curves, one of each latent, with knots at eight of
            its quantiles. Like the linear one it can meet combinations of latents that it was not
            fitted on, which nearest neighbours cannot.
        where: (N, K) which of the images each factor is fitted on; all unless given.
    """
    x = np.asarray(latents, dtype=np.float64)
    centre, width = x[:, active].mean(axis=0), x[:, active].std(axis=0)
    if not (width > 0).all():
        raise InputError("a latent that is to be read does not vary; leave it out of `active`.")
    inner = np.linspace(0, 1, KNOTS + 2)[1:-1] if curves else []
    knots = np.quantile((x[:, active] - centre) / width, inner, axis=0).T
    features = _features(x, active, centre, width, knots)
    weights = []
    for k, target in enumerate(targets):
        own = slice(None) if where is None else where[:, k]
        weights.append(_ridge(features[own], target[own]))
    return Readout(active, centre, width, knots, weights, total_variance(targets))


def _ridge(features: Array, target: Array) -> Array:
    """Return (1 + F, T): the constant, which is not penalised, and the slopes."""
    means, constant = features.mean(axis=0), target.mean(axis=0)
    centred = features - means
    gram = centred.T @ centred + RIDGE * np.eye(features.shape[1])
    slopes = np.linalg.solve(gram, centred.T @ (target - constant))
    return np.vstack([constant - means @ slopes, slopes])


def total_variance(targets: Sequence[Array]) -> Array:
    """Return (K,): the variance of each factor's targets (N, T), summed over their T columns."""
    return np.array([target.var(axis=0).sum() for target in targets])


def relative_errors(
    predicted: Sequence[Array], targets: Sequence[Array], variances: Array
) -> Array:
    """Return (N, K): squared error / variance of each factor; NaN where it does not vary.

    1 less their mean over images is R²: 1 is perfect; 0 is as bad as the mean of what the variance
    is of; it can be below.

    Args:
        predicted, targets: for each factor (N, T).
        variances: (K,) over the *training* images, so that parts of the data, in some of which a
            factor may not vary, are compared by one measure.
    """
    errors = np.column_stack(
        [np.square(p - t).sum(axis=1) for p, t in zip(predicted, targets, strict=True)]
    )
    return np.where(variances > 0, errors / np.where(variances > 0, variances, 1), np.nan)


def _features(latents: ArrayLike, active: Mask, centre: Array, width: Array, knots: Array) -> Array:
    """Return (N, F): standardised active latents, and what they are above each of their knots."""
    z = (np.asarray(latents, dtype=np.float64)[:, active] - centre) / width
    above = np.maximum(z[:, :, None] - knots, 0)
    return np.hstack([z, above.reshape(len(z), -1)])
