"""The file formats of CelebA: a zip file of JPEG images and two lists, one line an image."""

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

_BLOCK = 1000
_SIGNS = {"1": 1, "-1": 0}


def read_attributes(path: Path, attributes: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the file names of N images, and which attributes they have: (N, A) of 0 and 1.

    The first line may be the number of images; then come the names of the attributes, then a line
    for each image: its file name, and 1 or -1 for each attribute.

    Raises:
        InputError: if it is another file, or cut short.
    """
    lines = _lines(path)
    count = int(lines.pop(0)) if lines and lines[0].strip().isdecimal() else None
    if not lines or lines.pop(0).split() != list(attributes):
        raise InputError(f"{path} is no list of CelebA's {len(attributes)} attributes")
    if count not in (None, len(lines)):
        raise InputError(
            f"{path} is damaged: it lists {len(lines):,} of {count:,} images; get it again"
        )
    names, has = [], bytearray()
    for line in lines:
        name, *signs = line.split()
        if len(signs) != len(attributes) or not _SIGNS.keys() >= set(signs):
            raise InputError(f"{path} is damaged at {name}; get it again")
        names.append(name)
        has += bytes(_SIGNS[sign] for sign in signs)
    table = np.frombuffer(has, np.uint8).reshape(len(names), len(attributes))
    return names, table.astype(np.int64)


def read_partition(path: Path, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the part (N,) of each image: 0 training, 1 validation, 2 test.

    Raises:
        InputError: if it is another file, cut short, or lists other images than `names`.
    """
    rows = [line.split() for line in _lines(path)]
    if any(len(row) != 2 or row[1] not in ("0", "1", "2") for row in rows):
        raise InputError(f"{path} is no list of CelebA's parts, or is cut short; get it again")
    if [name for name, _ in rows] != list(names):
        raise InputError(
            f"{path} lists {len(rows):,} images, and not the {len(names):,} that have attributes; "
            "get both lists again"
        )
    return np.array([int(part) for _, part in rows], np.int64)


def image_blocks(
    archive: Path,
    names: Sequence[str],
    image_size: tuple[int, int],
    crop: int,
    size: int,
    n_threads: int,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the images `names` as blocks (<= 1000, 3, size, size), cropped and resized.

    Args:
        archive: the zip file; it is read in place, never unpacked to the disk.
        names: of the files, in order.
        image_size: (width, height) that every image must have.
        crop: side of the central square that is kept.
        size: side of the result, by bilinear interpolation.
        n_threads: how many images are decoded at once.

    Raises:
        InputError: if the zip file is damaged, or holds other images.
    """
    try:
        with zipfile.ZipFile(archive) as members, ThreadPoolExecutor(n_threads) as pool:
            found = {PurePosixPath(name).name: name for name in members.namelist()}
            n_images = sum(name.endswith(".jpg") for name in found)
            if n_images != len(names) or not found.keys() >= set(names):
                raise InputError(
                    f"{archive} holds {n_images:,} images, and not the {len(names):,} that have "
                    "attributes; is it another zip file, or a list of other images?"
                )
            for start in range(0, len(names), _BLOCK):
                block = names[start : start + _BLOCK]
                contents = [members.read(found[name]) for name in block]
                places = [f"{name} in {archive}" for name in block]
                decode = partial(decoded, image_size=image_size, crop=crop, size=size)
                yield np.stack(list(pool.map(decode, contents, places)))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(f"{archive} is damaged or no zip file; get it again ({error})") from error


def decoded(
    content: bytes, name: str, image_size: tuple[int, int], crop: int, size: int
) -> NDArray[np.uint8]:
    """Return one JPEG image as (3, size, size).

    Raises:
        InputError: if it cannot be read or has not `image_size` (width, height).
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            if image.size != image_size:
                raise InputError(f"{name} is {image.size}, not {image_size} pixels (w, h)")
            left, top = ((side - crop) // 2 for side in image_size)
            face = image.convert("RGB").crop((left, top, left + crop, top + crop))
    except (OSError, SyntaxError) as error:
        raise InputError(f"{name} is damaged or no JPEG image") from error
    return np.asarray(face.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text file; get it again") from error
    return [line for line in lines if line.strip()]
