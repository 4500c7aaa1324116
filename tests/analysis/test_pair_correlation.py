"""Correlation over pairs of networks: scipy's numbers, all permutations, and false positives."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from replearn.analysis.pair_correlation import (
    CORRELATIONS,
    correlation,
    pairs_test,
    without_last_digits,
)
from replearn.errors import InputError

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}


def symmetric(rng, n, of_networks=0.0):
    """A matrix of pairs, part of which is what each network has of its own."""
    noise, own = rng.normal(size=(n, n)), of_networks * rng.normal(size=n)
    return noise + noise.T + np.add.outer(own, own)


def above(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


@pytest.mark.parametrize("method", CORRELATIONS)
@settings(max_examples=30)
@given(values=st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=3, max_size=12))
def test_correlations_are_scipys(method, values):
    x, y = np.array(values, float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(correlation(x, y, method))
    else:
        assert correlation(x, y, method) == pytest.approx(SCIPY[method](x, y)[0], abs=1e-12)


@pytest.mark.parametrize("method", CORRELATIONS)
def test_p_is_the_share_of_all_orders_of_the_networks(method):
    rng = np.random.default_rng(1)
    x, y = symmetric(rng, 5), symmetric(rng, 5)
    found = pairs_test(x, y, method, permutations=200)
    wanted = SCIPY[method](above(x), above(y))[0]
    orders = [list(order) for order in permutations(range(5))]
    all_ = [SCIPY[method](above(x), above(y[np.ix_(o, o)]))[0] for o in orders]
    assert found.correlation == pytest.approx(wanted)
    assert found.p == pytest.approx(np.mean(np.abs(all_) >= abs(wanted) - 1e-12))
    assert (found.networks, found.permutations, found.exact) == (5, 120, True)
    drawn = pairs_test(x, y, method, permutations=100)
    assert not drawn.exact and drawn.permutations == 100
    assert drawn.p == pytest.approx(found.p, abs=0.2)


def test_what_differs_by_rounding_is_a_tie():
    accuracy = np.array([0.1, 0.2, 0.3, 0.4, 0.5])  # 0.3 - 0.2 is not 0.2 - 0.1 in floating point
    x, y = np.abs(np.subtract.outer(accuracy, accuracy)), symmetric(np.random.default_rng(6), 5)
    assert len(set(above(x))) > 4
    assert len(set(above(without_last_digits(x)))) == 4
    wanted = stats.spearmanr(np.round(above(x), 9), above(y))[0]
    assert pairs_test(x, y).correlation == pytest.approx(wanted)


def test_both_directions_of_a_pair_count():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 5, 5))
    off = ~np.eye(5, dtype=bool)
    found = pairs_test(x, y, "pearson")
    assert found.correlation == pytest.approx(stats.pearsonr(x[off], y[off])[0])
    # The diagonal, what networks are to themselves, says nothing.
    np.fill_diagonal(x, np.nan)
    assert pairs_test(x, y, "pearson") == found


def test_inside_groups_what_groups_explain_counts_for_nothing():
    rng = np.random.default_rng(3)
    groups = ["a"] * 4 + ["b"] * 4 + ["c"]
    apart = 10.0 * (np.not_equal.outer(groups, groups))
    x, y = apart + symmetric(rng, 9), apart + symmetric(rng, 9)
    assert pairs_test(x, y).p < 0.01
    inside = pairs_test(x, y, groups=groups)
    halves = [stats.spearmanr(above(x[s, s]), above(y[s, s]))[0] for s in (slice(4), slice(4, 8))]
    assert inside.correlation == pytest.approx(np.mean(halves))
    assert inside.permutations == 24**2 and inside.exact
    p = [
        pairs_test(apart + symmetric(rng, 9), apart + symmetric(rng, 9), "pearson", groups).p
        for _ in range(100)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.12  # 5 ± 2.2 of 100
    # Equal matrices are as alike as they can be, in groups as well.
    assert pairs_test(x, x, groups=groups).correlation == pytest.approx(1)


def test_networks_without_values_are_left_out():
    rng = np.random.default_rng(4)
    x, y = symmetric(rng, 7), symmetric(rng, 7)
    without = [0, 1, 2, 4, 5, 6]
    wanted = pairs_test(x[np.ix_(without, without)], y[np.ix_(without, without)])
    x[3] = x[:, 3] = np.nan
    assert pairs_test(x, y) == wanted
    nothing = pairs_test(np.full((4, 4), np.nan), y[:4, :4])
    assert np.isnan(nothing.correlation) and np.isnan(nothing.p) and nothing.networks == 1
    assert np.isnan(pairs_test(np.ones((4, 4)), y[:4, :4]).correlation)
    assert np.isnan(pairs_test(x[:2, :2], y[:2, :2]).correlation)  # one pair


def test_pairs_that_share_networks_make_a_test_of_pairs_find_what_is_not_there():
    rng = np.random.default_rng(5)
    ours, of_pairs = [], []
    for _ in range(200):
        x, y = symmetric(rng, 8, of_networks=1.5), symmetric(rng, 8, of_networks=1.5)
        ours.append(pairs_test(x, y, "pearson", permutations=199).p)
        of_pairs.append(stats.pearsonr(above(x), above(y)).pvalue)
    # 5 of 100 are to be found by chance: ± 1.5 in 200 trials.
    assert np.mean(np.array(ours) <= 0.05) < 0.1
    assert np.mean(np.array(of_pairs) <= 0.05) > 0.15


def test_what_does_not_fit_is_one_sentence():
    with pytest.raises(InputError, match="needs matrices of one size, got .3, 3., .4, 4."):
        pairs_test(np.eye(3), np.eye(4))
    with pytest.raises(InputError, match="unknown correlation 'kendal'; did you mean 'kendall'"):
        pairs_test(np.eye(3), np.eye(3), "kendal")
