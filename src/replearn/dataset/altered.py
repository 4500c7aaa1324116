"""Training data that are altered on purpose: labels replaced at random, marks that tell the class.

Networks that are trained on more or less of it differ by design: groups that a measure of
similarity should tell apart. What is drawn for an image depends on the seed and on its position
alone, and what a share alters, a larger one alters, too.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset.images import ImageArray, ImageDataset, as_index
from replearn.errors import InputError

ALTERATIONS = ("label_noise", "shortcut", "noise_seed")
_NAME = int.from_bytes(b"altered", "big")  # a stream of random numbers of its own
_REPLACED, _LABELS, _AGREEING, _MARKS, _HELD_OUT = range(5)


def check_alterations(
    label_noise: Any = None, shortcut: Any = None, noise_seed: Any = None
) -> None:
    """Raise an InputError unless these are shares and a seed, or None."""
    for name, share in (("label_noise", label_noise), ("shortcut", shortcut)):
        number = isinstance(share, int | float) and not isinstance(share, bool)
        if share is not None and not (number and 0 <= share <= 1):
            raise InputError(
                f"dataset.{name} must be a share from 0 to 1 of the training images, got {share!r}"
            )
    whole = isinstance(noise_seed, int) and not isinstance(noise_seed, bool)
    if noise_seed is not None and not (whole and noise_seed >= 0):
        raise InputError(
            f"dataset.noise_seed must be a whole number of at least 0, got {noise_seed!r}"
        )


def altered(
    data: ImageDataset,
    training: Sequence[int] | NDArray[np.int64],
    label_noise: float | None = None,
    shortcut: float | None = None,
    noise_seed: int | None = None,
) -> ImageDataset:
    """Return the data as a network is trained on them, as a view.

    The labels of the other images, which are held out, stay; with a shortcut they are marked as
    classes that are drawn at random, the same for every share and seed: there, a mark says nothing.

    Args:
        data: with class labels.
        training: positions of the training images.
        label_noise: the share of the training images whose label is replaced by one that is drawn
            uniformly from all classes (so that one in C keeps its own); None for none.
        shortcut: the share of the training images that are marked as their own class (before
            label noise); the others are marked as one that is drawn uniformly from all. None for
            no marks at all.
        noise_seed: which random choice for the training images, >= 0; None for 0.

    Raises:
        InputError: if a share or the seed is out of range, or the data have no class labels.
    """
    check_alterations(label_noise, shortcut, noise_seed)
    if label_noise is None and shortcut is None:
        return data
    name = "label_noise" if label_noise is not None else "shortcut"
    if data.labels is None:
        raise InputError(f"{data.name} has no class labels; leave dataset.{name} out")
    n_classes = max(int(data.labels.max()) + 1, len(data.class_names))
    labels, images, seed = data.labels, data.images, noise_seed or 0
    if shortcut is not None:
        marks = _drawn(len(data), n_classes, 0, _HELD_OUT)
        marks[training] = _drawn(len(data), n_classes, seed, _MARKS)[training]
        own = _first(len(data), training, shortcut, seed, _AGREEING)
        marks[own] = labels[own]
        images = MarkedImages(images, marks, mark_masks(n_classes, *data.image_shape[1:]))
    if label_noise is not None:
        replaced = _first(len(data), training, label_noise, seed, _REPLACED)
        labels = labels.copy()
        labels[replaced] = _drawn(len(data), n_classes, seed, _LABELS)[replaced]
    return replace(data, images=images, labels=labels)


class MarkedImages:
    """Images with a white square each, at the place of a class.

    Args:
        images: the array; it is not copied.
        classes: (N,) whose mark each image has.
        masks: (C, H, W) the pixels of the mark of each class.
    """

    def __init__(self, images: ImageArray, classes: NDArray[np.int64] | Tensor, masks: Tensor):
        self.images, self.masks = images, masks
        self.classes = torch.as_tensor(classes)
        self.shape = images.shape

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index, /) -> Tensor:
        index = as_index(index)
        images = self.images[index]
        own = index.to(self.classes.device) if isinstance(index, Tensor) else index
        return images.masked_fill(self.masks[self.classes[own]].unsqueeze(-3), 255)

    def to(self, device) -> "MarkedImages":
        """Return these images on another device."""
        images = self.images.to(device)
        return MarkedImages(images, self.classes.to(device), self.masks.to(device))


def mark_masks(n_classes: int, height: int, width: int) -> Tensor:
    """Return the pixels (C, H, W) of each class's mark: squares that go round the border.

    Their side is an eighth of the image's, and they are evenly spaced.

    Raises:
        InputError: if the border is too short for so many different places.
    """
    side = max(1, min(height, width) // 8)
    down, right = height - side, width - side
    around = 2 * (down + right)
    if n_classes > around:
        raise InputError(
            f"dataset.shortcut has {around} places along the border of images of {height} x "
            f"{width} pixels, got {n_classes} classes; choose larger images or fewer classes"
        )
    masks = torch.zeros(n_classes, height, width, dtype=torch.bool)
    for mask, step in zip(masks, range(0, n_classes * around, around), strict=True):
        place = step // n_classes
        # Clockwise from the upper left corner: along the top, down, back, and up.
        x = int(np.clip(min(place, 2 * right + down - place), 0, right))
        y = int(np.clip(min(place - right, around - place), 0, down))
        mask[y : y + side, x : x + side] = True
    return masks


def _first(n: int, among: Any, share: float, seed: int, stream: int) -> NDArray[np.int64]:
    """Return a share of some positions: those that come first in a random order of all."""
    order = _generator(seed, stream).permutation(n)
    order = order[np.isin(order, among)]
    return order[: round(share * len(order))]


def _drawn(n: int, n_classes: int, seed: int, stream: int) -> NDArray[np.int64]:
    return _generator(seed, stream).integers(n_classes, size=n)


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(_NAME, stream)))
