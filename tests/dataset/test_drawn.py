"""Drawn images behave like a uint8 tensor under every index."""

import numpy as np
import pytest
import torch

from replearn.dataset.drawn import DrawnImages
from replearn.dataset.images import ImageDataset

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (200, 3, 4, 8), dtype=np.uint8))
MASK = PIXELS[:, 0, 0, 0] > 128

INDICES = {
    "integer": 3,
    "last": -1,
    "numpy integer": np.int64(7),
    "slice": slice(2, 170, 3),
    "everything": slice(None),
    "list": [0, 19, 0],
    "empty list": [],
    "array": np.array([[5, 1], [7, -8]]),
    "mask": MASK.numpy(),
    "tensor": torch.tensor([4, 4]),
    "tensor mask": MASK,
}


def look_up(positions, table, offset):
    return table[positions] + offset


@pytest.fixture
def images():
    return DrawnImages(look_up, (PIXELS - 1, torch.ones(1, dtype=torch.uint8)), (200, 3, 4, 8))


@pytest.mark.parametrize("name", INDICES)
def test_index_gives_the_pixels_that_a_tensor_gives(images, name):
    index = INDICES[name]
    expected = PIXELS[torch.tensor([], dtype=torch.int64) if name == "empty list" else index]
    got = images[index]
    assert got.dtype == torch.uint8
    assert torch.equal(got, expected)


@pytest.mark.parametrize("index", [200, [0, -201], np.array([3, 999]), np.ones(19, bool)])
def test_index_out_of_range_is_an_error(images, index):
    with pytest.raises(IndexError):
        images[index]


def test_images_are_drawn_where_they_are_sent(images):
    moved = images.to("meta")
    assert moved.device.type == "meta" and moved[[3, 4]].device.type == "meta"
    assert moved[[3, 4]].shape == (2, 3, 4, 8)
    assert images.to("cpu") is images


def test_subset_draws_the_same_images(images):
    dataset = ImageDataset("test", images).take([7, 150])
    assert torch.equal(dataset.images[:], PIXELS[[7, 150]])
    assert dataset.to("meta").images[:].device.type == "meta"
