"""Where latents are and were expected: ellipses, points, arrows."""

import numpy as np
import pytest

from replearn.analysis.figures.expected import expected_latents
from replearn.errors import InputError

CLOUD = np.random.default_rng(0).normal(size=(50, 2))
EXPECTED = np.repeat([[0.0, 1.0], [2.0, 0.0]], 10, axis=0)
GROUPS = np.repeat([[0, 3], [0, 4]], 10, axis=0)
COVARIANCE = np.diag([0.04, 0.25])


def test_each_combination_has_an_ellipse_and_an_arrow_to_its_mean(artists):
    actual = EXPECTED + [0.5, -0.5]
    figure = expected_latents(CLOUD, actual, EXPECTED, GROUPS, COVARIANCE, ("z₀", "z₃"))
    ellipses = artists(figure, "expected")
    assert [tuple(e.center) for e in ellipses] == [(0, 1), (2, 0)]
    for ellipse in ellipses:  # two standard deviations to each side: 4 · 0.2 and 4 · 0.5
        assert sorted([ellipse.width, ellipse.height]) == pytest.approx([0.8, 2.0])
        upright = abs(np.sin(np.radians(ellipse.angle)))
        assert upright == pytest.approx(0 if ellipse.width < ellipse.height else 1)
    arrows = [(arrow.xyann, tuple(arrow.xy)) for arrow in artists(figure, "arrow")]
    assert [tuple(start) for start, _ in arrows] == [(0, 1), (2, 0)]
    assert [end for _, end in arrows] == [(0.5, 0.5), (2.5, -0.5)]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("z₀", "z₃")


def test_images_without_an_expectation_are_left_out(artists, texts):
    expected = EXPECTED.copy()
    expected[:10] = np.nan
    figure = expected_latents(CLOUD, EXPECTED, expected, GROUPS, COVARIANCE)
    assert len(artists(figure, "expected")) == 1
    (points,) = artists(figure, "actual")
    assert len(points.get_offsets()) == 10
    assert any("1 excluded" in text.get_text() for text in texts(figure))
    with pytest.raises(InputError, match="no image has an expected latent"):
        expected_latents(CLOUD, EXPECTED, expected * np.nan, GROUPS, COVARIANCE)


def test_many_combinations_are_thinned_and_it_is_said(artists, texts):
    groups = np.arange(40)
    points = np.random.default_rng(1).normal(size=(40, 2))
    figure = expected_latents(CLOUD, points, points, groups, COVARIANCE)
    assert len(artists(figure, "expected")) == 8
    assert any("8 of 40 excluded" in text.get_text() for text in texts(figure))
    assert not artists(figure, "names")


def test_combinations_have_numbers_and_their_values_stand_beside(artists):
    # In another order than that of the groups, the first of which has no expectation.
    groups, places = np.arange(9)[::-1], np.column_stack([np.arange(9.0)[::-1], np.zeros(9)])
    names = [f"square, {g}" for g in groups]
    expected = np.where(groups[:, None] == 0, np.nan, places)
    figure = expected_latents(
        CLOUD, places, expected, groups, COVARIANCE, names=names, factors="shape, x"
    )
    numbers = artists(figure, "number")
    assert [number.get_text() for number in numbers] == list("12345678")
    # Above the top of its ellipse, two standard deviations of 0.5 from the centre.
    assert [number.xy for number in numbers] == [(g, 1.0) for g in range(1, 9)]
    (beside,) = artists(figure, "names")
    lines = [f"{g}   square, {g}" for g in range(1, 9)]
    assert beside.get_text().split("\n") == ["shape, x", *lines]
    assert beside.get_window_extent().x0 > figure.axes[0].get_window_extent().x1
    with pytest.raises(InputError, match="9 images need as many names, not 1"):
        expected_latents(CLOUD, places, expected, groups, COVARIANCE, names=["a"])


def test_points_have_to_be_in_the_plane():
    with pytest.raises(InputError, match="expected points in the plane"):
        expected_latents(CLOUD, EXPECTED, EXPECTED[:, :1], GROUPS, COVARIANCE)
