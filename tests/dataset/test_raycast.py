"""Rays against solids, compared with marching along each ray through the solid's inequality."""

import numpy as np
import pytest

from replearn.dataset import raycast
from replearn.dataset.raycast import met

STEPS = np.arange(0, 8, 0.004)


def in_capsule(p):
    axis = np.stack([0 * p[..., 0], 0 * p[..., 1], np.clip(p[..., 2], 0.3, 1.7)], axis=-1)
    return np.linalg.norm(p - axis, axis=-1) <= 0.3


SOLIDS = {
    "sphere": (
        raycast.sphere(np.array([0.1, -0.2, 0.5]), 0.7),
        lambda p: np.linalg.norm(p - [0.1, -0.2, 0.5], axis=-1) <= 0.7,
    ),
    "box": (
        raycast.box((0.5, 0.3, 0.4), bottom=0.2),
        lambda p: (np.abs(p - [0, 0, 0.6]) <= [0.5, 0.3, 0.4]).all(axis=-1),
    ),
    "cylinder": (
        raycast.cylinder(0.6, -0.1, 0.9),
        lambda p: (np.hypot(p[..., 0], p[..., 1]) <= 0.6) & (np.abs(p[..., 2] - 0.4) <= 0.5),
    ),
    "capsule": (raycast.capsule(0.3, 0.0, 2.0), in_capsule),
    "tube": (raycast.tube(0.5), lambda p: np.hypot(p[..., 0], p[..., 1]) <= 0.5),
}


def rays(n=150):
    rng = np.random.default_rng(0)
    origins = rng.normal(size=(n, 3))
    origins *= 3 / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = rng.normal(scale=0.5, size=(n, 3)) - origins
    return origins, directions / np.linalg.norm(directions, axis=1, keepdims=True)


@pytest.mark.parametrize("name", SOLIDS)
def test_rays_enter_where_marching_first_meets_the_solid(name):
    solid, inside = SOLIDS[name]
    origins, directions = rays()
    hits = solid(origins, directions)
    points = origins[:, None] + STEPS[:, None] * directions[:, None]
    marched = inside(points)
    enters, leaves, _ = hits
    long = leaves - np.maximum(enters, 0) > 0.008  # shorter ones fall between two steps
    assert (marched.any(axis=1) | ~long | ~met(hits))[np.maximum(enters, 0) < 7.9].all()
    found = marched.any(axis=1)
    assert met(hits)[found].all() and 30 < found.sum() < 150
    first = STEPS[marched.argmax(axis=1)]
    np.testing.assert_allclose(np.maximum(enters, 0)[found], first[found], atol=0.0041)


@pytest.mark.parametrize("name", SOLIDS)
def test_normals_are_of_length_one_and_point_out_of_the_solid(name):
    solid, inside = SOLIDS[name]
    origins, directions = rays()
    hits = solid(origins, directions)
    seen = met(hits) & (hits[0] > 0)
    normals = hits[2][seen]
    points = (origins + hits[0][:, None] * directions)[seen]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert ((normals * directions[seen]).sum(axis=1) <= 0).all()
    assert not inside(points + 1e-6 * normals).any()
    assert inside(points - 1e-6 * normals).all()


def test_distances_by_hand():
    origins, down = np.array([[0.0, 0.3, 5.0]]), np.array([[0.0, 0.0, -1.0]])
    half_chord = np.sqrt(0.25 - 0.09)
    enters, leaves, normal = raycast.sphere(np.zeros(3), 0.5)(origins, down)
    assert enters == pytest.approx(5 - half_chord) and leaves == pytest.approx(5 + half_chord)
    np.testing.assert_allclose(normal, [[0, 0.6, 0.8]])
    enters, leaves, normal = raycast.cylinder(0.5, 1.0, 2.0)(origins, down)
    assert (enters, leaves) == (pytest.approx(3), pytest.approx(4))
    np.testing.assert_allclose(normal, [[0, 0, 1]])


@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_rays_along_an_axis_or_a_face_are_inside_or_outside_all_the_way(offset):
    origins, down = np.array([[offset, 0.0, 5.0]]), np.array([[0.0, 0.0, -1.0]])
    for solid in (raycast.tube(0.5), raycast.box((1, 1, 1)), raycast.capsule(0.5, 0, 2)):
        assert met(solid(origins, down)) == (offset == 0)


def test_what_lies_behind_is_not_met():
    behind = raycast.sphere(np.array([0, 0, 5.0]), 1.0)
    assert not met(behind(np.zeros(3), np.array([[0, 0, -1.0]])))
    assert met(behind(np.array([0, 0, 5.0]), np.array([[0, 0, -1.0]])))  # from within


def test_camera_sees_what_a_pinhole_sees():
    rays = raycast.camera_rays(np.pi / 2, np.arctan(0.5), focal=8.0, side=16, grid=1)
    rays = rays.reshape(16, 16, 3)
    # The middle of the four central rays is the optical axis: to the left (-x), and down by 1/2.
    axis = rays[7:9, 7:9].mean(axis=(0, 1))
    np.testing.assert_allclose(axis, np.array([-1, 0, -0.5]) / np.sqrt(1.25), atol=1e-12)
    # One pixel to the right is 1/8 along +y; one down turns by 1/8 away from the zenith.
    np.testing.assert_allclose(rays[3, 5] - rays[3, 4], [0, 1 / 8, 0], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(rays[5, 3] - rays[4, 3]), 1 / 8)
    assert rays[5, 3, 2] < rays[4, 3, 2]
    fine = raycast.camera_rays(np.pi / 2, np.arctan(0.5), focal=8.0, side=16, grid=4)
    np.testing.assert_allclose(fine.reshape(256, 16, 3).mean(axis=1), rays.reshape(256, 3))
