"""The parts of a data set: for training, validation and test."""

import numpy as np

from replearn.dataset import load
from replearn.dataset.partition import partition
from replearn.dataset.split import split_indices


def test_without_a_hold_out_the_parts_are_those_of_the_random_split():
    data = load("digits")
    parts = partition({"validation": 0.2, "split_seed": 3}, data)
    for found, expected in zip(
        (parts.training, parts.held_out), split_indices(len(data), 0.2, 3), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert (parts.test.shape, parts.test.dtype, parts.named) == ((0,), np.int64, ())
