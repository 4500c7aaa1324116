"""The grid of factors: positions and factor indices are each other's inverse."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.dataset.dsprites import FACTORS
from replearn.dataset.images import ChosenImages, FactorSpace, ImageDataset


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


SPACE = FactorSpace(("a", "b"), (2, 3))


def grid(**changes):
    images = torch.arange(24, dtype=torch.uint8).reshape(6, 1, 2, 2)
    given = {"factors": SPACE.factors(np.arange(6)), "factor_space": SPACE, "labels": np.arange(6)}
    return ImageDataset("test", images, **given | changes)


def test_grid_is_every_combination_in_order():
    assert grid().is_grid
    assert not grid(factors=SPACE.factors([1, 0, 2, 3, 4, 5])).is_grid
    assert not grid(factor_space=None).is_grid
    assert not grid(factors=None).is_grid
    assert not grid().take([0, 1]).is_grid
    assert grid().take(np.arange(6)).is_grid


def test_taken_images_keep_their_factors_and_labels():
    some = grid().take([4, 1])
    assert len(some) == 2 and some.image_shape == (1, 2, 2)
    assert some.labels.tolist() == [4, 1]
    assert some.factors.tolist() == [[1, 1], [0, 1]]
    assert some.images[1].flatten().tolist() == [4, 5, 6, 7]
    assert some.images[:].shape == some.images[[True, True]].shape == (2, 1, 2, 2)
    again = some.take([0])
    assert again.images[[0]].flatten().tolist() == [16, 17, 18, 19]
    assert isinstance(again.images, ChosenImages) and isinstance(again.images.images, torch.Tensor)


def test_only_taken_images_go_to_another_device():
    moved = grid().take([4, 1]).to("meta")
    assert isinstance(moved.images, torch.Tensor)
    assert moved.images.device.type == "meta" and moved.images.shape == (2, 1, 2, 2)
    here = grid().take([4, 1])
    assert here.to("cpu").images is here.images


def test_plain_tensor_is_an_image_array():
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 1, 3, 4)
    dataset = ImageDataset("test", images)
    assert len(dataset) == 2
    assert dataset.image_shape == (1, 3, 4)
    assert dataset.batch([1])[0, 0, 2, 3].item() == pytest.approx(23 / 255)
