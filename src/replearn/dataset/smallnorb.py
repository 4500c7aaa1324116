"""smallNORB: photographs of 50 toys, from the published files, as the published encoders saw them.

Images are brought from 96 to 64 pixels as 32-bit integers, so what Lanczos interpolation overshoots
beyond 0..255 at edges is kept: a white square on black gives -3 to 261 if it is aligned with the
new pixels, other edges -21 to 276.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy
from tqdm import tqdm

from replearn.dataset.convert import arranged
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.grid import grid_positions
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.norb_format import matrix_blocks, read_matrix
from replearn.errors import InputError

CATEGORIES = ("animal", "human", "airplane", "truck", "car")
FACTORS = FactorSpace(
    ("category", "instance", "elevation", "azimuth", "lighting"),
    (5, 10, 9, 18, 6),
    (
        np.arange(5),
        np.arange(10),
        np.arange(30, 75, 5),  # degrees above the horizontal
        np.arange(0, 360, 20),  # degrees
        np.arange(6),
    ),
    {"category": CATEGORIES},
)
_SIDE = 64
_NOTE = (
    "smallNORB as the published encoders saw it, with pixels below 0 and above 1: a Bernoulli "
    "likelihood has no lower bound there, and clip=True clips them."
)
_MIRROR = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small"
_TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training"  # instances 4, 6, 7, 8, 9
_TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing"  # instances 0, 1, 2, 3, 5

FILES = tuple(
    DataFile(
        name,
        (f"{_MIRROR}/{name}",),
        sha256,
        folders=("smallnorb", "small_norb"),
        md5=md5,
        size=size,
    )
    for name, sha256, md5, size in (
        (
            f"{_TRAINING}-dat.mat.gz",
            "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
            "66054832f9accfe74a0f4c36a75bc0a2",
            131_896_188,
        ),
        (
            f"{_TRAINING}-cat.mat.gz",
            "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
            "23c8b86101fbf0904a000b43d3ed2fd9",
            348,
        ),
        (
            f"{_TRAINING}-info.mat.gz",
            "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
            "51dee1210a742582ff607dfd94e332e3",
            71_052,
        ),
        (
            f"{_TESTING}-dat.mat.gz",
            "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
            "e4ad715691ed5a3a5f138751a4ceb071",
            130_799_817,
        ),
        (
            f"{_TESTING}-cat.mat.gz",
            "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
            "5aa791cd7e6016cf957ce9bdb93b8603",
            347,
        ),
        (
            f"{_TESTING}-info.mat.gz",
            "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
            "a9454f3864d7fd4bb3ea7fc3eb84924e",
            10_428,
        ),
    )
)


class Part(NamedTuple):
    """The three files of one part: images, categories, and the other factors."""

    dat: Path
    cat: Path
    info: Path


def load(clip: bool = False, download: bool = False) -> ImageDataset:
    """Return smallNORB: 48,600 images (1, 64, 64) of the first camera, training and test together.

    The images are in the order of the full grid of category, instance, elevation, azimuth and
    lighting; labels are the categories. They are int16: where Lanczos interpolation overshoots,
    a batch has values below 0 and above 1, as the published encoders were trained on.

    Args:
        clip: clip the images to 0..255 (uint8), for likelihoods that are defined on [0, 1] alone.
        download: get the published files first if they are not here.

    Raises:
        InputError: if a file is missing or damaged.

    Source:
        LeCun, Huang & Bottou (2004); preparation as in Locatello et al. (2019).
    """
    instead = "take the data set dsprites, which replearn can draw"
    paths = all_found("smallnorb", FILES, download, instead)
    digest = hashlib.sha256(" ".join(map(file_digest, paths)).encode()).hexdigest()
    kept = f"smallnorb-{digest[:12]}-{_SIDE}{'-clipped' if clip else ''}"
    shape, kind = (len(FACTORS), 1, _SIDE, _SIDE), np.uint8 if clip else np.int16
    parts = (Part(*paths[:3]), Part(*paths[3:]))
    images = arranged(kept, shape, rows(parts, FACTORS, clip), kind)
    factors = FACTORS.factors(np.arange(len(FACTORS)))
    return ImageDataset(
        "smallnorb",
        from_numpy(images),
        factors=factors,
        factor_space=FACTORS,
        labels=factors[:, 0],
        class_names=CATEGORIES,
        digest=digest,
        note="" if clip else _NOTE,
    )


def rows(
    parts: Sequence[Part], space: FactorSpace, clip: bool = False
) -> Iterator[tuple[NDArray[np.int64], NDArray]]:
    """Yield positions (B,) in the grid of `space` and images (B, 1, 64, 64), int16 or clipped.

    Raises:
        InputError: if a file is damaged, the files of a part differ in length, or the factors are
            not all combinations of `space`.
    """
    factors = [_factors(part) for part in parts]
    positions = grid_positions(np.concatenate(factors), space, "smallnorb")
    start = 0
    with tqdm(desc=f"resizing to {_SIDE}", total=len(positions), unit="image") as bar:
        for part, table in zip(parts, factors, strict=True):
            end = start + len(table)
            for pairs in matrix_blocks(part.dat, np.uint8, (2, 96, 96)):
                if start + len(pairs) > end:
                    raise InputError(_unequal(part, "more", len(table)))
                images = resized(pairs[:, 0])[:, None]
                here = positions[start : start + len(pairs)]
                yield here, images.clip(0, 255).astype(np.uint8) if clip else images
                bar.update(len(pairs))
                start += len(pairs)
            if start < end:
                raise InputError(_unequal(part, "fewer", len(table)))


def resized(images: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return images (B, H, W) as (B, 64, 64), Lanczos on integers, with what overshoots 0..255."""
    from PIL import Image

    lanczos = Image.Resampling.LANCZOS
    pictures = (Image.fromarray(image) for image in images.astype(np.int32))
    return np.stack(
        [np.asarray(picture.resize((_SIDE, _SIDE), lanczos), np.int16) for picture in pictures]
    )


def _factors(part: Part) -> NDArray[np.int64]:
    """Return the factor table (N, 5) of one part."""
    category = read_matrix(part.cat, np.int32, ())
    others = read_matrix(part.info, np.int32, (4,)).astype(np.int64)
    if len(category) != len(others):
        raise InputError(
            f"{part.cat} is of {len(category):,} images and {part.info} of {len(others):,}; "
            "get both again"
        )
    if (others[:, 2] % 2).any():  # the azimuth counts in steps of 10 degrees, two at a time
        raise InputError(
            f"{part.info} has a factor table that does not fit the images: an azimuth is odd"
        )
    others[:, 2] //= 2
    return np.column_stack([category, others])


def _unequal(part: Part, word: str, expected: int) -> str:
    return f"{part.dat} holds {word} images than the {expected:,} of {part.cat}; get both again"


SMALLNORB = Declaration(
    "smallnorb",
    load,
    n_images=len(FACTORS),
    image_shape=(1, _SIDE, _SIDE),
    source="LeCun, Huang & Bottou 2004",
    factor_space=FACTORS,
    class_names=CATEGORIES,
    files=FILES,
    terms="research only, not to be sold",
)
