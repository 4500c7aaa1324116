"""The grid of factors: positions and factor indices are each other's inverse."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.dataset.dsprites import FACTORS
from replearn.dataset.images import FactorSpace, ImageDataset


@st.composite
def spaces_and_positions(draw):
    sizes = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=5)))
    names = tuple(f"factor {k}" for k in range(len(sizes)))
    positions = draw(st.lists(st.integers(0, math.prod(sizes) - 1), max_size=20))
    return FactorSpace(names, sizes), np.array(positions, int)


@settings(deadline=None)
@given(spaces_and_positions())
def test_index_and_factors_are_inverse(case):
    space, positions = case
    factors = space.factors(positions)
    assert factors.shape == (len(positions), len(space.sizes))
    assert (factors < space.sizes).all()
    np.testing.assert_array_equal(space.index(factors), positions)


def test_dsprites_index_is_the_published_formula():
    shape, scale, orientation, x, y = 2, 4, 17, 30, 5
    index = (((shape * 6 + scale) * 40 + orientation) * 32 + x) * 32 + y
    assert FACTORS.index([shape, scale, orientation, x, y]) == index
    assert FACTORS.factors(index).tolist() == [shape, scale, orientation, x, y]
    assert len(FACTORS) == 737_280


def test_plain_tensor_is_an_image_array():
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 1, 3, 4)
    dataset = ImageDataset("test", images)
    assert len(dataset) == 2
    assert dataset.image_shape == (1, 3, 4)
    assert dataset.batch([1])[0, 0, 2, 3].item() == pytest.approx(23 / 255)
