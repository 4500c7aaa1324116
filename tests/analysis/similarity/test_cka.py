"""CKA, its debiased form and their nulls: published values, formulas, all pairings."""

import itertools

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.analysis.similarity.cka import cka_linear_null_sd
from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import prepare


def test_null_of_cka_has_the_canonical_mean_and_deviation(published):
    x, y, canonical = published
    result = compare_all({"x": x, "y": y}, ["cka_linear"])
    mean, rtol = canonical("perm_null_mean_cka")
    assert result.nulls["cka_linear"][0, 1] == pytest.approx(mean, rel=rtol)
    sd, rtol = canonical("perm_null_sd_cka")
    products = Products([prepare(x)], [prepare(y)])
    assert cka_linear_null_sd(products)[0, 0] == pytest.approx(sd, rel=rtol)


def unbiased_hsic(k, m):
    """Song et al. (2012), equation 5, as printed."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    ones = np.ones(n)
    last = 2 / (n - 2) * ones @ k @ m @ ones
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - last) / (n * (n - 3))


@pytest.mark.parametrize("n, d, e", [(4, 3, 2), (7, 3, 11), (30, 40, 5)])
def test_debiased_cka_is_song_2012(n, d, e, sample):
    x, y = sample(n, d) + 3, sample(n, e, seed=1) - 1
    k, m = x @ x.T, y @ y.T
    expected = unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    assert compare(x, y, "cka_debiased") == pytest.approx(expected, rel=1e-9)


def test_debiased_cka_may_be_negative(sample):
    # Eight inputs of unrelated representations: chance level is 0, of the biased form far above.
    values = [compare(sample(8, 4, s), sample(8, 4, s + 99), "cka_debiased") for s in range(20)]
    assert min(values) < -0.05
    assert (
        abs(np.mean(values))
        < 0.15
        < np.mean([compare(sample(8, 4, s), sample(8, 4, s + 99), "cka_linear") for s in range(20)])
    )


@pytest.mark.parametrize("d, e", [(2, 3), (8, 4)])
def test_nulls_are_the_moments_over_all_pairings(d, e, sample):
    x, y = sample(5, d), sample(5, e, seed=1)
    orders = [list(order) for order in itertools.permutations(range(5))]
    result = compare_all({"x": x, "y": y}, ["cka_linear", "cka_debiased"])
    for name in ("cka_linear", "cka_debiased"):
        values = [compare(x, y[order], name) for order in orders]
        assert result.nulls[name][0, 1] == pytest.approx(np.mean(values), abs=1e-12)
        assert result.null_sds[name][0, 1] == pytest.approx(np.std(values), abs=1e-12)


@pytest.mark.parametrize("name", ["cka_linear", "cka_debiased"])
def test_null_deviation_of_four_inputs_and_of_many(name, sample):
    x, y = sample(4, 6), sample(4, 3, seed=1)
    values = [compare(x, y[list(order)], name) for order in itertools.permutations(range(4))]
    found = compare_all({"x": x, "y": y}, name)
    assert found.null_sds[name][0, 1] == pytest.approx(np.std(values), abs=1e-12)
    x = sample(60, 5)
    y = x @ sample(5, 9, seed=2) + sample(60, 9, seed=1)
    found = compare_all({"x": x, "y": y}, name)
    rng = np.random.default_rng(0)
    shuffled = {"x": x, **{str(k): y[rng.permutation(60)] for k in range(3000)}}
    left = [prepare(x)]
    right = [prepare(shuffled[str(k)]) for k in range(3000)]
    values = MEASURES[name].matrix(Products(left, right))[0]
    # A deviation of 3000 values, with a kurtosis of some 4, is known to 2 %.
    assert found.null_sds[name][0, 1] == pytest.approx(np.std(values), rel=0.06)
    assert found.z[name][0, 1] > 5
