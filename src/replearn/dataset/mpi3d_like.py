"""A small scene with the factors of MPI3D, drawn on demand: an arm that holds an object.

It is replearn's own: it has the factors of MPI3D and their sizes, so that what is planned for MPI3D
can be tried, and shares no pixel with it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset import raycast
from replearn.dataset.declaration import Declaration
from replearn.dataset.drawn import DrawnImages
from replearn.dataset.images import ImageDataset
from replearn.dataset.mpi3d import FACTORS
from replearn.dataset.raycast import Array, Solid

GENERATOR = "mpi3d-like 1"  # a change of a single pixel needs another version

SIDE = 64  # pixels; all lengths are in pixels, for the projection is parallel
COLORS = np.array(
    [[238, 238, 238], [40, 165, 60], [205, 40, 40], [45, 80, 210], [120, 72, 38], [128, 128, 0]]
)
BACKGROUNDS = np.array([[128, 0, 128], [46, 139, 87], [250, 128, 114]])
_ROOM, _TABLE, _ARM = (24, 24, 28), (74, 74, 80), (190, 192, 198)
_ELEVATIONS = np.deg2rad([50, 30, 10])  # of the camera: top, center, bottom
_RADII = (5.0, 7.5)  # of the objects
_PATCH = 24  # pixels in a row of an object's picture
_ONE = 128  # all pixels come from integers, so that every device draws the same
_STEPS = 16  # an object is placed on sixteenths of a pixel
_GRID = 4  # rays along a side of a pixel
_LIGHT = np.array([-0.45, -0.45, 0.77])  # towards the light, from the upper left before the scene


def tips(camera: int) -> tuple[Array, Array, Array]:
    """Return where shoulder (2,), elbows and tips (40, 40, 2) of the arm are seen, (column, row).

    Axis 0 is the horizontal axis, which turns the arm from the left to the right; axis 1 is the
    vertical one, which lifts it.
    """
    turn = np.deg2rad(np.linspace(-70, 70, 40))[:, None]
    lift = np.deg2rad(np.linspace(15, 75, 40))[None, :]

    def link(length: float, angle: Array) -> Array:
        out = length * np.cos(angle)
        x, y = out * np.sin(turn), -out * np.cos(turn)
        return np.stack([x, y, np.broadcast_to(length * np.sin(angle), x.shape)], axis=-1)

    shoulder = np.array([0.0, 0.0, 8.0])
    elbows = shoulder + link(14, lift)
    ends = elbows + link(10, lift - np.pi / 3)
    return _project(shoulder, camera), _project(elbows, camera), _project(ends, camera)


def stages() -> NDArray[np.uint8]:
    """Return the empty scene (3 cameras, 3 backgrounds, 3, 64 * 64): a table, its rim coloured."""
    images = np.empty((3, 3, 3, SIDE * SIDE))
    at = (np.arange(SIDE * _GRID) + 0.5) / _GRID
    rows, columns = np.meshgrid(at, at, indexing="ij")
    for camera, elevation in enumerate(_ELEVATIONS):
        x, row = columns - _project(np.zeros(3), camera)[0], rows - _project(np.zeros(3), camera)[1]
        distance = np.hypot(x, row / np.sin(elevation))
        parts = np.stack([distance > 30, (distance <= 30) & (distance > 20), distance <= 20])
        shares = parts.reshape(3, SIDE, _GRID, SIDE, _GRID).mean(axis=(2, 4)).reshape(3, -1)
        for background, rim in enumerate(BACKGROUNDS):
            images[camera, background] = np.array([_ROOM, rim, _TABLE]).T @ shares
        foot, shoulder = _project(np.zeros(3), camera), _project(np.array([0, 0, 8.0]), camera)
        post = _stroke(foot[None], shoulder[None], 3.2)[0]
        images[camera] += post * (0.7 * np.array(_ARM)[:, None] - images[camera])
    return np.rint(images).astype(np.uint8)


def arms() -> NDArray[np.uint8]:
    """Return how much of each pixel the arm covers in 1/128, (3 cameras, 1600 poses, 64 * 64)."""
    covered = np.empty((3, 1600, SIDE * SIDE), np.uint8)
    for camera in range(3):
        shoulder, elbows, ends = tips(camera)
        for turn, (elbow, end) in enumerate(zip(elbows, ends, strict=True)):
            upper = _stroke(np.broadcast_to(shoulder, elbow.shape), elbow, 2.4)
            share = np.maximum(upper, _stroke(elbow, end, 1.7))
            covered[camera, 40 * turn : 40 * turn + 40] = np.rint(_ONE * share)
    return covered


def solid(shape: int, radius: float) -> Solid:
    """Return an object around 0: cone, cube, cylinder, hexagonal prism, pyramid or sphere."""
    if shape == 0:
        return _pyramid(48, radius, 1.8 * radius)
    if shape == 1:
        return _prism(4, 0.98 * radius, 1.4 * radius)
    if shape == 2:
        return raycast.cylinder(0.75 * radius, -0.85 * radius, 0.85 * radius)
    if shape == 3:
        return _prism(6, radius, radius)
    if shape == 4:
        return _pyramid(4, 1.1 * radius, 1.7 * radius)
    return raycast.sphere(np.zeros(3), 0.95 * radius)


def sprites() -> NDArray[np.int32]:
    """Return the objects (6 shapes, 2 sizes, 3 cameras, 2, 24, 24): coverage and light in 1/128."""
    pictures = np.empty((6, 2, 3, 2, _PATCH, _PATCH), np.int32)
    at = (np.arange(_PATCH * _GRID) + 0.5) / _GRID - _PATCH / 2
    down, right = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    light = _LIGHT / np.linalg.norm(_LIGHT)
    for camera, elevation in enumerate(_ELEVATIONS):
        cos, sin = np.cos(elevation), np.sin(elevation)
        origins = np.stack([right, -down * sin - 99 * cos, -down * cos + 99 * sin], axis=1)
        rays = np.broadcast_to([0.0, cos, -sin], origins.shape)
        for shape in range(6):
            for size, radius in enumerate(_RADII):
                hits = solid(shape, radius)(origins, rays)
                seen = raycast.met(hits)
                lit = seen * (0.4 + 0.6 * np.maximum(hits[2] @ light, 0))
                parts = np.stack([seen, lit]).reshape(2, _PATCH, _GRID, _PATCH, _GRID)
                pictures[shape, size, camera] = np.rint(_ONE * parts.mean(axis=(2, 4)))
    return pictures


def draw(
    positions: Tensor, stage: Tensor, arm: Tensor, sprite: Tensor, tip: Tensor, color: Tensor
) -> Tensor:
    """Return images (B, 3, 64, 64) uint8 at positions (B,) in the grid of factors.

    Args:
        positions: in the grid of factors.
        stage: of `stages`.
        arm: of `arms`.
        sprite: of `sprites`.
        tip: (3, 1600, 2) column and row of the object's centre in 1/16 pixels, int64.
        color: (6, 3) RGB, int32.
    """
    *others, pose = _digits(positions, (6, 6, 2, 3, 3, 1600))
    object_color, shape, size, camera, background = others
    covered = arm[camera, pose][:, None].short()
    image = stage[camera, background].short() * (_ONE - covered)
    for channel, value in enumerate(_ARM):
        image[:, channel] += value * covered[:, 0]
    image = ((image + _ONE // 2) >> 7).int()
    # The object lies between pixels: its picture is a mean of four, weighted by their shares.
    corner = tip[camera, pose] - (_PATCH * _STEPS) // 2
    first, part = corner // _STEPS, (corner % _STEPS).int()[:, :, None, None, None]
    right, down = part[:, 0], part[:, 1]
    picture = torch.nn.functional.pad(sprite[shape, size, camera], (1, 1, 1, 1))
    picture = picture[..., :-1] * right + picture[..., 1:] * (_STEPS - right)
    picture = picture[..., :-1, :] * down + picture[..., 1:, :] * (_STEPS - down)
    across = torch.arange(_PATCH + 1, device=positions.device)
    rows, columns = first[:, 1, None] + across, first[:, 0, None] + across
    where = (SIDE * rows[:, :, None] + columns[:, None, :]).reshape(-1, 1, len(across) ** 2)
    where = where.expand(-1, 3, -1)
    share, lit = picture.reshape(-1, 2, 1, len(across) ** 2).unbind(1)
    whole = _ONE * _STEPS**2
    under = image.gather(2, where) * (whole - share)
    image.scatter_(2, where, (under + color[object_color][:, :, None] * lit + whole // 2) >> 15)
    return image.to(torch.uint8).reshape(-1, 3, SIDE, SIDE)


def load() -> ImageDataset:
    """Return 1,036,800 images (3, 64, 64) of a drawn arm, with the factors of MPI3D.

    They are drawn when they are fetched and never stand in for MPI3D.
    """
    tip = np.stack([np.rint(_STEPS * tips(camera)[2]).reshape(1600, 2) for camera in range(3)])
    tables = (stages(), arms(), sprites(), tip.astype(np.int64), COLORS.astype(np.int32))
    return ImageDataset(
        "mpi3d_like",
        DrawnImages(draw, tuple(map(torch.from_numpy, tables)), (len(FACTORS), 3, SIDE, SIDE)),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        is_twin=True,
        digest=GENERATOR,
        note="A scene drawn by replearn with the factors of MPI3D; it is not MPI3D.",
    )


def _digits(positions: Tensor, sizes: tuple[int, ...]) -> list[Tensor]:
    """Return the indices of positions along each axis of a grid, last one fastest."""
    digits = []
    for size in reversed(sizes):
        digits.insert(0, positions % size)
        positions = positions // size
    return digits


def _project(points: Array, camera: int) -> Array:
    """Return where points (..., 3) are seen, (..., 2) as column and row."""
    elevation = _ELEVATIONS[camera]
    up = (points[..., 2] - 8) * np.cos(elevation) + points[..., 1] * np.sin(elevation)
    return np.stack([SIDE / 2 + points[..., 0], SIDE / 2 - up], axis=-1)


def _stroke(start: Array, end: Array, radius: float) -> NDArray[np.float32]:
    """Return how much of each pixel lines with round ends cover, (P, 64 * 64), from ends (P, 2)."""
    at = np.arange(SIDE, dtype=np.float32) + 0.5
    x = np.tile(at, SIDE) - start[:, :1].astype(np.float32)
    y = np.repeat(at, SIDE) - start[:, 1:].astype(np.float32)
    along = (end - start).astype(np.float32)[:, :, None]
    length = np.maximum((along**2).sum(axis=1), 1e-6)
    share = np.clip((x * along[:, 0] + y * along[:, 1]) / length, 0, 1)
    distance = np.hypot(x - share * along[:, 0], y - share * along[:, 1])
    return np.clip(radius + 0.5 - distance, 0, 1)


def _around(sides: int) -> Array:
    """Return outward directions (sides, 2), turned so that a corner looks to the viewer's right."""
    angles = 2 * np.pi * np.arange(sides) / sides + np.deg2rad(25)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _prism(sides: int, radius: float, height: float) -> Solid:
    flat = np.pad(_around(sides), ((0, 0), (0, 1)))
    ends = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    inner = radius * np.cos(np.pi / sides)
    offsets = [inner] * sides + [height / 2] * 2
    return raycast.half_spaces(np.concatenate([flat, ends]), np.array(offsets))


def _pyramid(sides: int, radius: float, height: float) -> Solid:
    inner = radius * np.cos(np.pi / sides)
    slope = np.hypot(inner, height)
    slanted = np.pad(height * _around(sides), ((0, 0), (0, 1)), constant_values=inner) / slope
    base = np.array([[0, 0, -1.0]])
    offsets = [inner * height / 2 / slope] * sides + [height / 2]
    return raycast.half_spaces(np.concatenate([slanted, base]), np.array(offsets))


MPI3D_LIKE = Declaration(
    "mpi3d_like",
    load,
    n_images=len(FACTORS),
    image_shape=(3, SIDE, SIDE),
    source="replearn, after Gondal et al. 2019",
    factor_space=FACTORS,
    drawn=GENERATOR,
)
