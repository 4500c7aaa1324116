"""Intervals and tests over seeds against printed examples, scipy, and their own definition."""

import math
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_rel

from replearn.analysis.statistics import (
    holm,
    jackknife,
    paired_test,
    pairs_interval,
    student_band,
    student_interval,
)
from replearn.errors import InputError

NAN = float("nan")


def test_interval_of_three_seeds_by_hand():
    # Mean 2, s = 1, half width t / sqrt(3). With 2 degrees of freedom the quantile has the closed
    # form (2p - 1) / sqrt(2 p (1 - p)): 4.303 at p = 0.975, as in every printed table.
    quantile = 0.95 / math.sqrt(2 * 0.975 * 0.025)
    interval = student_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.half_width == pytest.approx(quantile / math.sqrt(3), rel=1e-10)
    assert (interval.n, interval.missing) == (3, 0)
    assert interval.high - interval.mean == pytest.approx(interval.mean - interval.low)


def test_interval_of_six_seeds_at_ninety_percent_by_hand():
    # s^2 = (4 + 4 + 1 + 1 + 0 + 0) / 5 = 2; t(0.95; 5) = 2.015048.
    interval = student_interval([3, 7, 4, 6, 5, 5], level=0.9)
    assert interval.half_width == pytest.approx(2.015048372669157 * math.sqrt(2 / 6), rel=1e-9)


@pytest.mark.parametrize("n", [3, 5, 17])
def test_interval_is_that_of_the_t_test(n):
    values = np.random.default_rng(n).normal(100.0, 3.0, n)
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    interval = student_interval(values)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_interval_covers_the_mean_in_95_of_100_studies():
    rng = np.random.default_rng(0)
    mean, half_width, _ = student_band(rng.normal(7.0, 2.0, size=(3, 20000)))
    # Three standard deviations of a proportion of 20,000 are 0.0046.
    assert np.mean(np.abs(mean - 7.0) <= half_width) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("values", [[2.0], [1.0, 3.0], [1.0, 3.0, NAN]])
def test_below_three_finite_seeds_there_is_a_mean_but_no_interval(values):
    interval = student_interval(values)
    assert interval.mean == 2.0
    assert interval.half_width is None
    assert math.isnan(interval.low) and math.isnan(interval.high)


def test_what_is_not_finite_is_counted_and_not_averaged():
    interval = student_interval([1.0, NAN, 2.0, float("inf"), 3.0])
    assert (interval.mean, interval.n, interval.missing) == (2.0, 3, 2)
    assert interval.half_width == student_interval([1.0, 2.0, 3.0]).half_width


@pytest.mark.parametrize(("values", "missing"), [([], 0), ([NAN, NAN], 2)])
def test_without_a_finite_seed_the_mean_is_nan(values, missing):
    interval = student_interval(values)
    assert math.isnan(interval.mean)
    assert (interval.half_width, interval.n, interval.missing) == (None, 0, missing)


def test_equal_seeds_have_an_interval_of_no_width():
    assert student_interval([0.1] * 3).half_width == pytest.approx(0.0, abs=1e-15)


def test_band_is_the_interval_of_each_step():
    values = np.random.default_rng(1).normal(size=(4, 6))
    values[0, 2] = values[:2, 3] = values[1:, 4] = values[:, 5] = NAN
    mean, half_width, n = student_band(values)
    assert n.tolist() == [4, 4, 3, 2, 1, 0]
    for step in range(6):
        interval = student_interval(values[:, step])
        assert mean[step] == pytest.approx(interval.mean, nan_ok=True)
        expected = NAN if interval.half_width is None else interval.half_width
        assert half_width[step] == pytest.approx(expected, nan_ok=True)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="lies between 0 and 1, not 95"):
        student_interval([1.0, 2.0, 3.0], level=95)
    with pytest.raises(InputError, match=r"values \(seeds, steps\), not of shape \(3,\)"):
        student_band([1.0, 2.0, 3.0])


# Hours of sleep that 10 patients gained by two drugs: the data of Student (1908).
DEXTRO = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
LAEVO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_paired_test_of_students_own_example():
    # As R prints it of its data set `sleep`: t = 4.0621, p = 0.002833, 0.7001142 to 2.4598858.
    test = paired_test(LAEVO, DEXTRO)
    assert test.difference == pytest.approx(1.58)
    assert test.t == pytest.approx(4.0621, abs=5e-5)
    assert test.p == pytest.approx(0.002833, abs=5e-7)
    assert test.difference - test.half_width == pytest.approx(0.7001142, abs=5e-8)
    assert (test.n, test.missing) == (10, 0)


