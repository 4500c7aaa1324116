"""Which latents respond to which factors."""

import numpy as np
import pytest
from sklearn.feature_selection import f_regression

from replearn.analysis.generalisation import responding_latents, shares_of_variance


def test_shares_are_those_of_the_variance_between_values():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, size=(500, 2))
    noise = rng.normal(size=500)
    latents = np.column_stack([factors[:, 0], factors[:, 1] + noise, noise, np.ones(500)])
    shares = shares_of_variance(latents, factors)
    assert shares[0, 0] == pytest.approx(1)
    # Of two values it is the squared correlation, which has F = r² / (1 - r²) · (n - 2).
    f, _ = f_regression(factors[:, 1:], latents[:, 1])
    assert shares[1, 1] == pytest.approx(f[0] / (f[0] + 498))
    assert shares[:, 3].tolist() == [0, 0]
    assert (shares[:, 2] < 0.02).all()


def test_a_latent_is_chosen_once():
    shares = np.array([[0.9, 0.2, 0.1], [0.8, 0.3, 0.4]])
    assert responding_latents(shares, [0, 1]) == [0, 2]
    assert responding_latents(shares, [1, 0]) == [0, 1]
