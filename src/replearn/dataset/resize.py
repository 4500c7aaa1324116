"""Bring small grey images to a size that the models take."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from replearn.errors import InputError

_BLOCK = 1000


def check_size(size: int, sizes: tuple[int, ...]) -> None:
    """Raise an InputError if `size` is not one of `sizes`."""
    if size not in sizes:
        raise InputError(f"expected size to be one of {', '.join(map(str, sizes))}, got {size!r}")


def resized_blocks(images: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield images (N, H, W) in blocks (<= 1000, 1, size, size), bilinear, with a progress bar."""
    from PIL import Image

    bilinear = Image.Resampling.BILINEAR
    starts = range(0, len(images), _BLOCK)
    for start in tqdm(starts, f"resizing to {size}", unit_scale=_BLOCK, unit="image"):
        block = images[start : start + _BLOCK]
        yield np.stack(
            [np.asarray(Image.fromarray(image).resize((size, size), bilinear)) for image in block]
        )[:, None]
