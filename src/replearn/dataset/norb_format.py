"""Read smallNORB's binary matrices, little-endian and packed with gzip or not, block by block."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from replearn.dataset.files import open_content
from replearn.errors import InputError

_TYPES = {
    0x1E3D4C51: "<f4",
    0x1E3D4C53: "<f8",
    0x1E3D4C54: "<i4",
    0x1E3D4C55: "|u1",
    0x1E3D4C56: "<i2",
}


def read_matrix(path: Path, dtype: DTypeLike, tail: tuple[int, ...]) -> NDArray:
    """Return the matrix (N, *tail) in `path`; errors as in `matrix_blocks`."""
    return np.concatenate(list(matrix_blocks(path, dtype, tail)))


def matrix_blocks(
    path: Path, dtype: DTypeLike, tail: tuple[int, ...], rows: int = 1000
) -> Iterator[NDArray]:
    """Yield the matrix in `path` as blocks (<= rows, *tail).

    The header is a magic number that stands for the type, the number of axes, and their lengths,
    of which there are at least three; all are 4 bytes, little-endian.

    Raises:
        InputError: if the file is damaged, of another kind, holds a matrix of another type or
            shape, or is longer or shorter than its header says.

    Source:
        LeCun, Huang & Bottou (2004), cs.nyu.edu/~ylclab/data/norb-v1.0-small.
    """
    kind = np.dtype(dtype)
    try:
        with open_content(path) as file:
            shape = _shape(file, path, kind, tail)
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                content = _read(file, path, count * int(np.prod(tail)) * kind.itemsize)
                yield np.frombuffer(content, kind).reshape(count, *tail)
            if file.read(1):
                raise InputError(f"{path} is damaged: it goes on behind its matrix {shape}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged (it does not unpack); get it again") from error


def _shape(file: BinaryIO, path: Path, kind: np.dtype, tail: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that the header tells, if it is of the type and kind that are expected."""
    magic, axes = (int(n) for n in np.frombuffer(_read(file, path, 8), "<i4"))
    if magic not in _TYPES or not 0 < axes <= 8:
        raise InputError(f"{path} is not a matrix in smallNORB's format; get it again")
    lengths = np.frombuffer(_read(file, path, 4 * max(3, axes)), "<i4")
    shape = tuple(int(n) for n in lengths[:axes])
    if np.dtype(_TYPES[magic]) != kind or shape[1:] != tail or shape[0] < 1:
        expected = ", ".join(["N", *map(str, tail)])
        raise InputError(
            f"{path} holds {np.dtype(_TYPES[magic])} {shape} where {kind} ({expected}) is "
            "expected; is it another file of smallNORB under this name?"
        )
    return shape


def _read(file: BinaryIO, path: Path, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise InputError(f"{path} is cut short; get it again")
    return content
