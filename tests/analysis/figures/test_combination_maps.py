"""Maps of errors: one scale for all, values in their cells, a frame around what was excluded."""

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from replearn.analysis.figures.combination_maps import combination_maps
from replearn.errors import InputError

SHAPE, POSITION = ("shape", ["square", "heart"]), ("posX", ["0", "0.5", "1"])
EXCLUDED = [[False, True, True], [False, False, False]]
ONE, TWO = np.array([[1.0, 200, 300], [2, 3, 4]]), np.array([[1.0, np.nan, 2], [2, 3, 4]])


def draw(*errors, excluded=EXCLUDED):
    titles = [f"model {i}" for i in range(len(errors))]
    return combination_maps(errors, titles, excluded, SHAPE, POSITION, "error (nats)")


def test_cells_have_their_values_on_one_scale_and_excluded_ones_a_frame():
    figure = draw(ONE, TWO)
    first, second = figure.axes[:2]
    mesh, other = first.collections[0], second.collections[0]
    np.testing.assert_array_equal(mesh.get_array(), ONE)
    assert mesh.norm is other.norm and isinstance(mesh.norm, LogNorm)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1, 300)
    frame = np.concatenate([line.get_xydata() for line in first.get_lines()])
    # Columns 1 and 2 of the first row.
    assert frame.min(0).tolist() == [1, 0] and frame.max(0).tolist() == [3, 1]
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["Colour: error (nats). Framed: excluded from training. Grey: no images."]


def test_values_that_differ_little_or_reach_0_have_a_linear_scale():
    for errors in (TWO, ONE - 1):
        norm = draw(errors).axes[0].collections[0].norm
        assert not isinstance(norm, LogNorm) and norm.vmin == 0


@pytest.mark.parametrize(
    "errors, excluded, sentence",
    [
        ([ONE[:1]], EXCLUDED, r"maps of 2 x 3 values need .* got \[\(1, 3\)\]"),
        ([ONE], [[True]], r"a mask of that shape and a title each, got .* \(1, 1\) and 1 titles"),
        ([], EXCLUDED, "got .* and 0 titles"),
        ([ONE * np.nan], EXCLUDED, "no combination has an error"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(errors, excluded, sentence):
    with pytest.raises(InputError, match=sentence):
        draw(*errors, excluded=excluded)
