"""dSprites: white shapes on black, from the published file or redrawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from replearn.dataset import sprites
from replearn.dataset.arrays import PackedImages
from replearn.dataset.cache import write_array
from replearn.dataset.convert import converted, drawn, kept_name
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, file_digest, first_found, missing
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.npz import NpzArray
from replearn.errors import InputError

FACTORS = FactorSpace(
    ("shape", "scale", "orientation", "posX", "posY"),
    (3, 6, 40, 32, 32),
    (
        np.array([1, 2, 3]),
        np.linspace(0.5, 1, 6),
        np.linspace(0, 2 * np.pi, 40),
        np.linspace(0, 1, 32),
        np.linspace(0, 1, 32),
    ),
    {"shape": ("square", "ellipse", "heart")},
)
_SHAPE = (1, 64, 64)
_PACKED = (len(FACTORS), 64 * 64 // 8)
_REPOSITORY = "https://github.com/deepmind/dsprites-dataset/raw/master"
_STEM = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
_TWIN_NOTE = "dSprites redrawn by replearn; 8 of 77,010 pixels differ from 320 published frames."

HDF5 = DataFile(
    f"{_STEM}.hdf5",
    (f"{_REPOSITORY}/{_STEM}.hdf5",),
    sha256="729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
    folders=("dsprites",),
    md5="b331c4447a651c44bf5e8ae09022e230",
    size=28_024_106,
)
NPZ = DataFile(
    f"{_STEM}.npz",
    (f"{_REPOSITORY}/{_STEM}.npz",),
    git_sha1="d98996d3f8ee1550e06b9d4ed78d0beb478910d5",
    folders=("dsprites",),
)


def load(source: str = "auto", download: bool = False) -> ImageDataset:
    """Return dSprites: 737,280 images (1, 64, 64) with the factors shape … posY.

    Args:
        source: "real" for the published images, "twin" for the redrawn ones, "auto" for the
            published ones where they are.
        download: get the published file first if it is not here.

    Raises:
        InputError: if the published file is damaged, or wanted and missing.

    Source:
        Matthey, Higgins, Hassabis & Lerchner (2017), github.com/deepmind/dsprites-dataset; the
        twin's geometry was fitted to the 320 frames of its animation.
    """
    if source not in ("auto", "real", "twin"):
        raise InputError(f"expected source to be 'auto', 'real' or 'twin', got {source!r}")
    path = None
    if source != "twin":
        path = first_found((HDF5, NPZ)) or (HDF5.download() if download else None)
        if path is None and source == "real":
            raise missing("dsprites", DSPRITES.files, "use the redrawn images with source='twin'")
    return _twin() if path is None else _published(path)


def _published(path: Path) -> ImageDataset:
    """Return the images of a published file, packed once."""
    digest = file_digest(path)
    blocks = published_blocks(path)
    return _dataset(
        converted(f"dsprites-{digest[:12]}", _PACKED, blocks, "packing dsprites"), digest
    )


def _twin() -> ImageDataset:
    """Return the redrawn images, drawn once."""

    def write(file: BinaryIO) -> None:
        total = len(FACTORS) // 1024
        blocks = tqdm(sprites.all_sprites(), "drawing dsprites", total, unit_scale=1024)
        write_array(file, _PACKED, blocks)

    return _dataset(drawn(sprites.GENERATOR, sprites.SHA256, _PACKED, write), "")


def _dataset(bits: NDArray[np.uint8], digest: str) -> ImageDataset:
    """Return the data set of packed images, published ones if there is the `digest` of a file."""
    return ImageDataset(
        "dsprites",
        PackedImages(bits, _SHAPE),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        is_twin=not digest,
        digest=digest or sprites.GENERATOR,
        note="" if digest else _TWIN_NOTE,
    )


def published_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the images (0 and 1) of a published file as blocks of packed bits (<= 1024, 512).

    Raises:
        InputError: if the file cannot be read.
    """
    blocks = _hdf5_blocks(path) if path.suffix == ".hdf5" else _npz_blocks(path)
    for block in blocks:
        yield np.packbits(block.reshape(len(block), -1), axis=1)


def _hdf5_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    import h5py

    try:
        with h5py.File(path) as file:
            images = file["imgs"]
            if not isinstance(images, h5py.Dataset):
                raise InputError(f"{path} cannot be read as dSprites (imgs is no array)")
            for start in range(0, len(images), 1024):
                yield images[start : start + 1024]
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as dSprites ({error})") from error


def _npz_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of the npz file; unpacked they are 3 GB, so they are read as a stream.

    The member `metadata` is a pickle and is never touched.
    """
    images = NpzArray(path, "imgs", "dSprites")
    if images.dtype != np.uint8 or images.shape[1:] != (64, 64):
        raise InputError(f"{path} holds {images.dtype} {images.shape}, not uint8 (N, 64, 64)")
    yield from images.blocks()


DSPRITES = Declaration(
    "dsprites",
    load,
    n_images=len(FACTORS),
    image_shape=_SHAPE,
    source="Matthey et al. 2017",
    factor_space=FACTORS,
    files=(HDF5, NPZ),
    any_file=True,
    drawn=sprites.GENERATOR,
    kept=kept_name(sprites.GENERATOR),
    terms="Apache 2.0 (its repository)",
)
