"""Expected latents, in worlds where they are known."""

import numpy as np
import pytest

from replearn.analysis.generalisation import fit_expectation
from replearn.errors import InputError

SIZES = (3, 4, 5)
ACTIVE = np.ones(2, bool)


def grid():
    return np.stack(np.meshgrid(*map(np.arange, SIZES), indexing="ij"), -1).reshape(-1, 3)


@pytest.fixture
def world():
    """Factors (N, 3) of training and excluded images, and effects that make latents of them."""
    rng = np.random.default_rng(3)
    factors = np.tile(grid(), (40, 1))
    excluded = (factors[:, 0] == 0) & (factors[:, 1] > 1)
    effects = [rng.normal(size=(size, 2)) for size in SIZES]
    return factors[~excluded], factors[excluded], effects


def latents_of(factors, effects):
    return sum(table[column] for table, column in zip(effects, factors.T, strict=True))


def test_a_sum_of_factors_is_expected_exactly_also_where_it_was_not_seen(world):
    training, excluded, effects = world
    fit = fit_expectation(latents_of(training, effects), training, SIZES, ACTIVE)
    assert fit.expected(excluded) == pytest.approx(latents_of(excluded, effects), abs=1e-9)
    for factors in (training, excluded):
        assert fit.r2(latents_of(factors, effects), factors) == pytest.approx([1, 1])
        assert fit.distance(latents_of(factors, effects), factors).max() < 1e-6


def test_the_fit_is_that_of_least_squares(world):
    training, _, effects = world
    rng = np.random.default_rng(0)
    z = latents_of(training, effects) + rng.normal(size=(len(training), 2))
    fit = fit_expectation(z, training, SIZES, ACTIVE)
    # Indicators without the first value of each factor, and a constant: no rank is lost.
    columns = [np.eye(s)[training[:, k]][:, 1:] for k, s in enumerate(SIZES)]
    x = np.hstack([np.ones((len(z), 1)), *columns])
    solution, squares, rank, _ = np.linalg.lstsq(x, z, rcond=None)
    assert fit.expected(training) == pytest.approx(x @ solution, abs=1e-9)
    assert np.diag(fit.covariance) == pytest.approx(squares / (len(z) - rank))
    assert fit.r2(z, training) == pytest.approx(1 - squares / len(z) / z.var(axis=0))


def test_noise_is_at_distance_one_and_a_shift_is_in_its_units(world):
    training, excluded, effects = world
    rng = np.random.default_rng(1)
    mix = np.array([[1.0, 0.9], [0.0, 0.3]])  # correlated noise: distances are Mahalanobis'

    def noisy(factors):
        return latents_of(factors, effects) + rng.normal(size=(len(factors), 2)) @ mix

    fit = fit_expectation(noisy(training), training, SIZES, ACTIVE)

    def rms(factors, shift=0.0):
        return np.sqrt(np.square(fit.distance(noisy(factors) + shift, factors)).mean())

    assert rms(training) == pytest.approx(1, abs=0.03)
    assert rms(excluded) == pytest.approx(1, abs=0.05)
    # Four standard deviations along the first of two latents of white noise: sqrt(1 + 16 / 2).
    assert rms(excluded, 4 * mix[0]) == pytest.approx(3, abs=0.1)


def test_distances_do_not_depend_on_the_axes_of_the_latents(world):
    training, excluded, effects = world
    rng = np.random.default_rng(2)
    z, other = (latents_of(f, effects) + rng.normal(size=(len(f), 2)) for f in (training, excluded))
    turn = np.array([[2.0, 1.0], [-1.0, 3.0]])
    plain = fit_expectation(z, training, SIZES, ACTIVE).distance(other, excluded)
    turned = fit_expectation(z @ turn, training, SIZES, ACTIVE).distance(other @ turn, excluded)
    assert turned == pytest.approx(plain, rel=1e-4)


def test_a_latent_of_the_product_of_two_factors_is_no_sum(world):
    training, _, effects = world
    sign = np.array([-1.0, 1.0])
    product = sign[training[:, 0] % 2] * sign[training[:, 2] % 2]
    z = np.column_stack([latents_of(training, effects)[:, 0], product])
    r2 = fit_expectation(z, training, SIZES, ACTIVE).r2(z, training)
    assert r2[0] == pytest.approx(1)
    assert r2[1] < 0.2


def test_nothing_is_expected_where_training_does_not_say(world):
    training, _, effects = world
    low = training[training[:, 1] < 3]  # value 3 of the second factor was never seen
    fit = fit_expectation(latents_of(low, effects), low, SIZES, ACTIVE)
    seen, unseen = np.array([[1, 2, 0]]), np.array([[1, 3, 0]])
    assert not np.isnan(fit.expected(seen)).any()
    assert np.isnan(fit.expected(unseen)).all() and np.isnan(fit.distance(np.ones((1, 2)), unseen))
    assert np.isnan(fit.r2(np.ones((1, 2)), unseen)).all()
    # Values 0 of two factors came together only: each effect is known, which is whose is not.
    tied = training[(training[:, 0] == 0) == (training[:, 1] == 0)]
    fit = fit_expectation(latents_of(tied, effects), tied, (3, 4, 5), ACTIVE)
    assert np.isnan(fit.expected([[0, 2, 1], [1, 0, 1]])).all()
    assert not np.isnan(fit.expected([[0, 0, 1], [2, 3, 1]])).any()


def test_dead_latents_do_not_count(world):
    training, excluded, effects = world
    rng = np.random.default_rng(4)
    z = latents_of(training, effects) + rng.normal(size=(len(training), 2))
    fit = fit_expectation(z, training, SIZES, np.array([True, False]))
    far = latents_of(excluded, effects) + [0, 100.0]
    assert fit.distance(far, excluded).max() < 1
    assert np.isnan(fit.r2(z, training)).tolist() == [False, True]
    assert fit.covariance[1].tolist() == [0, 0]
    dead = fit_expectation(z, training, SIZES, np.zeros(2, bool))
    assert dead.distance(far, excluded).max() == 0


def test_too_few_images_are_refused(world):
    training, _, effects = world
    few = training[:6]
    with pytest.raises(InputError, match="expected latents of more than .* images for"):
        fit_expectation(latents_of(few, effects), few, SIZES, ACTIVE)
