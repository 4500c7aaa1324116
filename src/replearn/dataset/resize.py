"""Bring small images to a size that the models take."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

_BLOCK = 1000


def check_size(size: int, sizes: tuple[int, ...]) -> None:
    """Raise an InputError if `size` is not one of `sizes`."""
    if size not in sizes:
        raise InputError(f"expected size to be one of {', '.join(map(str, sizes))}, got {size!r}")


def resized_blocks(images: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield images (N, H, W) or (N, C, H, W) in blocks (<= 1000, C, size, size), bilinear.

    Channels are resized one by one.
    """
    from PIL import Image

    bilinear = Image.Resampling.BILINEAR
    n_channels = images.shape[1] if images.ndim == 4 else 1
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        planes = block.reshape(-1, *block.shape[-2:])
        resized = [np.asarray(Image.fromarray(p).resize((size, size), bilinear)) for p in planes]
        yield np.stack(resized).reshape(len(block), n_channels, size, size)
