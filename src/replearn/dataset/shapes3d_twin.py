"""3D Shapes redrawn: a solid in a room, ray-cast once for each geometry and coloured on demand."""

import colorsys
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset import raycast
from replearn.dataset.drawn import DrawnImages
from replearn.dataset.raycast import Array, Solid, met

GENERATOR = "shapes3d-twin 1"  # a change of a single pixel needs another version
# Of the kept file; the same with and without AVX, AVX-512 and FMA.
SHA256 = "ba3ad08ca95ef9a1dd1da9a48ec1000e2a40f90431e7bd2a49c6ea22c440d395"

SIDE = 64  # pixels
SCALES = np.linspace(0.75, 1.25, 8)
ORIENTATIONS = np.linspace(-30, 30, 15)  # degrees that the camera has gone around the room
HUES = np.arange(10) / 10
SKY = (154, 226, 250)  # RGB
N_GEOMETRIES = len(SCALES) * 4 * len(ORIENTATIONS)
MATERIALS = ("sky", "floor", "wall", "object")
ONE = 2048  # a weight of 1: weights are integers, so that every device draws the same pixels

_GRID = 4  # rays along a side of a pixel
# Lengths are in distances from the camera to the object's axis, which stands in the room's middle.
_HEIGHT, _PITCH, _FOCAL = 0.40, 0.106, 77.0  # of the camera; radians; pixels
_ROOM, _WALL = 1.55, 0.63  # from the middle to each wall; height of the walls
_LIGHT = np.array([-0.38, 0.26, 1.0])  # towards the light; it lies up, to the left and behind
_LAMP = 0.09  # radius of the light, seen from a distance of 1
_REACH, _TALLEST = 0.1, 0.49  # no object of scale 1 is wider around its axis, or taller


def solid(shape: int, scale: float) -> Solid:
    """Return the object (0 cube, 1 cylinder, 2 sphere, 3 capsule), which stands on the floor."""
    if shape == 0:
        return raycast.box((0.07 * scale, 0.07 * scale, 0.075 * scale))
    if shape == 1:
        return raycast.cylinder(0.078 * scale, 0.0, 0.15 * scale)
    if shape == 2:
        return raycast.sphere(np.array([0, 0, 0.094 * scale]), 0.094 * scale)
    return raycast.capsule(0.078 * scale, 0.0, _TALLEST * scale)


