"""Mean errors of combinations of factors."""

import numpy as np
import pytest

from replearn.analysis.generalisation import by_combination, spread


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
