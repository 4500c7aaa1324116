"""Files in the formats of published ones, of the same size, for measurements without the latter."""

import hashlib
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.files import DataFile, keep_digests


def write_holes(
    path: Path,
    shape: tuple[int, ...],
    known: Mapping[int, NDArray] | None = None,
    name: str = "images",
    dtype: str = "|u1",
) -> Path:
    """Write what numpy.savez would write of zeros, without taking space for them; return `path`.

    Args:
        path: the .npz file.
        shape: of its one array.
        known: rows that are no zeros, by number.
        name: of the array.
        dtype: of the array, as in its header.
    """
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    row = int(np.prod(shape[1:])) * np.dtype(dtype).itemsize
    member = zipfile.ZipInfo(f"{name}.npy")
    member.file_size = member.compress_size = header.tell() + shape[0] * row
    member.CRC = member.header_offset = 0  # nothing reads all of it
    with zipfile.ZipFile(path, "w") as archive, open(path, "r+b") as file:
        file.write(member.FileHeader(zip64=True) + header.getvalue())
        start = file.tell()
        for number, values in (known or {}).items():
            file.seek(start + number * row)
            file.write(values.tobytes())
        archive.filelist.append(member)
        archive.start_dir, archive._didModify = start + shape[0] * row, True  # type: ignore[attr-defined]
    return path


def pass_for(file: DataFile, path: Path) -> None:
    """Leave the digests beside `path` that stand beside the genuine file once it was checked."""
    keep_digests(path, {"sha256": hashlib.sha256(file.name.encode()).hexdigest()} | file.digests)
