"""Images that are drawn or unpacked once into a memory map, if the disk has room for them."""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray
from tqdm import tqdm

from replearn.dataset.cache import made_once, mapped, write_array
from replearn.dataset.files import file_digest
from replearn.errors import InputError
from replearn.paths import root


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
    path = made_once(kept_name(generator), write)
    array = mapped(path, shape, dtype)
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
    kept: str, shape: tuple[int, ...], blocks: Iterable[NDArray[np.uint8]], title: str
) -> NDArray[np.uint8]:
    """Return the memory map data/<kept>, which `blocks` fill the first time it is asked for.

    Args:
        kept: name of the file.
        shape: of the whole uint8 array; blocks follow each other along its first axis.
        blocks: not touched if the file is there.
        title: what the progress bar says.

    Raises:
        InputError: if the disk has no room for it, or the blocks are not such an array.
    """

    def write(file: BinaryIO) -> None:
        _check_room(kept, math.prod(shape))
        with tqdm(total=shape[0], desc=title, unit="image") as bar:
            write_array(file, shape, _counted(blocks, bar))

    return mapped(made_once(kept, write), shape)


def _check_room(kept: str, needed: int) -> None:
    folder = root() / "data"
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{kept} needs {needed / 1e9:.1f} GB in {folder}, where {free / 1e9:.1f} GB are free; "
            "free some space or give another folder with REPLEARN_HOME"
        )


def _counted(blocks: Iterable[NDArray[np.uint8]], bar: tqdm) -> Iterator[NDArray[np.uint8]]:
    for block in blocks:
        yield block
        bar.update(len(block))
