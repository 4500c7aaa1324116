"""How far the covariance of latents is from that of independent ones, by two distances."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis import aggregate_posterior
from replearn.analysis.disentanglement.codes import (
    Array,
    LatentScores,
    finite_codes,
    mask_of,
    note_of,
)


@dataclass(frozen=True, kw_only=True)
class TotalCorrelation(LatentScores):
    """Total correlation of a Gaussian with the covariance of the codes: 0 if none covary.

    Attributes:
        total_correlation: in nats; infinite if a latent is a linear function of others.
        covariance: (D, D); rows and columns of dead latents are 0.
    """

    total_correlation: float
    covariance: Array

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "gaussian_total_correlation": self.total_correlation,
            "dead_latents": float(self.n_dead),
        }


@dataclass(frozen=True, kw_only=True)
class WassersteinCorrelation(LatentScores):
    """Squared Wasserstein distance of that Gaussian from the product of its marginals.

    Attributes:
        distance: in squared units of the latents, at most twice their total variance.
        normalised: divided by the total variance.
        covariance: (D, D); rows and columns of dead latents are 0.
    """

    distance: float
    normalised: float
    covariance: Array

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "wasserstein_correlation": self.distance,
            "wasserstein_correlation_normalised": self.normalised,
            "dead_latents": float(self.n_dead),
        }


def gaussian_total_correlation(codes: Any, *, active: Any = None) -> TotalCorrelation:
    """Return the total correlation of latent codes, as if they were Gaussian.

    Args:
        codes: (N, D), means or samples of the latents.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all that vary, as published.

    Raises:
        InputError: if the codes are no matrix or a value is not finite.

    Source:
        Locatello et al. (2019), arXiv:1811.12359, as in google-research/disentanglement_lib,
        metrics/unsupervised_metrics.py.
    """
    covariance, mask, used = _covariance(codes, active)
    total = aggregate_posterior.gaussian_total_correlation(used) if mask.any() else 0.0
    return TotalCorrelation(
        # Rounding may leave it below 0.
        total_correlation=max(0.0, total),
        covariance=covariance,
        active=mask,
        note=note_of(mask),
    )


def wasserstein_correlation(codes: Any, *, active: Any = None) -> WassersteinCorrelation:
    """Return the Wasserstein correlation of latent codes, as if they were Gaussian.

    2 tr S - 2 tr (V^(1/2) S V^(1/2))^(1/2), S the covariance and V its diagonal.

    Args, raises and source: as `gaussian_total_correlation`.
    """
    covariance, mask, used = _covariance(codes, active)
    variance = np.diagonal(used)
    roots = np.linalg.eigvalsh(np.sqrt(variance)[:, None] * used * np.sqrt(variance))
    distance = max(0.0, float(2 * variance.sum() - 2 * np.sqrt(np.maximum(roots, 0.0)).sum()))
    return WassersteinCorrelation(
        distance=distance,
        normalised=distance / float(variance.sum()) if mask.any() else 0.0,
        covariance=covariance,
        active=mask,
        note=note_of(mask),
    )


def _covariance(codes: Any, active: Any) -> tuple[Array, Any, Array]:
    """Return the covariance (D, D), the mask (D,), and the covariance of the active latents."""
    x = finite_codes(codes)
    mask = mask_of(active, x) & (x.std(axis=0) > 0)
    # Of a sample, divided by N - 1, as published.
    used = aggregate_posterior.mean_covariance(x[:, mask]) if mask.any() else np.zeros((0, 0))
    used = used * len(x) / (len(x) - 1)
    covariance = np.zeros((len(mask), len(mask)))
    covariance[np.ix_(mask, mask)] = used
    return covariance, mask, used
