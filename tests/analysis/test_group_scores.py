"""Separation of groups and order of layers: closed forms, scikit-learn, and the definitions."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from replearn.analysis.group_scores import (
    auprc,
    chance_auprc,
    group_pairs,
    layer_distance_correlation,
    layer_violations,
    mean_over_groups,
    violation_rate,
)
from replearn.errors import InputError

few_values = st.lists(st.integers(-3, 3), min_size=1, max_size=12)  # with ties
monotone = st.sampled_from([lambda v: 5 * v + 1, np.exp, lambda v: v**3])


@pytest.mark.parametrize(
    ("inside", "across", "expected"),
    [
        ([3, 4], [1, 2], (1, 0)),
        ([1, 2], [3, 4], (1 / 2 * 1 / 3 + 1 / 2 * 2 / 4, 1)),
        ([1, 3], [0, 2], (1 / 2 * 1 + 1 / 2 * 2 / 3, 1 / 4)),
        ([1], [1], (1 / 2, 1)),  # a tie is a violation
        ([2, 2], [2, 1], (2 / 3, 1 / 2)),
    ],
)
def test_closed_forms(inside, across, expected):
    assert (auprc(inside, across), violation_rate(inside, across)) == pytest.approx(expected)


@given(few_values, few_values)
def test_average_precision_is_that_of_scikit_learn(inside, across):
    wanted = average_precision_score([1] * len(inside) + [0] * len(across), inside + across)
    assert auprc(inside, across) == pytest.approx(wanted, abs=1e-12)


@given(few_values, few_values)
def test_violations_are_counted_as_defined(inside, across):
    wanted = np.mean([own <= other for own, other in product(inside, across)])
    assert violation_rate(inside, across) == pytest.approx(wanted, abs=1e-12)


@given(few_values, few_values, monotone)
def test_only_the_order_counts(inside, across, change):
    scores = auprc(inside, across), violation_rate(inside, across)
    one, other = change(np.array(inside, float)), change(np.array(across, float))
    assert (auprc(one, other), violation_rate(one, other)) == pytest.approx(scores)
    assert (auprc(-one, -other, False), violation_rate(-one, -other, False)) == pytest.approx(
        scores
    )
    # A pair may be there once or in both directions.
    assert (auprc(inside * 2, across * 2), violation_rate(inside * 2, across * 2)) == pytest.approx(
        scores
    )


@pytest.mark.parametrize(("n_in", "n_cross"), [(1, 1), (1, 4), (3, 2), (2, 4), (5, 1)])
def test_chance_is_the_mean_over_all_orders(n_in, n_cross):
    scores = [
        auprc(chosen, [v for v in range(n_in + n_cross) if v not in chosen])
        for chosen in combinations(range(n_in + n_cross), n_in)
    ]
    assert chance_auprc(n_in, n_cross) == pytest.approx(np.mean(scores))


def test_pairs_of_a_group_and_of_others():
    values = np.arange(16.0).reshape(4, 4)
    values[0, 3] = np.nan
    pairs = group_pairs(values, ["a", "a", "b", "c"])
    assert pairs["a"][0].tolist() == [1, 4]
    assert pairs["a"][1].tolist() == [2, 6, 7, 8, 9, 12, 13]
    assert pairs["b"][0].tolist() == [] and len(pairs["b"][1]) == 6
    assert np.isnan([auprc(*pairs["b"]), violation_rate(*pairs["b"]), chance_auprc(0, 6)]).all()
    with pytest.raises(InputError, match=r"square matrix, not of shape \(2, 3\)"):
        group_pairs(np.zeros((2, 3)), [0, 1])


def test_the_interval_over_networks_leaves_out_one_at_a_time():
    values = np.random.default_rng(0).normal(size=(6, 6))
    groups = np.array(list("aabbba"))

    def mean(kept):
        pairs = group_pairs(values[np.ix_(kept, kept)], groups[kept])
        return np.mean([auprc(*each, False) for each in pairs.values()])

    without = [mean([j for j in range(6) if j != i]) for i in range(6)]
    error = np.sqrt(5 / 6 * ((without - np.mean(without)) ** 2).sum())
    found = mean_over_groups(auprc, values, list(groups), higher_is_closer=False)
    assert found.mean == pytest.approx(mean(range(6))) and found.n == 6
    assert found.half_width == pytest.approx(2.570582 * error, rel=1e-6)  # t of 5 degrees
    # One of a group of two has no pairs: a mean, but no interval.
    pairs = mean_over_groups(violation_rate, values, list("aabbbb"))
    assert np.isfinite(pairs.mean) and pairs.half_width is None
    assert np.isnan(mean_over_groups(auprc, values, list("aabbbc")).mean)


def violations_by_definition(values):
    """ReSi: a layer against all higher ones, and against all lower ones; ties are none."""
    n, wrong, total = len(values), 0, 0
    for layer, near, far in permutations(range(n), 3):
        if layer < near < far or layer > near > far:
            total += 1
            wrong += values[layer, near] < values[layer, far]
    return wrong / total


@given(st.integers(3, 6).flatmap(lambda n: arrays(float, (n, n), elements=st.integers(0, 4))))
def test_layer_violations_are_counted_as_defined(values):
    assert layer_violations(values) == pytest.approx(violations_by_definition(values))
    assert layer_violations(-values, False) == layer_violations(values)


def test_layers_in_order_and_in_reverse():
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(float)
    for values, closer, wanted in (
        (distance, False, (0, 1)),
        (1 / (1 + distance), True, (0, 1)),
        (distance, True, (1, -1)),
    ):
        found = layer_violations(values, closer), layer_distance_correlation(values, closer)
        assert found == pytest.approx(wanted)
    distance[1, 3] = distance[3, 1] = np.nan  # an undefined pair is left out
    assert layer_violations(distance, False) == 0
    assert layer_distance_correlation(distance, False) == pytest.approx(1)
    for none in (np.eye(2), np.full((4, 4), np.nan)):
        assert np.isnan([layer_violations(none), layer_distance_correlation(none)]).all()


def test_layer_correlation_is_the_mean_of_scipys():
    values = np.random.default_rng(0).normal(size=(5, 5))
    sides = [(row[i + 1 :], row[:i][::-1]) for i, row in enumerate(values)]
    found = [
        -spearmanr(side, np.arange(len(side))).statistic
        for both in sides
        for side in both
        if len(side) > 1
    ]
    assert len(found) == 6
    assert layer_distance_correlation(values) == pytest.approx(np.mean(found))
    constant = np.ones((4, 4))  # no correlation, and no violation
    assert np.isnan(layer_distance_correlation(constant)) and layer_violations(constant) == 0
