"""Circles and Simple: areas and places in closed form."""

import numpy as np
import pytest

from replearn.dataset import load
from replearn.dataset.spriteworld import CORNERS, GRID, coverage, polygon

AREA = (0.2 * 64) ** 2  # pixels: a polygon of area 1 at a fifth of the frame


def shoelace(corners):
    x, y = corners.T
    return 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)


@pytest.mark.parametrize("name", CORNERS)
def test_polygon_has_area_1(name):
    assert shoelace(polygon(CORNERS[name])) == pytest.approx(1, abs=1e-12)


def test_square_lies_flat():
    np.testing.assert_allclose(np.abs(polygon(4)), 0.5)


@pytest.mark.parametrize("name", CORNERS)
def test_covered_area_is_that_of_the_polygon(name):
    # Midpoint rule on 16 lines a row: the square's edge may miss by 1/32 of a row, at both ends.
    covered = coverage(12.8 * polygon(CORNERS[name]), GRID[30])
    inside = covered[10:54].sum(axis=(1, 2))
    assert inside == pytest.approx(AREA, abs=12.8 / 16)
    assert np.ptp(inside) < 1e-9  # widths are exact, wherever x is
    assert covered.min() >= -1e-12 and covered.max() <= 1 + 1e-12


def test_square_pixels_by_hand():
    # Centre x = y = .5 + .2/63 · … at GRID[i]: sides at 64 x ± 6.4 and 64 (1 - y) ± 6.4.
    images = load("simple")
    index = images.factor_space.index([10, 20, 0])
    red = images.images[int(index)][0].double().numpy() / 255
    left, top = 64 * GRID[10] - 6.4, 64 * (1 - GRID[20]) - 6.4
    pixels = np.arange(64)
    across = np.clip(np.minimum(pixels + 1, left + 12.8) - np.maximum(pixels, left), 0, 1)
    down = np.clip(np.minimum(pixels + 1, top + 12.8) - np.maximum(pixels, top), 0, 1)
    np.testing.assert_allclose(red, down[:, None] * across, atol=1 / 32 + 1 / 255)


def test_circles_lie_where_their_factors_say():
    circles = load("circles")
    assert circles.image_shape == (3, 64, 64)
    assert circles.is_twin and "grid" in circles.note
    index = circles.factor_space.index([(32, 10), (32, 40), (50, 40)])
    images = circles.images[index].double().numpy()
    assert images[:, 1:].max() == 0  # red alone
    for image, (x, y) in zip(images[:, 0], circles.factors[index], strict=True):
        assert image.max() == 255
        assert image.sum() / 255 == pytest.approx(AREA, rel=0.005)
        pixels = np.arange(64) + 0.5
        assert image.sum(axis=0) @ pixels / image.sum() == pytest.approx(64 * GRID[x], abs=0.02)
        height = 64 - image.sum(axis=1) @ pixels / image.sum()  # y points up
        assert height == pytest.approx(64 * GRID[y], abs=0.02)


def test_drawing_is_the_same_each_time_and_every_image_another():
    first, second = load("circles").images, load("circles").images
    assert (first[:] == second[:]).all()
    assert len({image.tobytes() for image in first[:].numpy()}) == 4096
