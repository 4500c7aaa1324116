"""Moments of all latents together, q(z) = E_x[q(z|x)], and what objectives hold down of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.representation import as_matrix
from replearn.errors import InputError

Array = NDArray[np.float64]


def aggregate_covariance(mean: Any, logvar: Any) -> Array:
    """Return Cov[z] (D, D) = Cov[mean] + diag E[exp(logvar)] of posteriors (N, D), over N.

    By the law of total variance: no latent is drawn.
    """
    mean, logvar = (
        as_matrix(values, name).astype(np.float64)
        for values, name in ((mean, "mean"), (logvar, "logvar"))
    )
    if mean.shape != logvar.shape:
        raise InputError(
            f"expected means and log-variances of the same latents, got shapes {mean.shape} and "
            f"{logvar.shape}."
        )
    return mean_covariance(mean) + np.diag(np.exp(logvar).mean(axis=0))


def mean_covariance(mean: Any) -> Array:
    """Return Cov[mean] (D, D) of means (N, D), over N."""
    centred = as_matrix(mean, "mean").astype(np.float64)
    centred = centred - centred.mean(axis=0)
    return centred.T @ centred / len(centred)


def gaussian_total_correlation(covariance: Array) -> float:
    """Return the total correlation of a Gaussian with `covariance` (D, D), in nats.

    (sum_k log Cov_kk - log det Cov) / 2: 0 if no two latents covary, infinite if one is a linear
    function of others.

    Source:
        Locatello et al. (2019), arXiv:1811.12359, as in google-research/disentanglement_lib,
        metrics/unsupervised_metrics.py.
    """
    sign, log_determinant = np.linalg.slogdet(covariance)
    if sign <= 0:
        return float("inf")
    return float((np.log(np.diagonal(covariance)).sum() - log_determinant) / 2)


def squared_covariances(covariance: Array) -> float:
    """Return the sum of the squared off-diagonal entries of a covariance (D, D).

    Source:
        Kumar et al. (2018), arXiv:1711.00848, eq. 6: what DIP-VAE holds down.
    """
    return float((covariance**2).sum() - (np.diagonal(covariance) ** 2).sum())
