"""3D Shapes: a coloured solid in a coloured room, from the published file or ray-cast."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from replearn.dataset import shapes3d_twin as twin
from replearn.dataset.cache import write_array
from replearn.dataset.convert import converted, drawn, kept_name
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, file_digest, missing
from replearn.dataset.images import FactorSpace, ImageArray, ImageDataset
from replearn.errors import InputError

FACTORS = FactorSpace(
    ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
    (10, 10, 10, 8, 4, 15),
    (
        *[twin.HUES] * 3,
        twin.SCALES,
        np.arange(4),
        twin.ORIENTATIONS,
    ),
    {"shape": ("cube", "cylinder", "sphere", "capsule")},
)
_SHAPE = (3, 64, 64)
_MAPS = (twin.N_GEOMETRIES, len(twin.MATERIALS), 64 * 64)
_LARGEST_BLOCK = 8192  # images; 100 MB
_TWIN_NOTE = "3D Shapes ray-cast by replearn, calibrated on published samples; not pixel for pixel."

HDF5 = DataFile(
    "3dshapes.h5",
    ("https://storage.googleapis.com/3d-shapes/3dshapes.h5",),
    sha256="0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
    folders=("shapes3d", "3dshapes"),
    md5="099a2078d58cec4daad0702c55d06868",
    size=267_573_662,
)


def load(source: str = "auto", download: bool = False) -> ImageDataset:
    """Return 3D Shapes: 480,000 images (3, 64, 64) with the factors floor_hue … orientation.

    Args:
        source: "real" for the published images, "twin" for the ray-cast ones, "auto" for the
            published ones where they are.
        download: get the published file first if it is not here.

    Raises:
        InputError: if the published file is damaged, or wanted and missing.

    Source:
        Burgess & Kim (2018), github.com/deepmind/3d-shapes.
    """
    if source not in ("auto", "real", "twin"):
        raise InputError(f"expected source to be 'auto', 'real' or 'twin', got {source!r}")
    path = None
    if source != "twin":
        path = HDF5.find() or (HDF5.download() if download else None)
        if path is None and source == "real":
            raise missing("shapes3d", (HDF5,), "use the ray-cast images with source='twin'")
    return ImageDataset(
        "shapes3d",
        _twin_images() if path is None else _published_images(path),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        is_twin=path is None,
        digest=twin.GENERATOR if path is None else file_digest(path),
        note=_TWIN_NOTE if path is None else "",
    )


def _twin_images() -> ImageArray:
    def write(file: BinaryIO) -> None:
        groups = tqdm(twin.all_maps(), "ray-casting shapes3d", 32, unit="solid")
        write_array(file, _MAPS, groups, np.int16)

    return twin.twin_images(drawn(twin.GENERATOR, twin.SHA256, _MAPS, write, np.int16))


def _published_images(path: Path) -> ImageArray:
    shape = (len(FACTORS), *_SHAPE)
    kept = f"shapes3d-{file_digest(path)[:12]}"
    return torch.from_numpy(converted(kept, shape, published_blocks(path), "unpacking shapes3d"))


def published_blocks(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of a published file as blocks (B, 3, 64, 64), after checking its labels.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            images, labels = file["images"], file["labels"]
            if not isinstance(images, h5py.Dataset) or not isinstance(labels, h5py.Dataset):
                raise InputError(f"{path} cannot be read as 3D Shapes (it holds no arrays)")
            if images.dtype != np.uint8 or images.shape[1:] != (64, 64, 3):
                raise InputError(
                    f"{path} holds images of {images.dtype} {images.shape}, where uint8 "
                    f"({len(FACTORS)}, 64, 64, 3) was expected; get the published file again"
                )
            _check_labels(path, labels[:], len(images))
            # A compressed chunk is unpacked whole, so a block holds whole chunks.
            chunk = min(images.chunks[0] if images.chunks else 1024, _LARGEST_BLOCK)
            step = chunk * max(1, 1024 // chunk)
            for start in range(0, len(images), step):
                yield images[start : start + step].transpose(0, 3, 1, 2)
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as 3D Shapes ({error})") from error


def _check_labels(path: Path, labels: NDArray[np.float64], n_images: int) -> None:
    """Refuse labels (N, 6) that are not the grid of factor values in its order."""
    if labels.shape != (len(FACTORS), len(FACTORS.names)) or n_images != len(FACTORS):
        raise InputError(
            f"{path} holds {n_images} images and labels {labels.shape}, where {len(FACTORS)} "
            f"images and labels ({len(FACTORS)}, 6) were expected; get the published file again"
        )
    grid = FACTORS.factors(np.arange(len(FACTORS)))
    for k, (name, values) in enumerate(zip(FACTORS.names, FACTORS.values, strict=True)):
        wrong = np.flatnonzero(~np.isclose(labels[:, k], values[grid[:, k]], atol=1e-6))
        if len(wrong):
            at = wrong[0]
            raise InputError(
                f"the labels of {path} do not fit its images: {name} of image {at} is "
                f"{labels[at, k]:g}, where the grid of factors has {values[grid[at, k]]:g}; get "
                "the published file again"
            )


SHAPES3D = Declaration(
    "shapes3d",
    load,
    n_images=len(FACTORS),
    image_shape=_SHAPE,
    source="Burgess & Kim 2018",
    factor_space=FACTORS,
    files=(HDF5,),
    drawn=twin.GENERATOR,
    kept=kept_name(twin.GENERATOR),
    terms="Apache 2.0 (its repository)",
)
