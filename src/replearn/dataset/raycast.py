"""Rays against convex solids: where each ray enters and leaves, and which way the surface looks."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Hits = tuple[
    Array, Array, Array
]  # enters (R,), leaves (R,), outward normals where it enters (R, 3)
Solid = Callable[[Array, Array], Hits]  # of origins (R, 3) or (3,) and directions (R, 3)


def half_spaces(normals: Array, offsets: Array) -> Solid:
    """Return the solid {x: n·x <= offset for every normal n (K, 3)}; distances are in |direction|.

    A ray hits a solid where it enters before it leaves, in front of its origin.
    """

    def intersect(origins: Array, directions: Array) -> Hits:
        towards = normals @ directions.T  # (K, R): one row for each face
        ahead = offsets[:, None] - normals @ np.atleast_2d(origins).T
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = ahead / towards
        # A ray along a face crosses it nowhere: it is inside or outside all the way.
        along = np.where(ahead < 0, np.inf, -np.inf)
        enters = np.where(towards < 0, crossing, np.where(towards == 0, along, -np.inf))
        leaves = np.where(towards > 0, crossing, np.inf)
        return enters.max(axis=0), leaves.min(axis=0), normals[enters.argmax(axis=0)]

    return intersect


def sphere(centre: Array, radius: float) -> Solid:
    """Return a ball."""
    return _round(np.asarray(centre, float), radius, np.ones(3))


def tube(radius: float) -> Solid:
    """Return the cylinder around the z axis, without ends."""
    return _round(np.zeros(3), radius, np.array([1.0, 1.0, 0.0]))


def both(first: Solid, second: Solid) -> Solid:
    """Return what two convex solids share."""

    def intersect(origins: Array, directions: Array) -> Hits:
        enters_a, leaves_a, normals_a = first(origins, directions)
        enters_b, leaves_b, normals_b = second(origins, directions)
        normals = np.where((enters_a >= enters_b)[:, None], normals_a, normals_b)
        return np.maximum(enters_a, enters_b), np.minimum(leaves_a, leaves_b), normals

    return intersect


def box(half: tuple[float, float, float], bottom: float = 0.0) -> Solid:
    """Return a box around the z axis with half sizes (x, y, z) that stands at height `bottom`."""
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    x, y, z = half
    return half_spaces(normals, np.array([x, y, bottom + 2 * z, x, y, -bottom]))


def cylinder(radius: float, bottom: float, top: float) -> Solid:
    """Return an upright cylinder around the z axis."""
    return both(
        half_spaces(np.array([[0, 0, 1.0], [0, 0, -1.0]]), np.array([top, -bottom])), tube(radius)
    )


def union(*parts: Solid) -> Solid:
    """Return what convex parts cover together; a ray leaves it where it leaves the first part."""

    def intersect(origins: Array, directions: Array) -> Hits:
        hits = [part(origins, directions) for part in parts]
        enters = np.stack([np.where(met(hit), hit[0], np.inf) for hit in hits])
        nearest = enters.argmin(axis=0)
        rays = np.arange(len(directions))
        leaves = np.stack([hit[1] for hit in hits])[nearest, rays]
        normals = np.stack([hit[2] for hit in hits])[nearest, rays]
        return enters.min(axis=0), leaves, normals

    return intersect


def capsule(radius: float, bottom: float, top: float) -> Solid:
    """Return an upright cylinder with half balls as ends, from `bottom` to `top`."""
    low, high = bottom + radius, top - radius
    ends = (sphere(np.array([0, 0, z]), radius) for z in (low, high))
    return union(cylinder(radius, low, high), *ends)


def met(hits: Hits) -> NDArray[np.bool_]:
    """Return which rays (R,) meet the solid in front of their origins."""
    enters, leaves, _ = hits
    return (enters < leaves) & (leaves > 0)


def camera_rays(heading: float, pitch: float, focal: float, side: int, grid: int) -> Array:
    """Return the directions (side * side * grid * grid, 3) of a pinhole camera's rays.

    Pixels go row by row, each with grid * grid evenly spread rays. A direction has length 1 along
    the optical axis.

    Args:
        heading: turn around the z axis in radians, counter-clockwise from above; at 0 the camera
            looks along +y and x points right.
        pitch: how far the camera looks down, in radians.
        focal: focal length in pixels.
        side: pixels in a row and in a column.
        grid: rays along a side of a pixel.
    """
    at = (np.arange(side * grid) + 0.5) / grid - side / 2
    down, right = np.meshgrid(at / focal, at / focal, indexing="ij")
    # In the camera's level frame: right, forward, up.
    forward = np.cos(pitch) - down * np.sin(pitch)
    up = -np.sin(pitch) - down * np.cos(pitch)
    cos, sin = np.cos(heading), np.sin(heading)
    rays = np.stack([right * cos - forward * sin, right * sin + forward * cos, up], axis=-1)
    rays = rays.reshape(side, grid, side, grid, 3).swapaxes(1, 2)
    return rays.reshape(-1, 3)


def _round(centre: Array, radius: float, axes: Array) -> Solid:
    """Return {x: |axes * (x - centre)| <= radius}."""

    def intersect(origins: Array, directions: Array) -> Hits:
        way, start = axes * directions, axes * (origins - centre)
        a = np.einsum("...k,...k", way, way)
        b = np.einsum("...k,...k", way, start)
        c = np.einsum("...k,...k", start, start) - radius**2
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.sqrt(b * b - a * c)
            enters, leaves = (-b - root) / a, (-b + root) / a
        # Along the axis of a tube a ray is inside or outside all the way.
        inside, missed = (a == 0) & (c <= 0), np.isnan(root) | ((a == 0) & (c > 0))
        enters = np.where(inside, -np.inf, np.where(missed, np.inf, enters))
        leaves = np.where(inside, np.inf, np.where(missed, -np.inf, leaves))
        at = np.where(np.isfinite(enters), enters, 0.0)[:, None]
        return enters, leaves, (start + at * way) / radius

    return intersect
