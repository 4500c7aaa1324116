"""Intervals over seeds against t quantiles by hand, scipy's t test, and their own coverage."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from replearn.analysis.statistics import student_band, student_interval
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
