"""Arrays that are drawn or converted once, kept in data/ and memory-mapped from then on."""

import fcntl
import logging
import mmap
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from replearn.errors import InputError
from replearn.paths import root

_READ_AHEAD = 1 << 30  # bytes; a larger file might push others out of memory
_MAKING: ContextVar[bool] = ContextVar("making", default=True)
_LOG = logging.getLogger(__name__)


class NotMadeYet(Exception):
    """A file would have to be downloaded, drawn or converted, and `making_nothing` forbids it."""


@contextmanager
def making_nothing() -> Iterator[None]:
    """Let what would make a file in data/ raise NotMadeYet."""
    token = _MAKING.set(False)
    try:
        yield
    finally:
        _MAKING.reset(token)


def check_making(name: str) -> None:
    """Raise NotMadeYet if no file may be made."""
    if not _MAKING.get():
        raise NotMadeYet(name)


def made_once(name: str, write: Callable[[BinaryIO], None]) -> Path:
    """Return data/<name>, written by `write(file)` the first time it is asked for.

    The file gets its name only when it is complete, so what bears the name is whole. Processes
    that ask at once wait for the one that writes; if that one is killed, the next one writes.
    The folder is always the data/ of the checkout: $REPLEARN_DATA may be read-only.

    Raises:
        InputError: if the file cannot be written (no space, no permission).
    """
    path = root() / "data" / name
    if path.exists():
        return path
    check_making(name)
    partial = path.with_name(f"{name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path):
            if not path.exists():
                try:
                    with open(partial, "wb") as file:
                        write(file)
                        file.flush()
                        os.fsync(file.fileno())
                    os.replace(partial, path)
                finally:
                    partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free some space or give another "
            "folder with REPLEARN_HOME"
        ) from error
    return path


def check_room(name: str, needed: int, folder: Path) -> None:
    """Raise an InputError if `folder` has no room for a file of `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{name} needs {needed / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are "
            "free; free some space or give another folder with REPLEARN_HOME or REPLEARN_DATA"
        )


def write_array(
    file: BinaryIO, shape: tuple[int, ...], blocks: Iterable[NDArray], dtype: DTypeLike = np.uint8
) -> None:
    """Write blocks, which follow each other along the first axis, as one .npy file.

    Raises:
        InputError: if the blocks are not an array of `shape` and `dtype` together.
    """
    kind = np.dtype(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    rows = 0
    for block in blocks:
        if block.dtype != kind or block.shape[1:] != shape[1:]:
            raise InputError(
                f"expected blocks of {kind} (…, {shape[1:]}), got {block.dtype} {block.shape}"
            )
        file.write(np.ascontiguousarray(block).data)
        rows += len(block)
    if rows != shape[0]:
        raise InputError(f"expected {shape[0]} images, got {rows}: the source is incomplete")


def mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray:
    """Return the array in `path` as a private memory map: pages are read when they are used.

    Raises:
        InputError: if the file is cut short, holds something else or is no .npy file at all.
    """
    try:
        _read_ahead(path)
        # "c": torch wants writable memory; nothing written to it ever reaches the file.
        array = np.lib.format.open_memmap(path, mode="c")
    except Exception as error:  # whatever NumPy's reader of headers meets in a damaged file
        raise InputError(f"{path} is damaged; delete it and it is made again") from error
    if array.shape != shape or array.dtype != dtype:
        raise InputError(
            f"{path} holds {array.dtype} {array.shape} where {np.dtype(dtype)} {shape} was "
            "expected; delete it and it is made again"
        )
    if array.nbytes >= _READ_AHEAD:
        used_at_random(array)
    return array


def used_at_random(array: NDArray) -> None:
    """Tell the system that rows of a memory map are used in no order: it reads only those then.

    Systems read on behind a page, some of them megabytes: for batches of a large file, a hundred
    times too much.
    """
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        array.base.madvise(mmap.MADV_RANDOM)


def _read_ahead(path: Path) -> None:
    """Ask the system to read a file while we go on: fetched page by page, batches wait for it."""
    if hasattr(os, "posix_fadvise") and path.stat().st_size < _READ_AHEAD:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the right to write `path`; the system takes it back when the process ends, however."""
    place = path.with_name(f".{path.name}.lock")
    while True:
        with open(place, "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _LOG.warning("another process writes %s: waiting for it", path)
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, place):
                continue  # who held it before has removed it: this lock keeps nobody out
            try:
                yield
            finally:
                place.unlink(missing_ok=True)
            return


def _is_at(file: IO, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), place.stat())
    except FileNotFoundError:
        return False


def is_writable(folder: Path) -> bool:
    """Return whether files can be made in `folder`; root, too, respects a read-only folder."""
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)
