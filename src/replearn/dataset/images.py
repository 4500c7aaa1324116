"""Images with their factors of variation or labels: what every data set is once it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class ImageArray(Protocol):
    """N images (C, H, W) that are fetched by index as uint8 tensors (B, C, H, W) in 0..255.

    A plain uint8 tensor is one; a memory map or packed bits are others. Images whose published
    preprocessing overshoots 0..255 are int16. An image is a function of its index alone, also where
    it is drawn when it is fetched.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index, /) -> Tensor: ...

    def to(self, device) -> "ImageArray": ...


def as_index(index) -> Tensor | slice:
    """Return an index (integer, list, array, mask, slice) as what a tensor takes without a warning.

    Arrays are copied: torch wants writable memory, and signed indices.
    """
    if isinstance(index, (Tensor, slice)):
        return index
    array = np.array(index)
    if array.dtype.kind in "iu" or array.size == 0:
        array = array.astype(np.int64)
    return torch.from_numpy(np.atleast_1d(array)).reshape(array.shape)


@runtime_checkable
class _Stored(Protocol):
    """An image array that can give some of its images as they are stored, without the others."""

    def chosen(self, indices: Tensor, /) -> ImageArray: ...


class ChosenImages:
    """Some images of an array, by their positions in it; the others are never read.

    Args:
        images: the array; it is not copied.
        indices: (n,) positions in it.
    """

    def __init__(self, images: ImageArray, indices):
        positions = as_index(indices)
        if isinstance(images, ChosenImages):
            images, positions = images.images, images.indices[positions]
        self.images, self.indices = images, torch.as_tensor(positions)
        self.shape = (len(self.indices), *images.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index, /) -> Tensor:
        index = as_index(index)
        if isinstance(index, Tensor):
            index = index.to(self.indices.device)
        return self.images[self.indices[index]]

    def to(self, device) -> "ImageArray":
        """Return these images on another device: of stored ones, no others go there."""
        if getattr(self.images, "device", None) == torch.empty(0, device=device).device:
            return self
        if isinstance(self.images, Tensor):
            return self.images[self.indices].to(device)
        if isinstance(self.images, _Stored):
            return self.images.chosen(self.indices).to(device)
        images = self.images.to(device)
        return self if images is self.images else ChosenImages(images, self.indices.to(device))


@dataclass(frozen=True)
class FactorSpace:
    """The grid of factors of variation that generated a data set, last factor fastest.

    Attributes:
        names: name of each of the K factors.
        sizes: number of values of each factor.
        values: the physical values of each factor, K arrays of lengths `sizes`.
        value_names: words for the values of some factors, by the factor's name.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[NDArray, ...] = field(default=(), compare=False, repr=False)
    value_names: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __len__(self) -> int:
        """Return the number of combinations."""
        return int(np.prod(self.sizes))

    def named_values(self, k: int) -> list[str]:
        """Return the values of factor k as words: "square", or "0.5" where they have no names."""
        named = self.value_names.get(self.names[k])
        values = self.values[k] if self.values else np.arange(self.sizes[k])
        return list(named or (f"{v:g}" if isinstance(v, np.number) else str(v) for v in values))

    def numbers(self, k: int) -> NDArray[np.float64]:
        """Return the values of factor k as numbers: physical ones, or indices where none are."""
        values = np.asarray(self.values[k]) if self.values else np.arange(self.sizes[k])
        if not np.issubdtype(values.dtype, np.number):
            values = np.arange(self.sizes[k])
        return values.astype(np.float64)

    def factors(self, index) -> NDArray[np.int64]:
        """Return the factor indices (..., K) of positions (...) in the full grid."""
        return np.stack(np.unravel_index(np.asarray(index), self.sizes), axis=-1).astype(np.int64)

    def index(self, factors) -> NDArray[np.int64]:
        """Return the positions (...) in the full grid of factor indices (..., K)."""
        columns = np.moveaxis(np.asarray(factors), -1, 0)
        return np.asarray(np.ravel_multi_index(tuple(columns), self.sizes), dtype=np.int64)


@dataclass(frozen=True)
class ImageDataset:
    """N images, held once as uint8, with factors of variation or labels.

    Attributes:
        name: the name in the registry.
        images: (N, C, H, W) uint8 (or int16), by index.
        factors: (N, K) int64 factor indices, or None.
        factor_space: the names and sizes of the K factors, or None.
        labels: (N,) int64 class labels, or None.
        class_names: names of the classes, or ().
        is_twin: True if the images were drawn by replearn in place of the published files.
        digest: sha256 of the data files, or "<generator> <version>" of a twin.
        note: one sentence for captions, such as where a twin differs from the original.
    """

    name: str
    images: ImageArray
    factors: NDArray[np.int64] | None = None
    factor_space: FactorSpace | None = None
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    is_twin: bool = False
    digest: str = ""
    note: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def is_grid(self) -> bool:
        """Whether the images are all combinations of the factors, in the order of the space.

        Then an image's position is `factor_space.index(its factors)`.
        """
        if self.factors is None or self.factor_space is None:
            return False
        if len(self) != len(self.factor_space) or len(self.factors) != len(self):
            return False
        return bool((self.factor_space.index(self.factors) == np.arange(len(self))).all())

    def take(self, indices) -> "ImageDataset":
        """Return the images at `indices` (n,) with their factors and labels, as a lazy view."""
        chosen = np.asarray(indices)
        return replace(
            self,
            images=ChosenImages(self.images, chosen),
            factors=None if self.factors is None else self.factors[chosen],
            labels=None if self.labels is None else self.labels[chosen],
        )

    def batch(self, index) -> Tensor:
        """Return images (B, C, H, W) as float32 in [0, 1], on the device that holds the images."""
        return self.images[as_index(index)].float().div_(255)

    def to(self, device) -> "ImageDataset":
        """Return this data set with its images on another device."""
        return replace(self, images=self.images.to(device))
