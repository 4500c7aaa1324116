"""Spriteworld images that somebody drew and saved: circles.npz, simple.npz, twoshapes_ext.npz.

The files were never published, so there is no digest that tells a genuine one: what is checked is
that images and factors fit each other.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy

from replearn.dataset.convert import converted
from replearn.dataset.files import DataFile, file_digest
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.npz import NpzArray
from replearn.errors import InputError

_FOLDERS = ("spriteworld", "raw/spriteworld")
FILES = {
    "circles": DataFile("circles.npz", folders=_FOLDERS),
    "simple": DataFile("simple.npz", folders=_FOLDERS),
    "twoshapes": DataFile("twoshapes_ext.npz", folders=_FOLDERS),
}
_NAMED_AT_WILL = ("twoshapes",)  # how its authors wrote the names of its factors is not known
_SIDE = 64  # pixels
_SMALL = 100_000  # bytes: more than any list of factors needs


def own_file(name: str, factors: tuple[str, ...], source: str) -> ImageDataset | None:
    """Return the data set in a file of the user's own, or None where the twin is to be drawn.

    Args:
        name: the data set: "circles", "simple" or "twoshapes".
        factors: the names of its factors; of TwoShapes' their number alone is compared.
        source: "real", "twin" or "auto".

    Raises:
        InputError: if the file is wanted and missing, or is no such file.
    """
    if source not in ("auto", "real", "twin"):
        raise InputError(f"expected source to be 'auto', 'real' or 'twin', got {source!r}")
    if source == "twin":
        return None
    path = FILES[name].find()
    if path is not None:
        return read_spriteworld(path, name, factors)
    if source == "auto":
        return None
    places = ", ".join(map(str, FILES[name].places()))
    raise InputError(
        f"{name} needs {FILES[name].name}, which is in none of {places}; it was never published: "
        "put your own copy there, or take the drawn images with source='twin'"
    )


def read_spriteworld(path: Path, name: str, factors: tuple[str, ...]) -> ImageDataset:
    """Return the images (N, 3, 64, 64) of a file with their factors.

    The file holds `images`, uint8 or float in [0, 1], (N, 64, 64, 3) or each flattened in this
    order; `img_size`; `factors`, the K names; `factor_sizes` (K,); and `factor_values` (N, K), in
    the order of the grid, last factor fastest. Its `unique_values` is a pickle and is never
    touched: values are numbered as they first appear in the table.

    Raises:
        InputError: if it is no such file, another data set's, or its parts do not fit each other.
    """
    names = _names(path)
    if len(names) != len(factors) or (names != factors and name not in _NAMED_AT_WILL):
        raise InputError(
            f"{path} has the {len(names)} factors {', '.join(names)}, where {name} has "
            f"{len(factors)} ({', '.join(factors)}): is it the file of another data set?"
        )
    images = NpzArray(path, "images", "Spriteworld")
    frame = _small(path, "img_size").ravel().tolist()
    flat = images.shape[1:] == (_SIDE * _SIDE * 3,)
    if (
        (images.dtype != np.uint8 and images.dtype.kind != "f")
        or not (flat or images.shape[1:] == (_SIDE, _SIDE, 3))
        or frame[:2] != [_SIDE, _SIDE]
    ):
        raise InputError(
            f"{path} holds images of {images.dtype} {images.shape} and img_size {frame}, where "
            "uint8 or float RGB of 64 x 64, as (N, 64, 64, 3) or (N, 12288), was expected"
        )
    space = _space(path, names, images.shape[0])
    digest = file_digest(path)
    shape = (images.shape[0], 3, _SIDE, _SIDE)
    title = f"unpacking {path.name}"
    pixels = converted(f"{name}-{digest[:12]}", shape, _uint8_blocks(images), title)
    return ImageDataset(
        name,
        from_numpy(pixels),
        factors=space.factors(np.arange(len(space))),
        factor_space=space,
        digest=digest,
    )


def _names(path: Path) -> tuple[str, ...]:
    names = _small(path, "factors").ravel().tolist()
    return tuple(n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names)


def _small(path: Path, key: str) -> NDArray:
    array = NpzArray(path, key, "Spriteworld")
    if array.dtype.itemsize * int(np.prod(array.shape, dtype=object)) > _SMALL:
        raise InputError(f"{path} holds {key} of {array.dtype} {array.shape}, which is too long")
    return array.read()


def _space(path: Path, names: tuple[str, ...], n_images: int) -> FactorSpace:
    """Return the grid of factors that the table in `path` spells out, row by row."""
    fault = f"{path} has factors that do not fit its images:"
    sizes = tuple(_small(path, "factor_sizes").ravel().tolist())
    if len(sizes) != len(names) or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise InputError(f"{fault} factor_sizes are {sizes} for {len(names)} factors")
    space = FactorSpace(names, sizes)
    table = NpzArray(path, "factor_values", "Spriteworld")
    if table.dtype.kind not in "iuf" or table.shape != (n_images, len(names)):
        raise InputError(
            f"{fault} factor_values is {table.dtype} {table.shape}, where numbers "
            f"{(n_images, len(names))} were expected"
        )
    if np.prod(sizes, dtype=object) != n_images:
        raise InputError(
            f"{fault} sizes {sizes} make {np.prod(sizes, dtype=object):,} combinations, and there "
            f"are {n_images:,} images"
        )
    codes, values = [], []
    for factor, size, column in zip(names, sizes, table.read().T, strict=True):
        found, first, inverse = np.unique(column, return_index=True, return_inverse=True)
        if len(found) != size or not np.isfinite(found).all():
            raise InputError(
                f"{fault} {factor} takes {len(found)} values in factor_values, and factor_sizes "
                f"says {size}"
            )
        order = np.argsort(first)
        codes.append(np.argsort(order)[inverse])
        values.append(found[order])
    positions = space.index(np.stack(codes, axis=-1))
    if (wrong := np.flatnonzero(positions != np.arange(n_images))).size:
        row = int(wrong[0])
        raise InputError(
            f"{fault} row {row} of factor_values is the combination of row {positions[row]}, where "
            "all combinations were expected once, in order, the last factor fastest"
        )
    return FactorSpace(names, sizes, tuple(values))


def _uint8_blocks(images: NpzArray) -> Iterator[NDArray[np.uint8]]:
    """Yield blocks of images (B, 3, 64, 64), uint8."""
    for block in images.blocks():
        pixels = block.reshape(-1, _SIDE, _SIDE, 3).transpose(0, 3, 1, 2)
        if pixels.dtype != np.uint8:
            if not (pixels.min() >= 0 and pixels.max() <= 1):
                raise InputError(
                    f"{images.path} holds float images from {pixels.min():g} to {pixels.max():g}, "
                    "where 0 to 1 was expected; save them as uint8"
                )
            pixels = np.rint(pixels * pixels.dtype.type(255)).astype(np.uint8)
        yield pixels
