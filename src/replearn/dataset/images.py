"""Images with their factors of variation or labels: what every data set is once it is loaded."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class ImageArray(Protocol):
    """N images (C, H, W) that are fetched by index as uint8 tensors (B, C, H, W) in 0..255.

    A plain uint8 tensor is one; a memory map or packed bits are others.
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


@dataclass(frozen=True)
class FactorSpace:
    """The grid of factors of variation that generated a data set, last factor fastest.

    Attributes:
        names: name of each of the K factors.
        sizes: number of values of each factor.
        values: the physical values of each factor, K arrays of lengths `sizes`.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[NDArray, ...] = field(default=(), compare=False, repr=False)

    def __len__(self) -> int:
        """Return the number of combinations."""
        return int(np.prod(self.sizes))

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
        images: (N, C, H, W) uint8, by index.
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

    def batch(self, index) -> Tensor:
        """Return images (B, C, H, W) as float32 in [0, 1], on the device that holds the images."""
        return self.images[as_index(index)].float().div_(255)

    def to(self, device) -> "ImageDataset":
        """Return this data set with its images on another device."""
        return replace(self, images=self.images.to(device))
