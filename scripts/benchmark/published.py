"""Files in the formats of published ones, of the same size, for measurements without the latter."""

import gzip
import hashlib
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replearn.dataset import DECLARATIONS
from replearn.dataset.celeba import ATTRIBUTES
from replearn.dataset.cifar import LAYOUT10, LAYOUT100, Layout
from replearn.dataset.files import DataFile, keep_digests
from replearn.dataset.smallnorb import FACTORS as NORB


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


def write_stand_ins(name: str, folder: Path) -> None:
    """Write files of the formats and numbers of images of a data set, with other images.

    Args:
        name: of a data set in STAND_INS.
        folder: where they are looked for, below $REPLEARN_DATA or data/.
    """
    paths = [folder / file.name for file in DECLARATIONS[name].files]
    STAND_INS[name](paths)
    for file, path in zip(DECLARATIONS[name].files, paths, strict=True):
        pass_for(file, path)


def _mpi3d(paths: list[Path]) -> None:
    write_holes(paths[0], (DECLARATIONS["mpi3d_real"].n_images, 64, 64, 3))


def _cars3d(paths: list[Path]) -> None:
    from scipy.io import savemat

    content = BytesIO()
    savemat(content, {"im": np.zeros((128, 128, 3, 24, 4), np.uint8)}, do_compression=True)
    _pack(paths[0], [(f"data/cars/car_{n:03}.mat", content.getvalue()) for n in range(183)])


def _cifar(layout: Layout, paths: list[Path]) -> None:
    n_train, n_test = layout.n_images
    sizes = {name: n_train // len(layout.train) for name in layout.train} | {layout.test: n_test}
    members = [(name, bytes(n * layout.record)) for name, n in sizes.items()]
    members += [(name, "\n".join(classes).encode()) for name, classes in layout.labels]
    _pack(paths[0], [(f"{layout.folder}/{name}", content) for name, content in members])


def _pack(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))


def _smallnorb(paths: list[Path]) -> None:
    factors = NORB.factors(np.arange(len(NORB))).astype("<i4")
    factors[:, 3] *= 2
    in_training = np.isin(factors[:, 1], (4, 6, 7, 8, 9))
    for chosen, (dat, cat, info) in ((in_training, paths[:3]), (~in_training, paths[3:])):
        n = int(chosen.sum())
        pairs = (bytes(2 * 96 * 96) for _ in range(n))
        _write_matrix(dat, struct.pack("<6i", 0x1E3D4C55, 4, n, 2, 96, 96), pairs)
        header = struct.pack("<5i", 0x1E3D4C54, 1, n, 1, 1)
        _write_matrix(cat, header, [factors[chosen, 0].tobytes()])
        header = struct.pack("<5i", 0x1E3D4C54, 2, n, 4, 1)
        _write_matrix(info, header, [factors[chosen, 1:].tobytes()])


def _write_matrix(path: Path, header: bytes, blocks: Iterable[bytes]) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header)
        file.writelines(blocks)


def _celeba(paths: list[Path]) -> None:
    content, n_parts = _jpeg((178, 218)), (162_770, 19_867, 19_962)
    names = [f"{n:06}.jpg" for n in range(1, sum(n_parts) + 1)]
    with zipfile.ZipFile(paths[0], "w") as archive:
        for name in names:
            archive.writestr(f"img_align_celeba/{name}", content)
    signs = " -1" * len(ATTRIBUTES)
    lines = [str(len(names)), " ".join(ATTRIBUTES), *(name + signs for name in names)]
    paths[1].write_text("\n".join(lines) + "\n")
    parts = np.repeat([0, 1, 2], n_parts)
    paths[2].write_text("".join(f"{n} {part}\n" for n, part in zip(names, parts, strict=True)))


def _scream(paths: list[Path]) -> None:
    paths[0].write_bytes(_jpeg((1000, 1300)))


def _jpeg(size: tuple[int, int]) -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(content, "JPEG")
    return content.getvalue()


# In `_mpi3d` all is a hole: batches of it read nothing from a disk.
STAND_INS: dict[str, Callable[[list[Path]], None]] = {
    "cars3d": _cars3d,
    "celeba": _celeba,
    "cifar10": partial(_cifar, LAYOUT10),
    "cifar100": partial(_cifar, LAYOUT100),
    "mpi3d_real": _mpi3d,
    "scream_dsprites": _scream,
    "smallnorb": _smallnorb,
}
