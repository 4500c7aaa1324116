"""β-VAE and FactorVAE scores against disentanglement_lib's numbers, and what a code must give."""

import numpy as np
import pytest

from replearn.analysis.disentanglement import beta_vae_score, factor_vae_score, on_grid
from replearn.errors import InputError

SIZES = (3, 4, 2)


@pytest.mark.slow
def test_beta_vae_score_is_that_of_disentanglement_lib(golden, encoders):
    found = beta_vae_score(encoders["noise"], golden["factor_sizes"], active=True)
    assert (found.train, found.test) == pytest.approx((0.2172, 0.2012), abs=5e-3)
    assert found.above_chance == pytest.approx(0, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("code, test", [("mixture", 0.895), ("noise", 0.1920)])
def test_factor_vae_score_is_that_of_disentanglement_lib(golden, encoders, code, test):
    found = factor_vae_score(encoders[code], golden["factor_sizes"], threshold=0.0025)
    # The record of the mixture has three digits.
    assert found.test == pytest.approx(test, abs=5e-4 if code == "mixture" else 1e-9)
    if code == "noise":
        assert found.train == pytest.approx(0.2184, abs=1e-9)
    assert found.matrix.sum() == 10_000 and found.n_dead == 0


def test_a_perfect_code_of_the_grid_scores_1(golden, encoders):
    for metric in (beta_vae_score, factor_vae_score):
        found = metric(encoders["perfect"], golden["factor_sizes"], n_train=500, n_test=500)
        assert found.train == found.test == 1 and found.n_dead == 5
    # All votes for a factor are of its latent.
    assert np.all(found.matrix[golden["perm"], np.arange(5)] == found.matrix.sum(axis=0))


def test_a_mixture_has_a_high_beta_vae_score(golden, encoders):
    found = beta_vae_score(
        encoders["mixture"], golden["factor_sizes"], n_train=1000, n_test=500, active=True
    )
    assert found.test == pytest.approx(0.998, abs=1e-2)  # from ten times as many points


def identity(factors):
    return factors / np.array(SIZES) - 0.3


FEW = {"batch": 32, "n_train": 300, "n_test": 200}


def test_a_perfect_code_scores_1_whatever_the_order_and_sign_of_its_latents():
    def turned(factors):
        return np.hstack([-identity(factors)[:, ::-1], np.zeros((len(factors), 1))])

    for metric in (beta_vae_score, factor_vae_score):
        found, moved = metric(identity, SIZES, **FEW), metric(turned, SIZES, **FEW)
        assert found.train == found.test == moved.train == moved.test == 1
        np.testing.assert_allclose(moved.matrix[:3], found.matrix[::-1], atol=1e-2)
        assert (found.n_dead, moved.n_dead) == (0, 1) and not moved.matrix[3].any()
        assert found.matrix.shape == (3, 3)
        assert metric(identity, SIZES, **FEW, seed=0).scores() == found.scores()
    assert found.chance == pytest.approx(1 / 3)


def test_noise_is_at_chance():
    rng = np.random.default_rng(0)
    for metric in (beta_vae_score, factor_vae_score):
        found = metric(lambda f: rng.standard_normal((len(f), 4)), SIZES, **FEW)
        # Four standard errors of a share of 200.
        assert found.test == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 200))


def test_codes_of_a_grid_are_those_of_a_function():
    grid = np.array([[a, b, c] for a in range(3) for b in range(4) for c in range(2)])
    np.testing.assert_array_equal(
        on_grid(identity(grid), SIZES)(grid[[5, 2]]), identity(grid)[[5, 2]]
    )
    for metric in (beta_vae_score, factor_vae_score):
        of_table, of_function = metric(identity(grid), SIZES, **FEW), metric(identity, SIZES, **FEW)
        assert of_table.scores() == of_function.scores()


def test_latents_that_vary_least_are_told_from_their_share():
    # Latent 0 always varies more than latent 1, but less than usual if factor 0 is held.
    rng = np.random.default_rng(0)

    def encode(factors):
        large = 10 * factors[:, 0] + rng.standard_normal(len(factors))
        return np.stack([large, 0.2 * factors[:, 1]], axis=1)

    found = factor_vae_score(encode, (4, 3), **FEW)
    assert found.test == 1 and found.matrix[0, 1] == found.matrix[1, 0] == 0


def test_two_factors_have_a_coefficient_each():
    found = beta_vae_score(lambda f: f + 0.0, (4, 4), **FEW)
    # The latent of the factor that is held does not differ.
    assert found.matrix[0, 0] < 0 < found.matrix[1, 0] and found.test == 1
    np.testing.assert_array_equal(found.matrix[:, 0], -found.matrix[:, 1])


def test_dead_codes_are_at_chance():
    for metric in (beta_vae_score, factor_vae_score):
        found = metric(lambda f: 0.01 * identity(f), SIZES, **FEW)
        assert found.train == found.test == found.chance and found.above_chance == 0
        assert found.n_dead == 3 and "the score is at chance" in found.note


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="two or more factors, got"):
        factor_vae_score(identity, (3,), **FEW)
    with pytest.raises(InputError, match=r"the 24 combinations of \[3, 4, 2\] values, got 5"):
        beta_vae_score(np.zeros((5, 2)), SIZES, **FEW)
    with pytest.raises(InputError, match="code for each of .* inputs, got 7"):
        beta_vae_score(lambda f: np.zeros((7, 2)), SIZES, **FEW)
    with pytest.raises(InputError, match="codes hold NaN"):
        factor_vae_score(lambda f: np.full((len(f), 2), np.nan), SIZES, **FEW)
