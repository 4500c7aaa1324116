"""TwoShapes: two coloured polygons on black, the second in front of the first.

The images of Montero et al. 2022 are not public; places, size, shapes and hues are replearn's own.
Who has the file can read it with `source="real"`.
"""

import colorsys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset.declaration import Declaration
from replearn.dataset.drawn import DrawnImages
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.spriteworld import CORNERS, SIDE, SIZE, extent, polygon
from replearn.dataset.spriteworld_file import own_file

GENERATOR = "twoshapes-twin 1"  # a change of a single pixel needs another version
PLACES = np.linspace(0.2, 0.8, 5)  # of both axes, in frames; y points up, as in Spriteworld
SHAPES = ("square", "circle", "triangle")
HUES = np.arange(5) / 5
COLOURS = np.array([[round(255 * c) for c in colorsys.hsv_to_rgb(hue, 1, 1)] for hue in HUES])
_GRID = 8  # samples along a side of a pixel
_SIZES = (len(PLACES), len(PLACES), len(SHAPES), len(HUES))
_VALUES = (PLACES, PLACES, np.arange(len(SHAPES)), HUES)
FACTORS = FactorSpace(
    tuple(f"o{i}_{name}" for i in (1, 2) for name in ("px", "py", "shape", "hue")),
    2 * _SIZES,
    2 * _VALUES,
    {"o1_shape": SHAPES, "o2_shape": SHAPES},
)
_SHAPE = (3, SIDE, SIDE)


def stencils() -> NDArray[np.uint8]:
    """Return each shape at each place, (75, 512, 64) uint8: 8 rows of 8 samples, as bits, a pixel.

    A sample is on where its centre lies inside the polygon. Order: px, py, shape.
    """
    samples = (np.arange(SIDE * _GRID) + 0.5) / _GRID
    bits = []
    for x in PLACES:
        for y in PLACES:
            for shape in SHAPES:
                corners = SIDE * ((x, 1 - y) + SIZE * polygon(CORNERS[shape]) * (1, -1))
                left, right = extent(corners, samples)
                bits.append((left[:, None] <= samples) & (samples < right[:, None]))
    return np.packbits(bits, axis=-1)


def visible(bits: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return how many of a pixel's 64 samples a stencil covers, alone and behind each other one.

    Args:
        bits: (S, 512, 64) uint8, as `stencils` gives them.

    Returns:
        (S, 64, 64) of each stencil, and (S, S, 64, 64) of the first behind the second.
    """

    def counted(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
        counts = np.bitwise_count(samples).reshape(*samples.shape[:-2], SIDE, _GRID, SIDE)
        return counts.sum(axis=-2, dtype=np.uint8)

    return counted(bits), np.stack([counted(one & ~bits) for one in bits])


def draw(positions: Tensor, front: Tensor, behind: Tensor, colours: Tensor) -> Tensor:
    """Return images (B, 3, 64, 64) uint8: the means of a pixel's samples, rounded half up.

    Args:
        positions: (B,) in the grid of FACTORS.
        front: (S, 64, 64) samples of each stencil.
        behind: (S, S, 64, 64) samples of the first that are seen behind the second.
        colours: (H, 3) int16.
    """
    n_hues, n = len(colours), len(front) * len(colours)
    first, second = positions // n, positions % n
    far, near = first // n_hues, second // n_hues
    images = behind[far, near].to(torch.int16)[:, None] * colours[first % n_hues, :, None, None]
    images += front[near].to(torch.int16)[:, None] * colours[second % n_hues, :, None, None]
    return images.add_(_GRID**2 // 2).bitwise_right_shift_(6).to(torch.uint8)


def _load(source: str = "twin") -> ImageDataset:
    """Return TwoShapes: 140,625 images (3, 64, 64) with the factors o1_px … o2_hue.

    Args:
        source: "twin" for replearn's own drawings, "real" for a file of yours (of any grid), "auto"
            for the file if there is one.

    Raises:
        InputError: if the file is wanted and missing, or no such file.

    Source:
        Montero et al. (2022), Lost in latent space, github.com/mmrl/lost-in-latent-space.
    """
    if (file := own_file("twoshapes", FACTORS.names, source)) is not None:
        return file
    front, behind = map(torch.from_numpy, visible(stencils()))
    colours = torch.from_numpy(COLOURS.astype(np.int16))
    return ImageDataset(
        "twoshapes",
        DrawnImages(draw, (front, behind, colours), (len(FACTORS), *_SHAPE)),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        is_twin=True,
        digest=GENERATOR,
        note="TwoShapes drawn by replearn; places, size, shapes and hues are ours.",
    )


TWOSHAPES = Declaration(
    "twoshapes",
    _load,
    n_images=len(FACTORS),
    image_shape=_SHAPE,
    source="after Montero et al. 2022",
    factor_space=FACTORS,
    drawn=GENERATOR,
)
