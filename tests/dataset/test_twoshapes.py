"""TwoShapes: pixels against matplotlib's polygons, areas in closed form, and who hides whom."""

import numpy as np
import pytest
from matplotlib.colors import hsv_to_rgb
from matplotlib.path import Path

from replearn.dataset import load
from replearn.dataset.twoshapes import FACTORS, HUES, PLACES, SHAPES

SQUARE, CIRCLE, TRIANGLE = range(3)
AREA = 12.8**2  # pixels: a polygon of area 1 at a fifth of the frame


@pytest.fixture(scope="module")
def twoshapes():
    return load("twoshapes")


def corners(shape):
    """Regular polygons of area 1, from their circumradius: 1/sqrt(2), …, 2/sqrt(3 sqrt 3)."""
    n, turn, radius = {
        "square": (4, 45, np.sqrt(1 / 2)),
        "circle": (30, 0, np.sqrt(1 / (15 * np.sin(np.deg2rad(12))))),
        "triangle": (3, 90, 2 / np.sqrt(3 * np.sqrt(3))),
    }[shape]
    angles = np.deg2rad(turn + 360 / n * np.arange(n))
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def painted(factors):
    """The image (3, 64, 64) in 0 … 255 from 8 x 8 samples a pixel: the first object, then over it
    the second, as Spriteworld paints."""
    samples = (np.arange(512) + 0.5) / 8
    points = np.stack(np.meshgrid(samples, 64 - samples), axis=-1).reshape(-1, 2)  # y points up
    canvas = np.zeros((512 * 512, 3))
    for px, py, shape, hue in np.reshape(factors, (2, 4)):
        place = 64 * (np.array([PLACES[px], PLACES[py]]) + 0.2 * corners(SHAPES[shape]))
        canvas[Path(place).contains_points(points)] = np.rint(255 * hsv_to_rgb((HUES[hue], 1, 1)))
    return canvas.reshape(64, 8, 64, 8, 3).mean(axis=(1, 3)).transpose(2, 0, 1)


FAR = [(0, 0, SQUARE, 0, 4, 4, TRIANGLE, 2), (1, 4, CIRCLE, 4, 3, 0, SQUARE, 1)]
NEAR = [(1, 1, SQUARE, 0, 2, 2, CIRCLE, 3), (2, 2, TRIANGLE, 1, 2, 1, SQUARE, 4)]
SAME = [(3, 3, CIRCLE, 1, 3, 3, SQUARE, 0), (0, 4, TRIANGLE, 3, 0, 4, TRIANGLE, 1)]


@pytest.mark.parametrize("factors", FAR + NEAR + SAME)
def test_pixels_are_those_of_a_painter_with_matplotlib(twoshapes, factors):
    drawn = twoshapes.images[int(FACTORS.index(factors))].numpy()
    wrong = np.abs(drawn - painted(factors))
    # A level of rounding, but where a sample lies on an edge.
    assert (wrong > 0.51).mean() < 0.001
    assert wrong.max() < 0.51 + 255 * 4 / 64


@pytest.mark.parametrize("shape", [SQUARE, CIRCLE, TRIANGLE])
def test_both_objects_have_their_area_and_place(twoshapes, shape):
    index = FACTORS.index([(1, 3, shape, 0, 4, 0, shape, 2)])
    red, green = hsv_to_rgb((HUES[0], 1, 1)), hsv_to_rgb((HUES[2], 1, 1))
    image = twoshapes.images[index][0].double().numpy().reshape(3, -1) / 255
    (first, second), *_ = np.linalg.lstsq(np.stack([red, green], axis=1), image, rcond=None)
    middle = np.indices((64, 64)).reshape(2, -1) + 0.5
    for covered, px, py in ((first, 1, 3), (second, 4, 0)):
        # A side of 102.4 samples takes 102 or 103 of them.
        assert covered.sum() == pytest.approx(AREA, rel=0.02)
        row, column = middle @ covered / covered.sum()
        assert column == pytest.approx(64 * PLACES[px], abs=0.05)
        assert row == pytest.approx(64 * (1 - PLACES[py]), abs=0.05)


def test_second_object_hides_the_first(twoshapes):
    # Squares of side 12.8 one place (9.6 pixels) apart overlap on 3.2 x 12.8 pixels.
    image = twoshapes.images[int(FACTORS.index((1, 2, SQUARE, 0, 2, 2, SQUARE, 1)))].double()
    assert image[2].max() == 0  # hues 0 and 1/5 are (255, 0, 0) and (204, 255, 0)
    assert image[1].sum() / 255 == pytest.approx(AREA, rel=0.02)
    visible = (image[0].sum() - 204 / 255 * image[1].sum()) / 255
    assert visible == pytest.approx(AREA - 3.2 * 12.8, rel=0.02)
    # Equal shapes at one place: nothing of the first is seen, and its hue makes no difference.
    same = twoshapes.images[
        FACTORS.index([(2, 2, TRIANGLE, h, 2, 2, TRIANGLE, 3) for h in range(5)])
    ]
    assert (same == same[0]).all()


def test_grid_makes_the_published_conditions_meaningful(twoshapes):
    assert twoshapes.is_twin and twoshapes.is_grid
    assert len(twoshapes) == (5 * 5 * 3 * 5) ** 2 == 140_625
    assert "ours" in twoshapes.note
    values = np.stack(
        [v[c] for v, c in zip(FACTORS.values, twoshapes.factors.T, strict=True)], axis=1
    )
    apart = (np.abs(values[:, 0] - values[:, 4]) > 0.2) & (
        np.abs(values[:, 1] - values[:, 5]) > 0.2
    )
    # 12 of 25 pairs of places are two steps of 0.15 apart or more; one step is 0.15.
    assert apart.sum() == 12 * 12 * 15 * 15
    held_out = (twoshapes.factors[:, 3] < 2) & (twoshapes.factors[:, 7] > 2)
    assert held_out.sum() == 140_625 * 4 / 25
    # Two objects that far apart never touch: on each pixel one of them at most.
    index = np.flatnonzero(apart & (values[:, 3] == 0) & (values[:, 7] == 0.6))[::97]
    images = twoshapes.images[index].double()
    assert (images[:, 0] * images[:, 2]).max() == 0  # red, and (0, 102, 255)


def test_images_are_the_same_in_any_batch(twoshapes):
    order = np.random.default_rng(0).permutation(len(twoshapes))[:300]
    images = twoshapes.images[order]
    assert images.shape == (300, 3, 64, 64)
    assert (images[:: -3 % 300] == twoshapes.images[order[:: -3 % 300]]).all()
    assert (twoshapes.images[int(order[7])] == images[7]).all()
    assert (load("twoshapes").images[order] == images).all()
    assert len({image.tobytes() for image in images.numpy()}) > 295
