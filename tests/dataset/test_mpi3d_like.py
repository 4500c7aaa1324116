"""The drawn scene with the factors of MPI3D: every factor shows, nothing leaves the picture."""

import time

import numpy as np
import pytest
import torch

from replearn.dataset import load
from replearn.dataset.mpi3d_like import _PATCH, BACKGROUNDS, COLORS, SIDE, draw, sprites, tips

N = 1_036_800


@pytest.fixture(scope="module")
def scene():
    return load("mpi3d_like")


def test_says_that_it_is_not_mpi3d(scene):
    assert scene.is_twin and scene.digest == "mpi3d-like 1"
    assert "it is not MPI3D" in scene.note
    assert scene.images.shape == (N, 3, 64, 64)
    assert scene.factor_space.sizes == (6, 6, 2, 3, 3, 40, 40)


@pytest.mark.parametrize("factor", range(7))
def test_every_factor_shows_in_every_image(scene, factor):
    rng = np.random.default_rng(factor)
    factors = scene.factor_space.factors(rng.integers(0, N, 1000))
    size = scene.factor_space.sizes[factor]
    factors[:, factor] = rng.integers(0, size - 1, 1000)
    after = factors.copy()
    after[:, factor] += 1
    first, second = (scene.images[scene.factor_space.index(f)].int() for f in (factors, after))
    difference = (first - second).abs()
    assert (difference.amax(dim=(1, 2, 3)) >= 20).all()
    if factor < 5:
        assert (difference.amax(dim=1) > 10).sum(dim=(1, 2)).float().mean() > 30  # pixels


def test_colors_are_those_of_their_names(scene):
    space = scene.factor_space
    assert COLORS.shape == (6, 3) and BACKGROUNDS.shape == (3, 3)
    for color, channels in enumerate(([0, 1, 2], [1], [0], [2], [0], [0, 1])):
        image = scene.images[int(space.index((color, 5, 1, 1, 0, 39, 20)))].int()
        other = scene.images[int(space.index(((color + 1) % 6, 5, 1, 1, 0, 39, 20)))].int()
        pixels = image[:, (image != other).any(dim=0)].float().mean(dim=1)
        brightest = (pixels > pixels.max() - 12).nonzero().ravel().tolist()
        assert brightest == channels


def test_object_is_where_the_arm_ends(scene):
    """The pixels that change with the color have their centre at the projected end of the arm."""
    space = scene.factor_space
    for camera, turn, lift in ((0, 0, 0), (1, 39, 20), (2, 13, 39), (0, 22, 7)):
        white, green = (
            scene.images[int(space.index((c, 5, 1, camera, 0, turn, lift)))] for c in (0, 1)
        )
        rows, columns = np.nonzero((white != green).any(dim=0).numpy())
        column, row = tips(camera)[2][turn, lift]
        assert columns.mean() + 0.5 == pytest.approx(column, abs=0.5)
        assert rows.mean() + 0.5 == pytest.approx(row, abs=0.5)


def test_arm_turns_around_its_foot_and_lifts():
    for camera, sin in enumerate(np.sin(np.deg2rad([50, 30, 10]))):
        _, _, ends = tips(camera)
        assert (np.diff(ends[..., 0], axis=0) > 0).all()  # to the right
        assert (np.diff(ends[..., 1], axis=1) < 0).all()  # up
        np.testing.assert_allclose(ends[:, :, 0] + ends[::-1, :, 0], SIDE)
        # Seen from above the ends of a turn lie on a circle, so here on an ellipse.
        x, y = ends[:, 5, 0] - 32, ends[:, 5, 1]
        reach = x[-1] / np.sin(np.deg2rad(70))
        depth = (y - y[0]) / sin + reach * np.cos(np.deg2rad(70))
        np.testing.assert_allclose(np.hypot(x, depth), reach)


def test_objects_stay_in_the_picture():
    for camera in range(3):
        corner = np.floor(tips(camera)[2] - _PATCH / 2)  # a picture between pixels has one more
        assert corner.min() >= 0 and (corner + _PATCH).max() <= SIDE - 1


def test_objects_cover_the_area_of_their_outlines():
    """A sphere's is a circle; a cylinder's from elevation e is a box with two half ellipses."""
    pictures = sprites() / 128
    for size, radius in enumerate((5.0, 7.5)):
        for camera, elevation in enumerate(np.deg2rad([50, 30, 10])):
            covered = pictures[:, size, camera, 0].sum(axis=(1, 2))
            assert covered[5] == pytest.approx(np.pi * (0.95 * radius) ** 2, rel=0.02)
            r, height = 0.75 * radius, 1.7 * radius
            cylinder = 2 * r * height * np.cos(elevation) + np.pi * r**2 * np.sin(elevation)
            assert covered[2] == pytest.approx(cylinder, rel=0.02)
    assert (pictures[..., 1, :, :] <= pictures[..., 0, :, :] + 1 / 128).all()
    assert (pictures[..., [0, -1], :] == 0).all() and (pictures[..., :, [0, -1]] == 0).all()


def test_objects_shift_by_fractions_of_a_pixel(scene):
    """Half a pixel to the right is the mean of a picture and of its neighbour."""
    stage, arm, sprite, tip, color = scene.images.tables
    bare = torch.zeros_like(arm)
    position = torch.tensor([5 * 9 * 1600 * 6 * 2 + 20 * 40 + 20])

    def at(column):
        moved = tip.clone()
        moved[..., 0], moved[..., 1] = column, 32 * 16
        return draw(position, stage * 0, bare, sprite, moved, color)[0].int()

    whole, right, half = at(32 * 16), at(33 * 16), at(32 * 16 + 8)
    assert torch.equal(whole[:, :, :-1], right[:, :, 1:])
    assert ((whole + right) / 2 - half).abs().max() <= 1


def test_three_thousand_images_a_second(scene):
    index = torch.randint(0, N, (256,), generator=torch.Generator().manual_seed(0))
    threads, seconds = torch.get_num_threads(), []
    torch.set_num_threads(1)  # the time of one thread, whatever else this computer does
    for _ in range(10):
        start = time.thread_time()
        scene.images[index]
        seconds.append(time.thread_time() - start)
    torch.set_num_threads(threads)
    assert 256 / min(seconds) > 3000


def test_images_of_this_version_do_not_change(scene):
    """Means by channel of two images, to a hundredth of a level: the digest says "1" for these."""
    first, last = scene.images[[123_456, 987_654]].double().mean(dim=(2, 3))
    np.testing.assert_allclose(first, (77.8130, 55.6370, 56.5874), atol=0.01)
    np.testing.assert_allclose(last, (77.4758, 54.4231, 53.9243), atol=0.01)
