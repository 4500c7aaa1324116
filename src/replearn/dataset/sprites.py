"""dSprites redrawn: the closed-form shapes behind the published images, filled by scan lines."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

GENERATOR = "dsprites-twin 1"  # a change of a single pixel needs another version
# Of the kept file; the same with and without AVX, AVX-512 and FMA.
SHA256 = "3112d731d976f8af0bd1a7e1313c09e33928b3fc9f63dd78b7cfba081735f157"

SIDE = 64  # pixels
SCALES = np.linspace(0.5, 1, 6)
CENTRES = 16 + 32 * np.linspace(0, 1, 32)  # pixels, of both axes; y points down

# Entry c holds the 64 pixels of a row, the first c of them off, in the byte order of packbits.
_FROM_COLUMN = np.packbits(np.arange(SIDE) >= np.arange(SIDE + 1)[:, None], axis=1).view(np.uint64)


def _heart() -> NDArray[np.float64]:
    t = np.linspace(0, 2 * np.pi, 400)
    x = 0.5997 * 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -0.66225 * y - 1.4375], axis=1)


def _ellipse() -> NDArray[np.float64]:
    t = 2 * np.pi * (np.arange(54) + 0.5) / 54
    return np.stack([12.77 * np.cos(t), 7.23 * np.sin(t)], axis=1)


# Corners (P, 2) in pixels at scale 1 and orientation 0, fitted to the published frames.
SQUARE = 9.598 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
SHAPES = (SQUARE, _ellipse(), _heart())


def sprite(
    shape: int,
    scale: int,
    orientation: int,
    x: NDArray[np.float64] = CENTRES,
    y: NDArray[np.float64] = CENTRES,
) -> NDArray[np.uint8]:
    """Return one sprite at each centre (x[i], y[j]), as packed bits (len(x), len(y), 512) uint8.

    A pixel is on where its centre lies inside the polygon. `shape` (0 square, 1 ellipse, 2 heart),
    `scale` and `orientation` are indices; orientation 39 equals orientation 0, as in the
    published data, because its angles are linspace(0, 2 pi, 40). Centres are in pixels.
    """
    corners = SCALES[scale] * SHAPES[shape] @ _rotation(orientation)
    lines = (np.arange(SIDE) + 0.5 - y[:, None]).ravel()
    crossings = _crossings(corners, lines)
    # The first pixel whose centre lies right of a crossing; a row is on between odd and even ones.
    columns = np.floor(crossings[:, None, :] + (x[:, None] - 0.5)) + 1
    rows = _FROM_COLUMN[np.clip(columns, 0, SIDE).astype(np.intp), 0]
    bits = np.bitwise_xor.reduce(rows, axis=0)
    return bits.view(np.uint8).reshape(len(x), len(y), SIDE * SIDE // 8)


def all_sprites() -> Iterator[NDArray[np.uint8]]:
    """Yield the 737,280 images in the published order, in 720 blocks of (1024, 512) packed bits."""
    for shape in range(3):
        for scale in range(6):
            for orientation in range(40):
                yield sprite(shape, scale, orientation).reshape(1024, SIDE * SIDE // 8)


def _rotation(orientation: int) -> NDArray[np.float64]:
    """Return the matrix (2, 2) that turns rows (x, y) counter-clockwise on the screen."""
    angle = 2 * np.pi * (orientation % 39) / 39
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _crossings(corners: NDArray[np.float64], lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the x (K, L) where L horizontal lines cross the polygon; inf pads lines with fewer."""
    x, y = corners.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    above = y <= lines[:, None]
    crosses = above != np.roll(above, -1, axis=1)
    line, edge = np.nonzero(crosses)
    slope = (next_x[edge] - x[edge]) / (next_y[edge] - y[edge])
    counts = crosses.sum(axis=1)
    rank = np.arange(len(line)) - (np.cumsum(counts) - counts)[line]
    crossings = np.full((max(counts.max(), 1), len(lines)), np.inf)
    crossings[rank, line] = x[edge] + (lines[line] - y[edge]) * slope
    return crossings
