"""MPI3D: a robot arm moves an object before a camera; simulated, rendered or photographed."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset.convert import converted
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.images import FactorSpace, ImageDataset, as_index
from replearn.dataset.npz import NpzArray
from replearn.errors import InputError

FACTORS = FactorSpace(
    (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    ),
    (6, 6, 2, 3, 3, 40, 40),
    tuple(np.arange(size) for size in (6, 6, 2, 3, 3, 40, 40)),
    {
        "object_color": ("white", "green", "red", "blue", "brown", "olive"),
        "object_shape": ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere"),
        "object_size": ("small", "large"),
        "camera_height": ("top", "center", "bottom"),
        "background_color": ("purple", "sea green", "salmon"),
    },
)
_SHAPE = (len(FACTORS), 64, 64, 3)
_TOY_OF_LIBRARY = 4 * 4 * 2 * 3 * 3 * 40 * 40
_FOLDER = "https://storage.googleapis.com/disentanglement_dataset/Final_Dataset"
_MD5 = {
    "toy": "55889cb7c7dfc655d6e0277beee88868",
    "realistic": "59a6225b88b635365f70c91b3e52f70f",
    "real": "0f33f609918fb5c97996692f91129802",
}


class ChannelsLast:
    """Images that are stored (N, H, W, C) and fetched as (B, C, H, W).

    Args:
        pixels: (N, H, W, C) uint8; a memory map is not copied, and only what is fetched is read.
    """

    def __init__(self, pixels: NDArray[np.uint8] | Tensor):
        self.pixels = pixels if isinstance(pixels, Tensor) else torch.from_numpy(pixels)
        n, height, width, channels = self.pixels.shape
        self.shape = (n, channels, height, width)

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.pixels.device

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index, /) -> Tensor:
        """Return images (B, C, H, W), or (C, H, W) for an integer, on the device of the pixels."""
        index = as_index(index)
        pixels = self.pixels[index.to(self.device) if isinstance(index, Tensor) else index]
        return pixels.movedim(-1, -3).contiguous()

    def chosen(self, indices: Tensor) -> "ChannelsLast":
        """Return the images at `indices` (n,) as an array of their own."""
        return ChannelsLast(self.pixels[indices])

    def to(self, device) -> "ChannelsLast":
        """Return these images on another device."""
        pixels = self.pixels.to(device)
        return self if pixels is self.pixels else ChannelsLast(pixels)


def published_images(path: Path, kept: str) -> ChannelsLast:
    """Return the images of a published file, as a memory map of the file where it allows that.

    Args:
        path: the .npz file.
        kept: stem of the name in data/ for the unpacked images of a file that is compressed.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    images = opened(path)
    pixels = images.in_place()
    if pixels is None:
        pixels = converted(kept, _SHAPE, images.blocks(), f"unpacking {path.name}")
    return ChannelsLast(pixels)


def opened(path: Path) -> NpzArray:
    """Return the array of images of a published file; its header alone is read.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    images = NpzArray(path, "images", "MPI3D")
    if images.dtype == np.uint8 and images.shape == (_TOY_OF_LIBRARY, *_SHAPE[1:]):
        raise InputError(
            f"{path} is the smaller toy set that disentanglement_lib downloads ({len(FACTORS):,} "
            f"images were expected, it has {_TOY_OF_LIBRARY:,} of 4 colors and 4 shapes); get "
            f"mpi3d_toy.npz from {_FOLDER}"
        )
    if images.dtype != np.uint8 or images.shape != _SHAPE:
        raise InputError(
            f"{path} holds images of {images.dtype} {images.shape}, where uint8 {_SHAPE} was "
            "expected; get the published file again"
        )
    return images


def _load(name: str, file: DataFile, download: bool = False) -> ImageDataset:
    """Return 1,036,800 images (3, 64, 64) with the factors object_color … vertical_axis.

    Args:
        name: the name in the registry.
        file: the published file.
        download: get the published file (12.7 GB) first if it is not here.

    Raises:
        InputError: if the file is missing or damaged.

    Source:
        Gondal et al. (2019), On the transfer of inductive bias from simulation to the real world,
        github.com/rr-learning/disentanglement_dataset.
    """
    for path in file.candidates():
        opened(path)  # says in an instant what the digests of 12.7 GB say in half a minute
    instead = "try things out on mpi3d_like, which replearn draws"
    (path,) = all_found(name, (file,), download, instead)
    digest = file_digest(path)
    return ImageDataset(
        name,
        published_images(path, f"{name}-{digest[:12]}"),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        digest=digest,
    )


def _declare(variant: str) -> Declaration:
    name = f"mpi3d_{variant}"
    file = DataFile(
        f"{name}.npz", (f"{_FOLDER}/{name}.npz",), md5=_MD5[variant], folders=("mpi3d",)
    )
    return Declaration(
        name,
        partial(_load, name, file),
        n_images=len(FACTORS),
        image_shape=(3, 64, 64),
        source="Gondal et al. 2019",
        factor_space=FACTORS,
        files=(file,),
        terms="CC BY 4.0",
    )


MPI3D_TOY, MPI3D_REALISTIC, MPI3D_REAL = map(_declare, ("toy", "realistic", "real"))
