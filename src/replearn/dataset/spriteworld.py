"""Circles and Simple: one coloured polygon on black at every place of a grid, drawn on load.

The images of Montero et al. 2022 are not public: what is known of them is that Spriteworld drew
them; the grid of positions, the size and the colour are replearn's own. Who has the files can read
them with `source="real"`.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy

from replearn.dataset.declaration import Declaration
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.spriteworld_file import own_file

GENERATOR = "spriteworld-twin 1"  # a change of a single pixel needs another version
SIDE = 64  # pixels
GRID = np.linspace(0.1, 0.9, 64)  # of both axes, in frames; y points up, as in Spriteworld
SIZE = 0.2  # of a polygon of area 1, in frames
COLOUR = (255, 0, 0)  # HSV (0, 1, 1)
CORNERS = {"square": 4, "circle": 30, "triangle": 3}
_TURNS = {4: np.pi / 4, 30: 0.0, 3: np.pi / 2}  # a square lies flat, a triangle points up
_LINES = 16  # scan lines in a row of pixels


def polygon(corners: int) -> NDArray[np.float64]:
    """Return the corners (P, 2) of a regular polygon of area 1 around 0, y up."""
    angles = 2 * np.pi * np.arange(corners) / corners + _TURNS[corners]
    radius = np.sqrt(2 / (corners * np.sin(2 * np.pi / corners)))
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def coverage(corners: NDArray[np.float64], y: float) -> NDArray[np.float64]:
    """Return which part of each pixel a convex polygon covers (len(GRID), 64, 64), one image per x.

    Widths are exact along each of 16 scan lines in a row of pixels.

    Args:
        corners: (P, 2) around the polygon's centre, in pixels, y up.
        y: the centre's height, in frames.
    """
    lines = (np.arange(SIDE * _LINES) + 0.5) / _LINES - SIDE * (1 - y)
    left, right = extent(corners * (1, -1), lines)
    rows = (right > left).reshape(SIDE, _LINES).any(axis=1)
    left, right = left.reshape(SIDE, _LINES, 1)[rows], right.reshape(SIDE, _LINES, 1)[rows]
    borders = np.arange(SIDE + 1) - SIDE * GRID[:, None, None, None]
    # The length of a line left of each pixel border; its differences are the pixels' shares.
    lengths = np.clip(borders - left, 0, right - left)
    images = np.zeros((len(GRID), SIDE, SIDE))
    images[:, rows] = np.diff(lengths.mean(axis=2), axis=-1)
    return images


def draw(shapes: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return every shape at every place, (64 * 64 * len(shapes), 3, 64, 64), x slowest."""
    images = np.zeros((len(GRID), len(GRID), len(shapes), 3, SIDE, SIDE), np.uint8)
    for shape, name in enumerate(shapes):
        corners = SIDE * SIZE * polygon(CORNERS[name])
        for row, y in enumerate(GRID):
            covered = coverage(corners, y)
            for channel, value in enumerate(COLOUR):
                if value:
                    images[:, row, shape, channel] = np.rint(covered * value)
    return images.reshape(-1, 3, SIDE, SIDE)


def extent(
    corners: NDArray[np.float64], lines: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where horizontal lines enter and leave a convex polygon; both 0 if they miss it."""
    x, y = corners.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x + (lines[:, None] - y) / (next_y - y) * (next_x - x)
    crosses = (y <= lines[:, None]) != (next_y <= lines[:, None])
    left = np.where(crosses, at, np.inf).min(axis=1)
    right = np.where(crosses, at, -np.inf).max(axis=1)
    hit = crosses.any(axis=1)
    return np.where(hit, left, 0), np.where(hit, right, 0)


def _space(shapes: tuple[str, ...]) -> FactorSpace:
    if len(shapes) == 1:
        return FactorSpace(("x", "y"), (64, 64), (GRID, GRID))
    return FactorSpace(
        ("x", "y", "shape"),
        (64, 64, len(shapes)),
        (GRID, GRID, np.arange(len(shapes))),
        {"shape": shapes},
    )


def _load(name: str, shapes: tuple[str, ...], source: str = "twin") -> ImageDataset:
    """Return one polygon (3, 64, 64) at 64 x 64 places, with the factors x, y (and shape).

    Args:
        name: the name in the registry.
        shapes: what is drawn.
        source: "twin" for replearn's own drawings, "real" for a file of yours, "auto" for the file
            if there is one.

    Raises:
        InputError: if the file is wanted and missing, or no such file.

    Source:
        Montero et al. (2022), Lost in latent space, github.com/mmrl/lost-in-latent-space.
    """
    space = _space(shapes)
    if (file := own_file(name, space.names, source)) is not None:
        return file
    return ImageDataset(
        name,
        from_numpy(draw(shapes)),
        factors=space.factors(np.arange(len(space))),
        factor_space=space,
        is_twin=True,
        digest=GENERATOR,
        note=f"{name.capitalize()} drawn by replearn; grid, size and colour are ours.",
    )


def _declare(name: str, shapes: tuple[str, ...]) -> Declaration:
    return Declaration(
        name,
        partial(_load, name, shapes),
        n_images=len(_space(shapes)),
        image_shape=(3, SIDE, SIDE),
        source="after Montero et al. 2022",
        factor_space=_space(shapes),
        drawn=GENERATOR,
    )


CIRCLES = _declare("circles", ("circle",))
SIMPLE = _declare("simple", ("square", "circle"))
