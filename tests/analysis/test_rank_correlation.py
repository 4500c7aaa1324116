"""Spearman's correlation: its value by scipy, its interval by hand and by what it promises."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from replearn.analysis.rank_correlation import rank_correlation
from replearn.errors import InputError


def test_value_is_that_of_scipy_and_what_is_not_finite_is_left_out():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, 30).astype(float)  # with ties
    y = x + rng.normal(0, 3, 30)
    expected = float(spearmanr(x, y)[0])
    found = rank_correlation([*x, np.nan, 1.0], [*y, 0.0, np.inf])
    assert found.value == pytest.approx(expected, abs=1e-12) and found.n == 30


def test_interval_of_a_correlation_of_one_half_by_hand():
    # Ranks 1 to 5 and a permutation with Σd² = 10: ρ = 1 - 6·10/(5·24) = 1/2. Fisher's z is
    # ln 3 / 2, its standard error √(1.125 / 2) = 0.75.
    found = rank_correlation([1, 2, 3, 4, 5], [3, 2, 1, 5, 4])
    assert found.value == pytest.approx(0.5)
    z, half = math.log(3) / 2, 1.959964 * 0.75
    assert found.low == pytest.approx(math.tanh(z - half), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(z + half), abs=1e-6)


def test_intervals_cover_the_true_value_as_often_as_they_say():
    # Of a bivariate normal, ρ_s = 6/π asin(r/2): Pearson (1907).
    rng, r = np.random.default_rng(1), 0.6
    true = 6 / math.pi * math.asin(r / 2)
    inside = 0
    for _ in range(1000):
        x = rng.normal(size=25)
        found = rank_correlation(x, r * x + math.sqrt(1 - r * r) * rng.normal(size=25))
        inside += found.low <= true <= found.high
    assert 930 <= inside <= 970


@pytest.mark.parametrize("y", [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0], [2.0] * 5])
def test_what_has_no_interval_has_none(y):
    found = rank_correlation(np.arange(len(y)), y)
    assert math.isnan(found.low) and math.isnan(found.high) and found.n == len(y)


def test_lists_of_other_lengths_and_a_wrong_level_are_one_sentence():
    with pytest.raises(InputError, match=r"two lists of one length, got \(2,\) and \(3,\)"):
        rank_correlation([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="between 0 and 1, not 95: take 0.95"):
        rank_correlation([1, 2], [1, 2], 95)
