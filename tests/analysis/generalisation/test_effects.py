"""Effects of factors on errors, and what they make of combinations that were not seen."""

import numpy as np
import pytest

from replearn.analysis.generalisation import fit_effects, matched_errors

GRID = np.stack(np.meshgrid(np.arange(3), np.arange(32), indexing="ij"), -1).reshape(-1, 2)


def test_errors_are_matched_by_the_parts_of_a_combination():
    # Squares (0) cost 50, hearts 20, ellipses 10; the right half costs 5 more. Excluded are squares
    # in the right half: 55, although the mean of the others is 19.4.
    excluded = (GRID[:, 0] == 0) & (GRID[:, 1] >= 16)
    costs = np.array([50.0, 10.0, 20.0])[GRID[:, 0]] + 5.0 * (GRID[:, 1] >= 16)
    rest = GRID[~excluded]
    found = matched_errors(costs[~excluded, None], rest, GRID[excluded], (3, 32), rest)
    assert found == pytest.approx(np.full((16, 1), 55.0))


def test_neighbouring_values_are_taken_together_so_that_few_images_do():
    rng = np.random.default_rng(0)
    excluded = (GRID[:, 0] == 0) & (GRID[:, 1] >= 16)
    rest = np.flatnonzero(~excluded)
    costs = np.array([50.0, 10.0, 20.0])[GRID[:, 0]] + rng.normal(size=len(GRID))
    few = rng.choice(rest, 60, replace=False)
    found = matched_errors(costs[few, None], GRID[few], GRID[excluded], (3, 32), GRID[rest])
    assert found.mean() == pytest.approx(50, abs=1.5)


def test_nothing_matches_a_value_that_was_never_seen_or_too_few_images():
    low = GRID[GRID[:, 1] < 16]
    errors = np.ones((len(low), 1))
    assert np.isnan(matched_errors(errors, low, [[1, 20]], (3, 32), low)).all()
    assert not np.isnan(matched_errors(errors, low, [[1, 3]], (3, 32), low)).any()
    assert np.isnan(matched_errors(errors[:5], low[:5], [[0, 3]], (3, 32), low)).sum() == 0
    assert np.isnan(matched_errors(errors[:1], low[:1], [[0, 0]], (3, 32), low)).all()
    unknown = np.full((9, 1), np.nan)
    assert np.isnan(matched_errors(unknown, low[:9], [[0, 0]], (3, 32), low)).all()


def test_nothing_matches_a_value_whose_neighbours_alone_were_trained_on():
    # Places 16 to 19 are one group, of which 16 and 17 were trained on.
    low = GRID[GRID[:, 1] <= 17]
    others = np.array([[0, 16], [0, 17], [0, 18], [0, 19], [2, 3]])
    found = matched_errors(np.ones((len(low), 1)), low, others, (3, 32), low)
    assert np.isnan(found[:, 0]).tolist() == [False, False, True, True, False]
    # A place that was trained on, but is not among the images with errors, has its group's.
    few = low[low[:, 1] != 17]
    found = matched_errors(np.ones((len(few), 1)), few, others, (3, 32), low)
    assert np.isnan(found[:, 0]).tolist() == [False, False, True, True, False]


def test_rows_without_an_error_do_not_count():
    errors = np.where(GRID[:, 1] % 2 == 0, 7.0, np.nan)[:, None]
    found = matched_errors(errors, GRID, GRID[:4], (3, 32), GRID)
    assert found == pytest.approx(np.full((4, 1), 7.0))


def test_the_rank_is_that_of_the_indicators():
    fit = fit_effects(np.ones((96, 1)), GRID, (3, 32))
    assert fit.rank == 1 + 2 + 31
    assert fit.sums(GRID) == pytest.approx(np.ones((96, 1)))
