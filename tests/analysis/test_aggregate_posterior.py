"""Moments of all latents against closed forms and disentanglement_lib's numbers."""

from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest

from replearn.analysis.aggregate_posterior import (
    aggregate_covariance,
    gaussian_total_correlation,
    mean_covariance,
    squared_covariances,
)
from replearn.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden" / "disentanglement.npz"


# The record of the second has other last digits than three ways of computing it: 0.00827092.
@pytest.mark.parametrize(
    "code, expected, error", [("perfect", 0.00433163, 1e-8), ("noise", 0.00827116, 3e-7)]
)
def test_total_correlation_is_that_of_disentanglement_lib(code, expected, error):
    with np.load(GOLDEN) as golden:
        covariance = mean_covariance(golden[f"code_{code}_train"])
    assert gaussian_total_correlation(covariance) == pytest.approx(expected, abs=error)


def test_two_latents_with_correlation_half():
    # I(z1; z2) = -log(1 - rho^2) / 2 of a Gaussian, whatever the variances.
    covariance = np.array([[4.0, 0.5 * 2 * 3], [0.5 * 2 * 3, 9.0]])
    assert gaussian_total_correlation(covariance) == pytest.approx(-log(0.75) / 2, rel=1e-12)
    assert squared_covariances(covariance) == pytest.approx(2 * 9.0, rel=1e-12)


def test_latents_that_do_not_covary_have_none():
    covariance = np.diag([0.1, 1.0, 7.0])
    assert gaussian_total_correlation(covariance) == pytest.approx(0, abs=1e-12)
    assert squared_covariances(covariance) == 0


def test_a_latent_that_follows_from_others_has_an_infinite_one():
    assert gaussian_total_correlation(np.ones((2, 2))) == float("inf")


def test_variance_within_and_between_images_add_up():
    # Means -1 and 1, and twice them; variances 0.5 and 1.5 of the first latent, 4 of the second.
    mean = np.array([[-1.0, -2.0], [1.0, 2.0]])
    logvar = np.log([[0.5, 4.0], [1.5, 4.0]])
    np.testing.assert_allclose(mean_covariance(mean), [[1, 2], [2, 4]], rtol=1e-12)
    np.testing.assert_allclose(aggregate_covariance(mean, logvar), [[2, 2], [2, 8]], rtol=1e-12)


def test_it_is_the_covariance_of_samples():
    rng = np.random.default_rng(0)
    mean, logvar = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    noise = rng.standard_normal((20_000, 50, 3))
    samples = (mean + np.exp(logvar / 2) * noise).reshape(-1, 3)
    found = aggregate_covariance(mean, logvar)
    # 50 means once each: a million samples, standard error about sqrt(2) var / 1000.
    np.testing.assert_allclose(found, np.cov(samples.T), atol=5 * sqrt(2) * 4 / 1000)


def test_posteriors_that_do_not_fit_are_one_sentence():
    with pytest.raises(InputError, match=r"same latents, got shapes \(4, 3\) and \(4, 2\)"):
        aggregate_covariance(np.zeros((4, 3)), np.zeros((4, 2)))