@pytest.mark.parametrize("n", [3, 5, 17])
def test_paired_test_is_that_of_scipy(n):
    a, b = np.random.default_rng(n).normal(100.0, 3.0, (2, n))
    expected = ttest_rel(a, b)
    test = paired_test(a, b)
    assert (test.t, test.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    low, high = expected.confidence_interval(0.95)
    assert test.half_width == pytest.approx((high - low) / 2, rel=1e-10)


PAIRS = st.lists(st.tuples(*[st.integers(-1000, 1000)] * 2), min_size=3, max_size=8)


@given(PAIRS, st.integers(-1000, 1000))
def test_paired_test_is_antisymmetric_and_shift_invariant(pairs, shift):
    a, b = np.array(pairs, dtype=float).T
    test, swapped, shifted = paired_test(a, b), paired_test(b, a), paired_test(a + shift, b + shift)
    assert (swapped.difference, swapped.t) == (-test.difference, -test.t)
    assert (swapped.half_width, swapped.p) == (test.half_width, test.p)
    assert (shifted.difference, shifted.t, shifted.p) == (test.difference, test.t, test.p)
    # The interval and the test are one statement.
    if abs(test.p - 0.05) > 1e-9:
        assert (abs(test.difference) > test.half_width) == (test.p < 0.05)


def test_identical_inputs_do_not_differ_and_equal_differences_surely_do():
    same = paired_test([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    assert (same.difference, same.half_width, same.t, same.p) == (0.0, 0.0, 0.0, 1.0)
    # Another order of summation is no difference.
    rounded = paired_test([0.1 + 0.2, 100.0, 7.0], [0.3, 100.0, 7.0])
    assert (rounded.difference, rounded.p) == (0.0, 1.0)
    off_by_one = paired_test([9.0, 9.1, 9.3], [10.0, 10.1, 10.3])
    assert off_by_one.difference == pytest.approx(-1.0)
    assert (off_by_one.t, off_by_one.p) == (-math.inf, 0.0)


@pytest.mark.parametrize("a", [[], [1.0], [1.0, 2.0], [1.0, 2.0, NAN]])
def test_below_three_pairs_there_is_no_test(a):
    test = paired_test(a, [0.5] * len(a))
    assert (test.half_width, test.t, test.p) == (None, None, None)
    assert (test.n, test.missing) == (len(a) - np.isnan(a).sum(), np.isnan(a).sum())


def test_pairs_that_are_not_finite_are_counted_and_not_tested():
    a, b = [1.0, 2.0, NAN, 4.0, 5.5], [0.0, math.inf, 1.0, 2.0, 5.0]
    test = paired_test(a, b)
    assert (test.n, test.missing) == (3, 2)
    assert test.p == paired_test([1.0, 4.0, 5.5], [0.0, 2.0, 5.0]).p


def test_paired_test_is_wrong_in_five_of_a_hundred():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(4000, 2, 4)) + rng.normal(size=(4000, 1, 4))
    wrong = np.mean([paired_test(a, b).p < 0.05 for a, b in pairs])
    assert wrong == pytest.approx(0.05, abs=0.0104)  # three standard deviations


def test_holm_of_four_tests_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, none below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, NAN, 0.6]).tolist() == pytest.approx([0.02, NAN, 0.6], nan_ok=True)
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_the_closed_test_of_bonferroni(p):
    # Marcus, Peritz & Gabriel (1976): refuse a hypothesis if every set that has it is refused.
    members = range(len(p))
    sets = list(chain.from_iterable(combinations(members, k + 1) for k in members))
    expected = [
        min(1.0, max(len(s) * min(p[j] for j in s) for s in sets if i in s)) for i in members
    ]
    assert holm(p) == pytest.approx(expected)


def test_lists_that_are_no_pairs_are_refused():
    with pytest.raises(InputError, match=r"two lists of one length, got \(3,\), \(2,\)"):
        paired_test([1, 2, 3], [1, 2])


@pytest.mark.parametrize("n", [2, 3, 7])
def test_interval_over_pairs_is_that_of_the_items_where_pairs_are_means_of_two(n):
    x = np.random.default_rng(n).normal(size=n)
    values = (x[:, None] + x) / 2
    found, expected = pairs_interval(values), student_interval(x)
    assert found.mean == pytest.approx(expected.mean)
    assert (found.half_width is None) == (n < 3)
    if n > 2:
        assert found.half_width == pytest.approx(expected.half_width)
    # The diagonal is of no pair.
    assert pairs_interval(values + 9 * np.eye(n)).mean == pytest.approx(expected.mean)


def test_one_item_has_no_pair_and_a_matrix_must_be_square():
    assert math.isnan(pairs_interval([[1.0]]).mean)
    with pytest.raises(InputError, match=r"a square matrix, not of shape \(2, 3\)"):
        pairs_interval(np.zeros((2, 3)))


@pytest.mark.parametrize("n", [2, 3, 9])
def test_jackknife_of_a_mean_is_the_interval_of_the_mean(n):
    x = np.random.default_rng(n).normal(size=n)
    found, expected = jackknife(lambda kept: x[kept].mean(), n), student_interval(x)
    assert found.mean == pytest.approx(expected.mean) and found.n == n
    assert (found.half_width is None) == (expected.half_width is None) == (n < 3)
    if n > 2:
        assert found.half_width == pytest.approx(expected.half_width)
    # Without one of them there is nothing: then there is no interval.
    assert jackknife(lambda kept: 1.0 if len(kept) == n else NAN, n).half_width is None
