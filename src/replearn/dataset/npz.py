"""Arrays in .npz files: read block by block where they are large, and never unpickled."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import IO

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.cache import used_at_random
from replearn.errors import InputError


class NpzArray:
    """One array of an .npz file, whose header alone has been read.

    Args:
        path: the file.
        name: the array's name in it.
        what: what the file should be, for error messages: "dSprites".

    Attributes:
        shape: of the array.
        dtype: of the array.

    Raises:
        InputError: if the file is no .npz file or damaged, lacks the array, or keeps it as Python
            objects, which only a pickle can hold, or column by column.
    """

    def __init__(self, path: Path, name: str, what: str):
        self.path, self.name, self.what = path, name, what
        with self._opened() as (file, size):
            self.shape, by_column, self.dtype = _header(file)
            if self.dtype.hasobject:
                raise InputError(
                    f"{path} keeps {name} as pickled Python objects, which replearn does not load "
                    "because they can run code; if you trust the file, load it in NumPy and save "
                    f"{name} again as an array of numbers or of strings"
                )
            if by_column and len(self.shape) > 1:
                raise InputError(
                    f"{path} holds {name} column by column (Fortran order); save it again with "
                    "numpy.ascontiguousarray"
                )
            self._start = file.tell()
            n_bytes = self.dtype.itemsize * int(np.prod(self.shape, dtype=object))
            if size - self._start != n_bytes:
                raise InputError(
                    f"{path} cannot be read as {what} ({name} should have {n_bytes} bytes, and has "
                    f"{size - self._start})"
                )

    def blocks(self, rows: int = 1024) -> Iterator[NDArray]:
        """Yield the array in pieces of at most `rows` along its first axis, read-only.

        Raises:
            InputError: if the file turns out to be damaged.
        """
        row = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        with self._opened() as (file, _):
            file.read(self._start)
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                content = file.read(count * row)
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def read(self) -> NDArray:
        """Return the whole array, read-only.

        Raises:
            InputError: if the file turns out to be damaged.
        """
        with self._opened() as (file, _):
            file.read(self._start)
            return np.frombuffer(file.read(), self.dtype).reshape(self.shape)

    def in_place(self) -> NDArray | None:
        """Return the array as a private memory map of the file, or None if it is compressed.

        Pages are read when they are used, so a first batch of a file of any size comes at once; the
        checksum of the archive is not looked at.

        Raises:
            InputError: if the archive is damaged where the array starts.
        """
        with self._opened():
            with zipfile.ZipFile(self.path) as members:
                member = members.getinfo(f"{self.name}.npy")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                return None
            with open(self.path, "rb") as file:
                file.seek(member.header_offset)
                # The local header: its own copy of the name and extra fields may differ in length
                # from those of the archive's directory.
                fixed = file.read(30)
            if fixed[:4] != b"PK\x03\x04" or len(fixed) < 30:
                raise ValueError("an array does not start where the archive says")
            lengths = int.from_bytes(fixed[26:28], "little") + int.from_bytes(fixed[28:], "little")
            start = member.header_offset + 30 + lengths + self._start
            # "c": torch wants writable memory; nothing written to it ever reaches the file.
            array = np.memmap(self.path, self.dtype, "c", start, self.shape)
            used_at_random(array)
            return array

    @contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], int]]:
        """Open the member for reading; its size is that of the .npy file."""
        try:
            with zipfile.ZipFile(self.path) as members:
                member = members.getinfo(f"{self.name}.npy")
                with members.open(member) as file:
                    yield file, member.file_size
        except InputError:
            raise
        except KeyError as error:
            raise InputError(
                f"{self.path} cannot be read as {self.what} (it has no array {self.name!r})"
            ) from error
        # What zipfile raises for damage, encryption, unknown compression; what NumPy raises.
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            ValueError,
            RuntimeError,
            OverflowError,
            struct.error,
        ) as error:
            said = shorten(str(error), 90, placeholder=" …")  # NumPy repeats what it has read
            raise InputError(f"{self.path} cannot be read as {self.what} ({said})") from error


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order (True: column by column) and type at the start of an .npy file.

    Raises:
        ValueError: if it has no such start.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    elif version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    else:
        raise ValueError(f"an array of the unknown version {version[0]}.{version[1]}")
    try:
        return read(file)
    except (ValueError, EOFError, OSError, zlib.error, zipfile.BadZipFile):
        raise
    except Exception as error:  # Python's tokenizer and parser have many
        raise ValueError(f"a header that is damaged: {error}") from error
