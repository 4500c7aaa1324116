"""Total and Wasserstein correlation of codes, against disentanglement_lib and closed forms."""

from math import log, sqrt

import numpy as np
import pytest
from scipy.linalg import sqrtm

from replearn.analysis.disentanglement import gaussian_total_correlation, wasserstein_correlation
from replearn.errors import InputError


# Of noise the recorded total correlation has other last digits than three ways of computing it.
@pytest.mark.parametrize(
    "code, total, error, distance, normalised",
    [
        ("perfect", 0.00433163, 1e-8, 0.000961593, 0.000192318),
        ("noise", 0.00827116, 3e-7, 0.008195, 0.000823),
    ],
)
def test_they_are_those_of_disentanglement_lib(golden, code, total, error, distance, normalised):
    codes = golden[f"code_{code}_train"]
    found = gaussian_total_correlation(codes, active=True)
    assert found.total_correlation == pytest.approx(total, abs=error)
    apart = wasserstein_correlation(codes, active=True)
    assert apart.distance == pytest.approx(distance, abs=1e-6)
    assert apart.normalised == pytest.approx(normalised, abs=1e-6)


def correlated(rho, scale=(1.0, 1.0)):
    """Codes (4, 2) of exactly this correlation, and of variance 4/3 times scale squared."""
    rows = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    return rows @ np.linalg.cholesky([[1, rho], [rho, 1]]).T * scale


def test_two_latents_of_known_correlation():
    codes = correlated(0.6)
    found = gaussian_total_correlation(codes)
    assert found.total_correlation == pytest.approx(-log(1 - 0.36) / 2, abs=1e-12)
    np.testing.assert_allclose(found.covariance, 4 / 3 * np.array([[1, 0.6], [0.6, 1]]))
    apart = wasserstein_correlation(codes)
    assert apart.distance == pytest.approx(4 / 3 * (4 - 2 * (sqrt(1.6) + sqrt(0.4))), abs=1e-12)
    assert apart.normalised == pytest.approx(2 - sqrt(1.6) - sqrt(0.4), abs=1e-12)


def test_of_other_variances_by_the_matrix_root():
    codes = correlated(-0.3, (2.0, 0.5))
    s = np.cov(codes.T)
    root = sqrtm(np.diag(np.diag(s)) @ s).real
    expected = 2 * np.trace(s) - 2 * np.trace(root)
    assert wasserstein_correlation(codes).distance == pytest.approx(expected, abs=1e-12)
    # Total correlation does not depend on the variances.
    assert gaussian_total_correlation(codes).total_correlation == pytest.approx(-log(0.91) / 2)


def test_order_sign_and_place_of_latents_do_not_matter():
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4))
    moved = -codes[:, ::-1] + 3
    for metric in (gaussian_total_correlation, wasserstein_correlation):
        for name, value in metric(codes).scores().items():
            assert metric(moved).scores()[name] == pytest.approx(value, abs=1e-9)


def test_dead_latents_are_left_out():
    codes = np.hstack([correlated(0.6), 0.001 * correlated(0.6), np.zeros((4, 1))])
    found, apart = gaussian_total_correlation(codes), wasserstein_correlation(codes)
    assert found.n_dead == apart.n_dead == 3
    assert found.total_correlation == pytest.approx(-log(1 - 0.36) / 2, abs=1e-12)
    assert not found.covariance[2:].any()
    none = 0.001 * correlated(0.6)
    assert gaussian_total_correlation(none).total_correlation == 0
    assert wasserstein_correlation(none).scores() == {
        "wasserstein_correlation": 0,
        "wasserstein_correlation_normalised": 0,
        "dead_latents": 2,
    }


def test_a_latent_that_follows_from_another():
    codes = correlated(0.0)[:, [0, 0]]
    # Infinite but for rounding; two equal latents are as far apart as can be.
    assert gaussian_total_correlation(codes).total_correlation > 15
    assert wasserstein_correlation(codes).normalised == pytest.approx(2 - sqrt(2), abs=1e-7)


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="codes hold NaN"):
        gaussian_total_correlation(np.full((4, 2), np.nan))
    with pytest.raises(InputError, match="shape"):
        wasserstein_correlation(np.zeros(4))
