"""Put images into the order of their factors: the full grid, last factor fastest."""

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from replearn.dataset.images import FactorSpace
from replearn.errors import InputError


def grid_positions(factors: NDArray, space: FactorSpace, source: str) -> NDArray[np.int64]:
    """Return the position (N,) in the full grid of each row of a factor table (N, K).

    Raises:
        InputError: if the N rows are not all combinations, once each; `source` is named.
    """
    fault = f"{source} has a factor table that does not fit the images:"
    if factors.ndim != 2 or factors.shape[1] != len(space.sizes):
        raise InputError(
            f"{fault} expected {len(space.sizes)} columns, got an array {factors.shape}"
        )
    for name, size, column in zip(space.names, space.sizes, factors.T, strict=True):
        if ((column < 0) | (column >= size)).any():
            raise InputError(
                f"{fault} expected {name} in 0..{size - 1}, got {column.min()}..{column.max()}"
            )
    positions = space.index(factors)
    counts = np.bincount(positions, minlength=len(space))
    if (counts != 1).any():
        raise InputError(
            f"{fault} expected each of {len(space):,} combinations once, "
            f"{(counts == 0).sum():,} are missing and {(counts > 1).sum():,} come more than once"
        )
    return positions


def write_rows(
    file: BinaryIO,
    shape: tuple[int, ...],
    rows: Iterable[tuple[NDArray[np.int64], NDArray]],
    dtype: DTypeLike = np.uint8,
) -> None:
    """Write one .npy file from pairs of positions (B,) and images (B, ...), in any order.

    Raises:
        InputError: if the images are not an array of `shape` and `dtype` together.
    """
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    start, length = file.tell(), int(np.prod(shape[1:])) * kind.itemsize
    written = np.zeros(shape[0], bool)
    for positions, images in rows:
        if images.dtype != kind or images.shape != (len(positions), *shape[1:]):
            raise InputError(
                f"expected images {kind} {shape[1:]}, got {images.dtype} {images.shape[1:]}"
            )
        for position, image in zip(positions, images, strict=True):
            file.seek(start + int(position) * length)
            file.write(np.ascontiguousarray(image).data)
        written[positions] = True
    if not written.all():
        raise InputError(
            f"expected {shape[0]} images, got {written.sum()}: the source is incomplete"
        )
