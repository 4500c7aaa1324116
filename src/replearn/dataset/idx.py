"""Read IDX files, the format of MNIST and its followers."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.files import open_content
from replearn.errors import InputError

_UINT8 = 8


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of unsigned bytes, packed (.gz) or not.

    The header is two zero bytes, the type, the number of axes, and their big-endian lengths.

    Raises:
        InputError: if the file is damaged, of another kind, or longer or shorter than its header
            says.
    """
    try:
        with open_content(path) as file:
            content = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged (it does not unpack); get it again") from error
    if len(content) < 4 or content[:2] != b"\0\0":
        raise InputError(f"{path} is not an IDX file")
    kind, axes = content[2], content[3]
    if kind != _UINT8:
        raise InputError(
            f"{path} holds IDX type {kind}, where {_UINT8} (unsigned byte) is expected"
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise InputError(f"{path} is cut short in its header; get it again")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, offset=4))
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise InputError(
            f"{path} is damaged: its header {shape} needs {expected} bytes, it has {len(content)}"
        )
    # A copy of its own: torch wants writable memory.
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
