"""Packed images behave like a uint8 tensor under every index."""

import numpy as np
import pytest
import torch

from replearn.dataset.arrays import PackedImages
from replearn.dataset.images import ChosenImages, ImageDataset

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 2, (20, 3, 4, 8), dtype=np.uint8) * np.uint8(255)
BITS = np.packbits(PIXELS.reshape(20, -1) > 0, axis=1)
MASK = PIXELS[:, 0, 0, 0] > 0

INDICES = {
    "integer": 3,
    "last": -1,
    "numpy integer": np.int64(7),
    "slice": slice(2, 17, 3),
    "list": [0, 19, 0],
    "empty list": [],
    "array": np.array([5, 1]),
    "unsigned array": np.array([5, 1], np.uint8),
    "reversed array": np.arange(20)[::-1],
    "read-only array": np.broadcast_to(np.int64(4), 3),
    "mask": MASK,
    "list mask": MASK.tolist(),
}


@pytest.fixture
def images():
    return PackedImages(BITS, (3, 4, 8))


@pytest.mark.parametrize("name", INDICES)
def test_index_gives_the_pixels_that_numpy_gives(images, name):
    index = INDICES[name]
    expected = PIXELS[np.asarray(index, int)] if name == "empty list" else PIXELS[index]
    got = images[index]
    assert got.dtype == torch.uint8
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("index", [torch.tensor([4, 4]), torch.from_numpy(MASK), torch.tensor(2)])
def test_index_may_be_a_tensor(images, index):
    np.testing.assert_array_equal(images[index].numpy(), PIXELS[index.numpy()])


@pytest.mark.parametrize("index", [20, [0, -21], np.array([3, 99]), np.ones(19, bool), [0.5]])
def test_index_out_of_range_is_an_error(images, index):
    with pytest.raises(IndexError):
        images[index]


def test_shape_and_length(images):
    assert images.shape == (20, 3, 4, 8)
    assert len(images) == 20


def test_bits_are_not_copied(tmp_path):
    np.save(tmp_path / "bits.npy", BITS)
    mapped = np.load(tmp_path / "bits.npy", mmap_mode="c")
    images = PackedImages(mapped, (3, 4, 8))
    assert images.bits.data_ptr() == mapped.ctypes.data
    assert images.to("cpu") is images


def test_batch_is_float_between_0_and_1(images):
    dataset = ImageDataset("test", images)
    for index in ([1, 2], slice(1, 3), np.array([1, 2]), torch.tensor([1, 2])):
        batch = dataset.batch(index)
        assert batch.dtype == torch.float32
        np.testing.assert_array_equal(batch.numpy(), PIXELS[1:3] / np.float32(255))


def test_dataset_moves_with_its_images(images):
    moved = ImageDataset("test", images).to("meta")
    assert moved.images.bits.device.type == "meta"
    assert moved.images.shape == images.shape


def test_chosen_images_stay_packed_and_go_alone():
    bits = torch.randint(0, 256, (9, 8), dtype=torch.uint8, generator=torch.manual_seed(0))
    images = PackedImages(bits, (1, 8, 8))
    chosen = ChosenImages(images, [7, 2])
    assert (chosen[:] == images[[7, 2]]).all()
    moved = chosen.to("meta")
    assert isinstance(moved, PackedImages)
    assert moved.bits.shape == (2, 8) and moved.bits.device.type == "meta"
    assert chosen.to("cpu") is chosen
    assert (images.chosen(torch.tensor([7, 2]))[:] == chosen[:]).all()
