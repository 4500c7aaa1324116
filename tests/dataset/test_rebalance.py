"""Images of rare values are drawn more often."""

import numpy as np
import pytest

from replearn.dataset import load
from replearn.dataset.rebalance import balancing_weights
from replearn.errors import InputError


def test_every_value_has_the_same_weight_in_all():
    simple = load("simple")
    squares, circles = (np.flatnonzero(simple.factors[:, 2] == shape) for shape in (0, 1))
    positions = np.concatenate([squares[:100], circles[:25]])
    weights = balancing_weights(simple, "shape", positions)
    assert weights.tolist() == [1 / 100] * 100 + [1 / 25] * 25


@pytest.mark.parametrize(
    "name, factor, sentence",
    [
        ("circles", "z", "dataset.rebalance='z' is no factor of circles; choose from x, y"),
        ("digits", "shape", "dataset.rebalance=shape needs factors, and digits has none; leave"),
    ],
)
def test_what_is_no_factor_is_refused(name, factor, sentence):
    with pytest.raises(InputError, match=sentence):
        balancing_weights(load(name), factor, np.arange(3))