class Room:
    """The scene from one orientation: what each ray of the camera meets without the object."""

    def __init__(self, orientation: float):
        """Cast the rays; `orientation` is in degrees."""
        turn = np.deg2rad(orientation)
        self.eye = np.array([np.sin(turn), -np.cos(turn), _HEIGHT])
        self.rays = raycast.camera_rays(turn, _PITCH, _FOCAL, SIDE, _GRID)
        # How far from the object's axis each ray passes, and at which height.
        x, y, z = self.rays.T
        self.distance = np.abs(x * self.eye[1] - y * self.eye[0]) / np.hypot(x, y)
        self.height = _HEIGHT + z / np.hypot(x, y)
        self.towards_eye = np.array([np.sin(turn), -np.cos(turn), 0.0])
        with np.errstate(divide="ignore"):
            to_walls = (np.sign(self.rays) * _ROOM - self.eye)[:, :2] / self.rays[:, :2]
            to_floor = np.where(self.rays[:, 2] < 0, -_HEIGHT / self.rays[:, 2], np.inf)
        side = to_walls.argmin(axis=1)
        to_wall = to_walls.min(axis=1)
        self.on_floor = to_floor < to_wall
        self.points = self.eye + np.minimum(to_floor, to_wall)[:, None] * self.rays
        on_wall = ~self.on_floor & (self.points[:, 2] <= _WALL)
        # The camera carries a lamp, so a wall is dimmer the more obliquely it is seen.
        facing = np.sign(self.rays[np.arange(len(side)), side]) * -self.towards_eye[side]
        self.weights = np.zeros((len(self.rays), len(MATERIALS)))
        self.weights[~self.on_floor & ~on_wall, 0] = 1
        self.weights[self.on_floor, 1] = _floor(self.points[self.on_floor])
        self.weights[on_wall, 2] = np.minimum(0.97, 0.35 + 0.71 * facing[on_wall])
        self.empty = _pixels(self.weights)

    def maps(self, thing: Solid, scale: float) -> NDArray[np.int16]:
        """Return the weights (4, 64 * 64) of the materials, in units of 1/2048, with an object."""
        shaded = self._shaded(thing, scale)
        seen, normals = self._seen(thing, scale)
        # Only pixels that the object or its shadow touches differ from the empty room.
        touched = np.zeros(SIDE * SIDE, bool)
        touched[np.concatenate([shaded, seen]) // _GRID**2] = True
        place = (np.cumsum(touched) - 1).repeat(_GRID**2) * _GRID**2
        place += np.tile(np.arange(_GRID**2), SIDE * SIDE)
        weights = self.weights[touched.repeat(_GRID**2)]
        weights[place[shaded], 1] *= 0.34
        weights[place[seen]] = 0
        weights[place[seen], 3] = self._object_shade(normals)
        pixels = self.empty.copy()
        pixels[touched] = _pixels(weights)
        return np.rint(pixels.T * ONE).astype(np.int16)

    def coverage(self, thing: Solid, scale: float) -> Array:
        """Return which part of each pixel an object covers, (64, 64)."""
        covered = np.zeros(len(self.rays))
        covered[self._seen(thing, scale)[0]] = 1
        return covered.reshape(SIDE, SIDE, -1).mean(axis=-1)

    def _seen(self, thing: Solid, scale: float) -> tuple[NDArray[np.intp], Array]:
        """Return the rays (K,) that meet an object, and its normals (K, 3) there."""
        low, high = -_REACH * scale, (_TALLEST + _REACH) * scale
        near = (self.distance < _REACH * scale) & (low < self.height) & (self.height < high)
        near = np.flatnonzero(near)
        hits = thing(self.eye, self.rays[near])
        return near[met(hits)], hits[2][met(hits)]

    def _shaded(self, thing: Solid, scale: float) -> NDArray[np.intp]:
        """Return the rays (K,) that meet the floor in the shadow of an object."""
        reach = (_REACH + _TALLEST * (np.hypot(*_LIGHT[:2]) + _LAMP)) * scale
        near = np.flatnonzero(self.on_floor & (np.hypot(*self.points[:, :2].T) < reach))
        # The rays of a pixel ask after one point of the lamp each, so its shadow has soft edges.
        lights = _lights()[near % _GRID**2]
        return near[met(thing(self.points[near], lights))]

    def _object_shade(self, normals: Array) -> Array:
        light = _LIGHT / np.linalg.norm(_LIGHT)
        lit, facing = np.maximum(normals @ light, 0), np.maximum(normals @ self.towards_eye, 0)
        return 0.66 + 0.24 * lit + 0.18 * facing


def all_maps() -> Iterator[NDArray[np.int16]]:
    """Yield the maps (15, 4, 4096) of a solid from all orientations, in the order scale, shape."""
    rooms = [Room(orientation) for orientation in ORIENTATIONS]
    for scale in SCALES:
        for shape in range(4):
            thing = solid(shape, scale)
            yield np.stack([room.maps(thing, scale) for room in rooms])


def palette() -> NDArray[np.uint8]:
    """Return the RGB (10, 3) of the hues at full saturation and value."""
    colours = [colorsys.hsv_to_rgb(hue, 1, 1) for hue in HUES]
    return np.rint(np.array(colours) * 255).astype(np.uint8)


def compose(positions: Tensor, maps: Tensor, colours: Tensor) -> Tensor:
    """Return images (B, 3, 64, 64) uint8: each material's weight times its colour, summed.

    Args:
        positions: (B,) in the grid of the six factors.
        maps: (480, 4, 64 * 64) int16 weights of sky, floor, wall and object.
        colours: (11, 3) int32 RGB of the ten hues and the sky.
    """
    weights = maps[positions % N_GEOMETRIES].int()
    hues = positions // N_GEOMETRIES
    image = weights[:, None, 0] * colours[-1, :, None]
    for material, hue in enumerate((hues // 100, hues // 10 % 10, hues % 10), start=1):
        image.addcmul_(weights[:, None, material], colours[hue][:, :, None])
    image = image.add_(ONE // 2).bitwise_right_shift_(ONE.bit_length() - 1)
    return image.to(torch.uint8).reshape(-1, 3, SIDE, SIDE)


def twin_images(maps: NDArray[np.int16]) -> DrawnImages:
    """Return the 480,000 images, composed of maps (480, 4, 4096) and hues when they are fetched."""
    colours = torch.from_numpy(np.concatenate([palette(), [SKY]])).int()
    count = len(HUES) ** 3 * N_GEOMETRIES
    return DrawnImages(compose, (torch.from_numpy(maps), colours), (count, 3, SIDE, SIDE))


def _pixels(weights: Array) -> Array:
    """Return the means (P, 4) over the rays of each of P pixels."""
    return weights.reshape(-1, _GRID**2, len(MATERIALS)).mean(axis=1)


def _floor(points: Array) -> Array:
    """Return the brightness of the floor at points (R, 3): a weak pattern of waves."""
    x, y = points[:, 0], points[:, 1]
    return 0.98 + 0.02 * np.sin(17 * x) * np.sin(17 * y)


def _lights() -> Array:
    """Return directions (16, 3) towards a round lamp, one for each ray of a pixel."""
    n = np.arange(_GRID**2, dtype=np.float64)
    # A spiral by the golden angle fills a disc evenly.
    radius, angle = _LAMP * np.sqrt((n + 0.5) / len(n)), n * np.pi * (3 - np.sqrt(5))
    return _LIGHT + np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * n], axis=1)
