"""The map of errors over combinations, and the frame around the excluded ones."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from replearn.analysis.figures.excluded_combinations import excluded_combinations
from replearn.errors import InputError

SHAPES = ("shape", ["square", "ellipse", "heart"])
PLACES = ("posX", [f"{x:.2g}" for x in np.linspace(0, 1, 4)])
MEASURE = "NLL above the entropy (nats per image)"


@pytest.fixture
def errors():
    return np.arange(12.0).reshape(3, 4) + 1


@pytest.fixture
def excluded():
    mask = np.zeros((3, 4), bool)
    mask[0, 2:] = True
    return mask


def test_each_combination_has_its_colour_and_the_excluded_are_framed(errors, excluded, artists):
    errors[2, 0] = np.nan
    figure = excluded_combinations(errors, excluded, SHAPES, PLACES, MEASURE)
    axes = figure.axes[0]
    drawn = axes.collections[0].get_array()
    assert drawn.filled(np.nan).reshape(3, 4) == pytest.approx(errors, nan_ok=True)
    # The outline of two cells side by side: two steps across above and below, one at each side.
    lines = {tuple(map(tuple, line.get_xydata().tolist())) for line in artists(figure, "frame")}
    assert lines == {
        ((2, 0), (3, 0)), ((3, 0), (4, 0)), ((2, 1), (3, 1)), ((3, 1), (4, 1)),
        ((2, 0), (2, 1)), ((4, 0), (4, 1)),
    }  # fmt: skip


def test_factors_their_values_and_the_measure_are_named(errors, excluded, texts, labels):
    figure = excluded_combinations(errors, excluded, SHAPES, PLACES, MEASURE)
    axes = figure.axes[0]
    assert (axes.get_ylabel(), labels(axes.yaxis)) == SHAPES
    assert (axes.get_xlabel(), labels(axes.xaxis)) == PLACES
    words = [text.get_text() for text in texts(figure)]
    assert MEASURE in words and "excluded from training" in words and "no image" not in words


def test_examples_stand_below_the_map_and_nothing_overlaps(errors, excluded):
    images = np.zeros((5, 1, 8, 8))
    figure = excluded_combinations(
        errors, excluded, SHAPES, PLACES, MEASURE,
        {"image": images, "reconstruction": images}, [f"square\n{i}" for i in range(5)],
    )  # fmt: skip
    figure.draw_without_rendering()
    boxes = {len(axes.get_images()): axes.get_tightbbox() for axes in figure.axes[:2]}
    assert boxes[1].y1 < boxes[0].y0
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "image", "reconstruction",
    ]  # fmt: skip


def test_errors_that_differ_widely_have_a_scale_of_factors(errors, excluded):
    near = excluded_combinations(errors[1:], excluded[1:], (SHAPES[0], SHAPES[1][1:]), PLACES, "")
    assert not isinstance(near.axes[0].collections[0].norm, LogNorm)
    wide = excluded_combinations(errors, excluded, SHAPES, PLACES, "")
    assert isinstance(wide.axes[0].collections[0].norm, LogNorm)


def test_one_factor_is_one_row(excluded):
    mask = excluded[:1]
    figure = excluded_combinations(np.ones((1, 4)), mask, ("", [""]), PLACES, MEASURE)
    assert figure.axes[0].get_ylabel() == ""


def test_what_does_not_fit_is_refused(errors, excluded):
    with pytest.raises(InputError, match=r"a map of 3 x 4 values needs errors .* not \(2, 4\)"):
        excluded_combinations(errors[:2], excluded, SHAPES, PLACES, MEASURE)
    with pytest.raises(InputError, match="no combination has an error"):
        excluded_combinations(errors * np.nan, excluded, SHAPES, PLACES, MEASURE)
