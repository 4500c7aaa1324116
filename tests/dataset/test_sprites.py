"""The dSprites twin against the published frames and against areas in closed form."""

from pathlib import Path

import numpy as np
import pytest

from replearn.dataset.sprites import CENTRES, SCALES, sprite

GOLDEN = Path(__file__).parents[1] / "golden" / "dsprites_frames.npz"
SQUARE, ELLIPSE, HEART = range(3)


def masks(shape, scale, orientation, x=CENTRES, y=CENTRES):
    """Return the images of one sprite as (len(x), len(y), 64 rows, 64 columns) of 0 and 1."""
    bits = sprite(shape, scale, orientation, x, y)
    return np.unpackbits(bits, axis=-1).reshape(*bits.shape[:2], 64, 64)


def test_twin_repeats_the_published_frames():
    golden = np.load(GOLDEN)
    wrong = []
    for frame, (shape, scale, orientation, x, y) in zip(
        golden["frames"], golden["latents"], strict=True
    ):
        drawn = sprite(shape - 1, scale, orientation, CENTRES[[x]], CENTRES[[y]])[0, 0]
        wrong.append(np.unpackbits(drawn ^ frame).sum())
    assert len(wrong) == 320
    assert np.count_nonzero(wrong) <= 320 - 316
    assert sum(wrong) <= 8
    assert np.unpackbits(golden["frames"]).sum() == 77_010


# At centre 16 the half side 9.598 s reaches pixels 6 … 25 for s = 1 and 11 … 20 for s = 1/2.
@pytest.mark.parametrize(("scale", "first", "last"), [(5, 6, 25), (0, 11, 20)])
def test_upright_square_covers_the_pixels_counted_by_hand(scale, first, last):
    expected = np.zeros((64, 64), int)
    expected[first : last + 1, first : last + 1] = 1
    np.testing.assert_array_equal(masks(SQUARE, scale, 0)[0, 0], expected)
    shifted = np.roll(expected, (32, 32), axis=(0, 1))  # 31 steps of 32/31 pixels
    np.testing.assert_array_equal(masks(SQUARE, scale, 0)[31, 31], shifted)


# The 54-gon in the ellipse; the heart (16 sin³t, 13 cos t - 5 cos 2t - …) has area 180 pi.
AREAS = {
    SQUARE: (2 * 9.598) ** 2,
    ELLIPSE: 27 * np.sin(2 * np.pi / 54) * 12.77 * 7.23,
    HEART: 180 * np.pi * 0.5997 * 0.66225,
}


@pytest.mark.parametrize("orientation", [0, 7])
@pytest.mark.parametrize("scale", [0, 5])
@pytest.mark.parametrize("shape", AREAS)
def test_mean_count_of_pixels_is_the_area(shape, scale, orientation):
    # Over all sub-pixel phases the grid of pixel centres samples the shape evenly.
    phases = 16 + np.arange(31) / 31
    count = masks(shape, scale, orientation, phases, phases).sum(axis=(2, 3)).mean()
    assert count == pytest.approx(AREAS[shape] * SCALES[scale] ** 2, rel=0.005)


@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART])
def test_last_orientation_is_the_first_again(shape):
    np.testing.assert_array_equal(sprite(shape, 2, 0), sprite(shape, 2, 39))
    assert (sprite(shape, 2, 0) != sprite(shape, 2, 1)).any()


def test_ellipse_turns_counter_clockwise_on_the_screen():
    image = masks(ELLIPSE, 5, 5, np.array([32.0]), np.array([32.0]))[0, 0]
    rows, columns = np.nonzero(image)
    _, axes = np.linalg.eigh(np.cov(columns, -rows))  # the screen's rows count downwards
    angle = np.degrees(np.arctan2(*axes[::-1, -1])) % 180
    assert angle == pytest.approx(360 * 5 / 39, abs=2)


def test_first_position_moves_right_and_the_second_down():
    image = masks(SQUARE, 0, 0)
    rows, columns = np.nonzero(image[20, 3])
    assert columns.mean() + 0.5 == pytest.approx(16 + 32 * 20 / 31, abs=0.5)
    assert rows.mean() + 0.5 == pytest.approx(16 + 32 * 3 / 31, abs=0.5)
