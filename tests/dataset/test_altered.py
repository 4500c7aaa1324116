"""Label noise and shortcuts: how many images, which ones, and what does not change."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.dataset import load
from replearn.dataset.altered import MarkedImages, altered, mark_masks
from replearn.dataset.images import ImageDataset
from replearn.errors import InputError

N = 2000
TRAINING = np.arange(0, N, 2)
HELD_OUT = np.arange(1, N, 2)


@pytest.fixture(scope="module")
def data():
    """Black images of 10 classes."""
    labels = np.random.default_rng(0).integers(10, size=N)
    names = tuple("abcdefghij")
    return ImageDataset("black", torch.zeros(N, 1, 8, 8).byte(), labels=labels, class_names=names)


def marks(images):
    """The class whose mark each image (N, 1, 8, 8) bears; fails unless there is exactly one."""
    masks = mark_masks(10, 8, 8).flatten(1)
    same = (images.flatten(1)[:, None] == 255 * masks[None]).all(-1)
    assert (same.sum(1) == 1).all()
    return same.int().argmax(1).numpy()


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_a_share_of_the_training_labels_is_drawn_anew_from_all_classes(data, share):
    labels = altered(data, TRAINING, label_noise=share).labels
    assert (labels[HELD_OUT] == data.labels[HELD_OUT]).all()
    # One in ten that is drawn is the old one: 900 ± 9.5 of 1,000 differ where all are drawn.
    differ = (labels[TRAINING] != data.labels[TRAINING]).mean()
    assert differ == pytest.approx(0.9 * share, abs=4 * 0.0095 * share**0.5)
    drawn = labels[TRAINING][labels[TRAINING] != data.labels[TRAINING]]
    if share:
        assert (np.bincount(drawn, minlength=10) > 0.05 * len(drawn)).all()


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1])
def test_a_share_of_the_training_images_is_marked_as_their_class(data, share):
    found = marks(altered(data, TRAINING, shortcut=share).images[:])
    agree = (found == data.labels)[TRAINING].mean()
    assert agree == pytest.approx(share + (1 - share) / 10, abs=4 * 0.0095 * (1 - share) ** 0.5)
    assert (found == data.labels)[HELD_OUT].mean() == pytest.approx(0.1, abs=0.04)


def test_held_out_images_are_the_same_for_every_share_and_seed(data):
    one, other = (altered(data, TRAINING, 0.5, share, seed) for share, seed in ((0, 1), (1, 2)))
    assert torch.equal(one.images[HELD_OUT], other.images[HELD_OUT])
    assert torch.equal(one.images[HELD_OUT], altered(data, [], shortcut=0).images[HELD_OUT])
    assert not torch.equal(one.images[TRAINING], other.images[TRAINING])


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32))
def test_a_larger_share_alters_what_a_smaller_one_does(data, one, other, seed):
    small, large = sorted((one, other))
    noisy = [altered(data, TRAINING, share, None, seed).labels for share in (small, large)]
    changed = noisy[0] != data.labels
    assert (noisy[1][changed] == noisy[0][changed]).all()
    few, many = (altered(data, TRAINING, None, share, seed).images for share in (small, large))
    own = marks(few[TRAINING]) == data.labels[TRAINING]
    assert (marks(many[TRAINING])[own] == data.labels[TRAINING][own]).all()


def test_what_is_drawn_depends_on_the_position_alone(data):
    whole = altered(data, np.arange(N), 1, 0)
    part = altered(data, TRAINING, 1, 0)
    assert (whole.labels[TRAINING] == part.labels[TRAINING]).all()
    assert torch.equal(whole.images[TRAINING], part.images[TRAINING])
    again = altered(data, np.arange(N), 1, 0, noise_seed=0)
    assert (whole.labels == again.labels).all()
    other = altered(data, np.arange(N), 1, 0, noise_seed=1)
    assert (whole.labels == other.labels).mean() == pytest.approx(0.1, abs=0.03)


def test_marks_are_of_the_true_class_whatever_the_labels(data):
    both = altered(data, TRAINING, label_noise=1, shortcut=1)
    assert (marks(both.images[TRAINING]) == data.labels[TRAINING]).all()
    assert both.digest == data.digest


def test_nothing_is_altered_unless_it_is_asked_for(data):
    assert altered(data, TRAINING) is data
    assert altered(data, TRAINING, label_noise=0.5).images is data.images
    assert altered(data, TRAINING, shortcut=0.5).labels is data.labels


def test_places_of_digits():
    # 28 pixels along the border of 8 x 8, of which each tenth begins at floor(2.8 c).
    places = [tuple(int(x) for x in mask.nonzero()[0]) for mask in mark_masks(10, 8, 8)]
    assert places == [
        (0, 0), (0, 2), (0, 5), (1, 7), (4, 7), (7, 7), (7, 5), (7, 2), (6, 0), (3, 0)
    ]  # fmt: skip


@given(st.integers(8, 40), st.integers(8, 40), st.data())
def test_every_class_has_a_place_of_its_own(height, width, draw):
    side = min(height, width) // 8
    n = draw.draw(st.integers(1, 2 * (height + width - 2 * side)))
    masks = mark_masks(n, height, width)
    assert (masks.sum((1, 2)) == side**2).all()
    assert len({mask.numpy().tobytes() for mask in masks}) == n
    border = torch.ones(height, width, dtype=torch.bool)
    border[side : height - side, side : width - side] = False
    assert not (masks & ~border).any()


def test_marked_images_are_an_image_array(data):
    colour = torch.arange(6 * 3 * 16 * 16).reshape(6, 3, 16, 16).remainder(200).byte()
    marked = MarkedImages(colour, np.array([0, 1, 2, 0, 1, 2]), mark_masks(3, 16, 16))
    assert marked.shape == colour.shape and len(marked) == 6
    batch = marked[np.array([4, 0])]
    for image, source, mask in zip(
        batch, colour[[4, 0]], mark_masks(3, 16, 16)[[1, 0]], strict=True
    ):
        assert (image[:, mask] == 255).all() and torch.equal(image[:, ~mask], source[:, ~mask])
    assert torch.equal(marked[4], batch[0]) and torch.equal(marked[3:5][1], batch[0])
    assert torch.equal(marked.to("cpu")[[4, 0]], batch)
    chosen = altered(data, TRAINING, shortcut=1).take([7, 4])
    assert torch.equal(chosen.images[:], altered(data, TRAINING, shortcut=1).images[[7, 4]])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"label_noise": 1.5}, r"dataset.label_noise must be a share from 0 to 1 .*, got 1.5"),
        ({"shortcut": True}, "dataset.shortcut must be a share from 0 to 1 .*, got True"),
        ({"shortcut": 0.5, "noise_seed": -1}, "noise_seed must be a whole number of at least 0"),
    ],
)
def test_what_is_no_share_is_one_sentence(data, options, sentence):
    with pytest.raises(InputError, match=sentence):
        altered(data, TRAINING, **options)


def test_data_without_labels_and_too_many_classes_are_refused(data):
    with pytest.raises(InputError, match="circles has no class labels; leave dataset.shortcut out"):
        altered(load("circles"), TRAINING, shortcut=0.5)
    with pytest.raises(InputError, match="has 28 places along the border .*, got 29 classes"):
        mark_masks(29, 8, 8)
