"""Subsets: laws that hold for any data, on any kind of image array, and refusals."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.dataset import DATASETS, DECLARATIONS, load
from replearn.dataset.arrays import PackedImages
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.subset import subset
from replearn.errors import InputError
from replearn.registry import parameters

N = 60
SPACE = FactorSpace(("a", "b"), (6, 10))
NAMES = ("cat", "dog", "eel")
# 30 cats, 20 dogs, 10 eels, mixed; position i has the pixels 2 i and 2 i + 1.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [30, 20, 10]))
PIXELS = torch.arange(2 * N, dtype=torch.uint8).reshape(N, 1, 1, 2)
WHOLE = ImageDataset("pets", PIXELS, SPACE.factors(np.arange(N)), SPACE, LABELS, NAMES, digest="d")


def positions(part):
    """Where the images of a part stand in the whole."""
    return (part.images[:][:, 0, 0, 0].long() // 2).numpy()


@settings(deadline=None)
@given(n=st.integers(1, N), seed=st.integers(0, 2**40))
def test_n_images_are_those_of_the_whole_at_ascending_positions(n, seed):
    part = subset(WHOLE, n, seed)
    at = positions(part)
    assert len(part) == len(at) == n and (np.diff(at) > 0).all()
    assert (part.images[:] == PIXELS[at]).all()
    np.testing.assert_array_equal(part.factors, WHOLE.factors[at])
    np.testing.assert_array_equal(part.labels, LABELS[at])
    assert (part.class_names, part.factor_space, part.digest) == (NAMES, SPACE, "d")
    assert part.is_grid == (n == N)
    np.testing.assert_array_equal(positions(subset(WHOLE, n, seed)), at)


@settings(deadline=None)
@given(few=st.integers(1, 10), more=st.integers(0, 10), seed=st.integers(0, 99))
def test_a_larger_subset_has_the_images_of_a_smaller_one(few, more, seed):
    for option in ("n", "per_class"):
        many = min(few + more, 10)
        small, large = (subset(WHOLE, **{option: k}, subset_seed=seed) for k in (few, many))
        assert set(positions(small)) <= set(positions(large))


@settings(deadline=None)
@given(st.permutations(range(3)), st.integers(1, 3), st.integers(1, 10), st.integers(0, 99))
def test_classes_have_equal_counts_and_numbers_in_the_given_order(order, k, per_class, seed):
    part = subset(WHOLE, classes=order[:k], per_class=per_class, subset_seed=seed)
    assert part.class_names == tuple(NAMES[number] for number in order[:k])
    assert np.bincount(part.labels).tolist() == [per_class] * k
    np.testing.assert_array_equal(np.array(order)[part.labels], LABELS[positions(part)])
    # What is drawn of a class does not depend on the others.
    alone = subset(WHOLE, classes=order[:1], per_class=per_class, subset_seed=seed)
    np.testing.assert_array_equal(positions(part)[part.labels == 0], positions(alone))


def test_classes_alone_keep_all_of_their_images():
    part = subset(WHOLE, classes=["eel", 0])
    assert np.bincount(part.labels).tolist() == [10, 30]
    assert part.class_names == ("eel", "cat")
    np.testing.assert_array_equal(positions(part), np.flatnonzero(LABELS != 1))


def test_n_is_drawn_from_what_classes_and_per_class_leave():
    part = subset(WHOLE, 5, classes=["dog"], per_class=10)
    assert set(positions(part)) < set(positions(subset(WHOLE, classes=["dog"], per_class=10)))
    assert len(part) == 5


def test_nothing_asked_for_is_the_whole():
    assert subset(WHOLE) is WHOLE
    assert subset(WHOLE, N) is WHOLE


def test_seeds_give_different_subsets():
    # A given half is drawn twice with probability 1 / C(60, 30) = 8e-18.
    assert not np.array_equal(*(positions(subset(WHOLE, 30, seed)) for seed in (0, 1)))


def test_each_image_is_as_likely():
    counts = sum(np.bincount(positions(subset(WHOLE, 15, s)), minlength=N) for s in range(400))
    # 400 draws of probability 1/4: mean 100, standard deviation 8.7; the largest of 60 below 5 sd.
    assert abs(counts - 100).max() < 43


class _Drawn:
    """Images that are drawn when they are fetched: pixel (index, index + 1) of 0..255."""

    def __init__(self, device="cpu"):
        self.shape, self.on = (200, 1, 1, 2), device

    def __len__(self):
        return 200

    def __getitem__(self, index):
        index = torch.as_tensor(index)
        return torch.stack([index, index + 1], -1).to(torch.uint8)[..., None, None, :]

    def to(self, device):
        return self if device == self.on else _Drawn(device)


def test_drawn_images_are_drawn_at_their_own_index():
    part = subset(ImageDataset("drawn", _Drawn()), 7)
    at = part.images[:][:, 0, 0, 0].long()
    assert (part.images[:][:, 0, 0, 1] == at + 1).all() and len(set(at.tolist())) == 7
    moved = part.to("meta").images
    assert (moved.images.on, len(moved), moved.indices.device.type) == ("meta", 7, "meta")


def test_a_memory_map_is_not_read_for_a_subset(tmp_path):
    large = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (1 << 20, 1, 64, 64))
    del large  # 4 GiB of a sparse file
    mapped = torch.from_numpy(np.load(tmp_path / "a.npy", mmap_mode="c"))
    part = subset(ImageDataset("large", mapped), 100)
    assert part.images[:].shape == (100, 1, 64, 64)
    moved = part.to("meta").images
    assert isinstance(moved, torch.Tensor) and moved.shape == (100, 1, 64, 64)
    (tmp_path / "a.npy").unlink()


def test_packed_images_stay_packed():
    packed = ImageDataset("bits", PackedImages(np.arange(40, dtype=np.uint8)[:, None], (1, 2, 4)))
    part = subset(packed, 9)
    moved = part.to("meta").images
    assert isinstance(moved, PackedImages) and moved.bits.shape == (9, 1)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_takes_the_options_that_fit_it(name):
    own = set(inspect.signature(DECLARATIONS[name].load).parameters)
    added = set(parameters(DATASETS[name])) - own
    labelled = {"classes", "per_class"} if DECLARATIONS[name].class_names else set()
    assert added == {"n", "subset_seed"} | labelled
    assert not own & {"n", "subset_seed", "classes", "per_class"}


def test_registered_data_sets_give_subsets():
    whole, part = load("digits", size=32), load("digits", size=32, per_class=3, classes=[7, "1"])
    assert (len(part), part.class_names) == (6, ("7", "1"))
    assert part.digest == whole.digest
    assert {tuple(image.flatten().tolist()) for image in part.images[:]} <= {
        tuple(image.flatten().tolist()) for image in whole.images[np.isin(whole.labels, [1, 7])]
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n": 0}, r"n must be a whole number of at least 1, got 0"),
        ({"n": 2.5}, r"n must be a whole number of at least 1, got 2.5"),
        ({"n": True}, r"n must be a whole number of at least 1, got True"),
        ({"n": 61}, r"n=61 is more than the 60 images of pets; choose a smaller one"),
        ({"n": 31, "classes": [0]}, r"n=31 is more than the 30 images of pets that classes and"),
        ({"per_class": -1}, r"per_class must be a whole number of at least 1, got -1"),
        ({"per_class": 11}, r"per_class=11 is more than the 10 images of class 'eel' of pets"),
        ({"subset_seed": -1}, r"subset_seed must be a whole number of at least 0, got -1"),
        ({"classes": ["dig"]}, r"pets has no class 'dig'; did you mean 'dog'\?"),
        ({"classes": [3]}, r"pets has no class 3; give a name, or a number from 0 to 2"),
        ({"classes": [-1]}, r"pets has no class -1; give a name, or a number"),
        ({"classes": [0, "cat"]}, r"classes=\[0, 'cat'\] has 'cat' twice; give it once"),
        ({"classes": []}, r"classes must be a list of class names or numbers, .* got \[\]"),
        ({"classes": "cat"}, r"such as \[0, 3\], got 'cat'"),
        ({"classes": 0}, r"such as \[0, 3\], got 0"),
    ],
)
def test_what_cannot_be_is_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        subset(WHOLE, **options)
    assert "\n" not in str(error.value)


def test_data_without_classes_has_no_such_options():
    with pytest.raises(InputError, match=r"data set 'circles' takes no parameter 'per_class'"):
        load("circles", per_class=3)
    with pytest.raises(InputError, match=r"drawn has no classes; leave classes and per_class out"):
        subset(ImageDataset("drawn", _Drawn()), per_class=3)


def test_bad_options_are_refused_before_anything_is_loaded(home):
    with pytest.raises(InputError, match="n must be a whole number"):
        load("mnist", n=0)  # whose files are not here
