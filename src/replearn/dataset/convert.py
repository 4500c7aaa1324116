"""Images that are drawn or unpacked once into a memory map, if the disk has room for them."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray
from tqdm import tqdm

from replearn.dataset.cache import check_room, made_once, mapped, write_array
from replearn.dataset.files import file_digest
from replearn.dataset.grid import write_rows
from replearn.errors import InputError
from replearn.paths import root

READERS = 1  # where a reader or a resizing is repaired, another number converts all files anew


def drawn(
    generator: str,
    sha256: str,
    shape: tuple[int, ...],
    write: Callable[[BinaryIO], None],
    dtype: DTypeLike = np.uint8,
) -> NDArray:
    """Return the memory map of what a generator draws, which `write` draws the first time.

    Args:
        generator: "<name> <version>"; data/<name>-<version>.npy keeps what it draws.
        sha256: of that file; it is computed once, so a file from elsewhere does not load.
        shape: of the whole array.
        write: draws into a file.
        dtype: of the array.

    Raises:
        InputError: if the file holds something else.
    """
    name = kept_name(generator)
    array, path = _kept(name, shape, dtype, write), root() / "data" / name
    digest = file_digest(path)
    if digest != sha256:
        raise InputError(
            f"{path} is not what {generator} draws (its sha256 is {digest[:12]}…); delete it and "
            "it is drawn again, or report it if this machine has just drawn it"
        )
    return array


def kept_name(generator: str) -> str:
    """Return the name of the file in data/ that keeps what `generator` draws."""
    return f"{generator.replace(' ', '-')}.npy"


def converted(
    stem: str, shape: tuple[int, ...], blocks: Iterable[NDArray[np.uint8]], title: str
) -> NDArray[np.uint8]:
    """Return the memory map data/<stem>-v<READERS>.npy, which `blocks` fill the first time.

    Args:
        stem: what the images are made from and how: "celeba-46fb89443c57-148-64".
        shape: of the whole uint8 array; blocks follow each other along its first axis.
        blocks: not touched if the file is there.
        title: what the progress bar says.

    Raises:
        InputError: if the disk has no room for it, or the blocks are not such an array.
    """

    def write(file: BinaryIO) -> None:
        with tqdm(total=shape[0], desc=title, unit="image") as bar:
            write_array(file, shape, _counted(blocks, bar))

    return _kept(f"{stem}-v{READERS}.npy", shape, np.uint8, write)


def arranged(
    stem: str,
    shape: tuple[int, ...],
    rows: Iterable[tuple[NDArray[np.int64], NDArray]],
    dtype: DTypeLike = np.uint8,
) -> NDArray:
    """Return the memory map data/<stem>-v<READERS>.npy, as `converted`, from rows in any order.

    Args:
        stem: what the images are made from and how.
        shape: of the whole array.
        rows: positions (B,) and images (B, ...); not touched if the file is there.
        dtype: of the array.

    Raises:
        InputError: if the disk has no room for it, or the rows are not such an array.
    """
    name = f"{stem}-v{READERS}.npy"
    return _kept(name, shape, dtype, lambda file: write_rows(file, shape, rows, dtype))


def _kept(
    name: str, shape: tuple[int, ...], dtype: DTypeLike, write: Callable[[BinaryIO], None]
) -> NDArray:
    def write_if_it_fits(file: BinaryIO) -> None:
        check_room(name, math.prod(shape) * np.dtype(dtype).itemsize, root() / "data")
        write(file)

    return mapped(made_once(name, write_if_it_fits), shape, dtype)


def _counted(blocks: Iterable[NDArray[np.uint8]], bar: tqdm) -> Iterator[NDArray[np.uint8]]:
    for block in blocks:
        yield block
        bar.update(len(block))
