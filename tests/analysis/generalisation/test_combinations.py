"""Mean errors of combinations of factors."""

import numpy as np
import pytest

from replearn.analysis.generalisation import by_combination, evenly, free_of_exclusion, spread


def test_each_combination_has_the_mean_of_its_images():
    held_out = [[0, 1], [0, 0], [0, 1]]
    test = [[1, 1], [1, 1]]
    found = by_combination(held_out, test, error=([1.0, 5.0, 3.0], [10.0, 20.0]))
    assert found["combinations"].tolist() == [[0, 0], [0, 1], [1, 1]]
    assert found["combination_excluded"].tolist() == [False, False, True]
    assert found["combination_n"].tolist() == [1, 2, 2]
    assert found["combination_error"].tolist() == [5, 2, 15]


def test_a_combination_of_which_some_images_are_excluded_is_there_twice():
    found = by_combination([[2]], [[2], [2]], error=([1.0], [3.0, 5.0]))
    assert found["combinations"].tolist() == [[2], [2]]
    assert found["combination_excluded"].tolist() == [False, True]
    assert found["combination_error"].tolist() == [1, 4]


def test_what_has_no_value_does_not_count():
    found = by_combination([[0], [0], [1]], np.zeros((0, 1)), error=([np.nan, 2, np.nan], []))
    assert found["combination_n"].tolist() == [2, 1]
    assert found["combination_error"] == pytest.approx([2, np.nan], nan_ok=True)


def test_images_are_drawn_from_all_combinations_equally():
    # 900 images of one combination, 90 of another, 3 of a third.
    named = np.repeat([[0, 1], [1, 0], [2, 2]], [900, 90, 3], axis=0)
    positions = np.arange(993) * 2
    chosen = spread(positions, named, 23, seed=0)
    assert len(set(chosen)) == 23 and (np.diff(chosen) > 0).all()
    counts = np.bincount(named[np.searchsorted(positions, chosen), 0])
    assert counts.tolist() == [10, 10, 3]
    assert spread(positions, named, 23, seed=0).tolist() == chosen.tolist()
    assert spread(positions, named, 23, seed=1).tolist() != chosen.tolist()
    assert spread(positions[:5], named[:5], 23, seed=0).tolist() == [0, 2, 4, 6, 8]


def test_some_images_have_the_combinations_of_all_in_their_shares():
    # In turns 60 images of one combination, 30 of each of two others.
    named = np.array([[1, 0], [0, 0], [1, 0], [0, 7]] * 30)
    chosen = evenly(named, 12)
    assert (np.diff(chosen) > 0).all()
    kinds, counts = np.unique(named[chosen], axis=0, return_counts=True)
    assert kinds.tolist() == [[0, 0], [0, 7], [1, 0]] and counts.tolist() == [3, 3, 6]
    assert evenly(named, 500).tolist() == list(range(120))


def test_a_factor_is_free_where_the_others_go_with_all_of_its_values():
    # Excluded: kind 0 at places 2 and 3. Kinds are free at places 0 and 1, places with kinds 1, 2.
    grid = np.array([[kind, place] for kind in range(3) for place in range(4)])
    excluded = (grid[:, 0] == 0) & (grid[:, 1] >= 2)
    training = grid[~excluded]
    free = free_of_exclusion(training, grid[excluded])
    assert training[free[:, 0]].tolist() == [[k, x] for k in range(3) for x in (0, 1)]
    assert training[free[:, 1]].tolist() == [[k, x] for k in (1, 2) for x in range(4)]


def test_where_nothing_is_free_all_images_count():
    # Extrapolation names one factor: whatever the others are, it is tied.
    assert free_of_exclusion([[0], [1]], [[2], [3]]).all()
    training = [[0, 0], [0, 2], [2, 0]]
    assert free_of_exclusion(training, [[1, 0], [0, 1], [1, 2], [2, 1]]).all()
