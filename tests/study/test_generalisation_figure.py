"""Which factors and latents the pictures of excluded combinations show."""

import numpy as np
import pytest

from replearn.dataset.images import FactorSpace
from replearn.study.generalisation_figure import combination_map, expected_figure, short_values

SPACE = FactorSpace(
    ("kind", "x", "y"),
    (2, 4, 3),
    (np.arange(2), np.linspace(0, 1, 4), np.array([1.001, 1.002, 1.003])),
    {"kind": ("cat", "dog")},
)


def arrays_of(combinations, excluded, n, errors, named):
    return {
        "combinations": np.array(combinations),
        "combination_excluded": np.array(excluded),
        "combination_n": np.array(n),
        "combination_nll_above_entropy": np.array(errors),
        "named": np.array(named),
    }


def test_the_longer_factor_runs_across_and_each_cell_is_its_combination():
    arrays = arrays_of(
        [[0, 0], [0, 1], [2, 1]], [False, False, True], [5, 5, 2], [1.0, 2, 9], [1, 0]
    )
    errors, frame, rows, columns = combination_map(SPACE, arrays, "nll_above_entropy")
    assert (rows[0], columns[0]) == ("kind", "x") and rows[1] == ["cat", "dog"]
    expected = np.full((2, 4), np.nan)
    expected[0, 0], expected[1, 0], expected[1, 2] = 1, 2, 9
    assert errors == pytest.approx(expected, nan_ok=True)
    assert np.argwhere(frame).tolist() == [[1, 2]]


def test_of_three_factors_those_are_shown_that_set_the_excluded_apart():
    # Excluded: kind 1 at x = 3, whatever y; all three are named.
    table = [[k, x, y] for k in range(2) for x in range(4) for y in range(3)]
    excluded = [k == 1 and x == 3 for k, x, _ in table]
    arrays = arrays_of(
        table, excluded, [1 + y for *_, y in table], [6.0 * y for *_, y in table], [0, 1, 2]
    )
    errors, frame, rows, columns = combination_map(SPACE, arrays, "nll_above_entropy")
    assert (rows[0], columns[0]) == ("kind", "x")
    assert np.argwhere(frame).tolist() == [[1, 3]]
    # Means over y, of 1, 2 and 3 images: (0 + 2 · 6 + 3 · 12) / 6.
    assert errors == pytest.approx(np.full((2, 4), 8.0))


def test_a_cell_of_which_a_part_is_excluded_shows_that_part():
    arrays = arrays_of([[0], [0]], [False, True], [10, 2], [1.0, 7.0], [0])
    errors, frame, rows, columns = combination_map(SPACE, arrays, "nll_above_entropy")
    assert errors == pytest.approx(np.array([[7.0, np.nan]]), nan_ok=True)
    assert frame.tolist() == [[True, False]] and rows == ("", [""])


def test_values_are_as_short_as_they_can_be_told_apart():
    assert short_values(SPACE, 0) == ["cat", "dog"]
    assert short_values(SPACE, 1) == ["0", "0.33", "0.67", "1"]
    assert short_values(SPACE, 2) == ["1.001", "1.002", "1.003"]


def test_the_latents_are_shown_that_the_named_factors_decide():
    rng = np.random.default_rng(0)
    factors = np.array([[k, x, y] for k in range(2) for x in range(4) for y in range(3)] * 5)
    noise = rng.normal(size=len(factors))
    # z₂ is the kind, z₁ is x with noise, z₀ is noise, z₃ does not vary.
    latents = np.column_stack([noise, factors[:, 1] + noise, factors[:, 0], 0 * noise])
    arrays = {
        "train_latents": latents, "train_factors": factors, "test_latents": latents[:6],
        "test_expected": latents[:6] + 0.5, "test_factors": factors[:6], "named": np.array([0, 1]),
        "active": np.array([True, True, True, False]), "covariance": np.eye(4),
    }  # fmt: skip
    figure = expected_figure(SPACE, arrays)
    assert figure is not None
    assert figure.axes[0].get_xlabel() == "z₂ (kind 100 %)"
    (names,) = figure.findobj(lambda artist: artist.get_gid() == "names")
    # The first six images: a cat at the first place thrice, and at the second.
    assert names.get_text() == "kind, x\n1   cat, 0\n2   cat, 0.33"
    share = np.var([latents[factors[:, 1] == x, 1].mean() for x in range(4)]) / latents[:, 1].var()
    assert figure.axes[0].get_ylabel() == f"z₁ (x {100 * share:.0f} %)"
    assert expected_figure(SPACE, arrays | {"test_expected": np.full((6, 4), np.nan)}) is None
    assert expected_figure(SPACE, arrays | {"active": np.arange(4) == 0}) is None
