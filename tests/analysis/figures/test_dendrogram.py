"""Trees: branches as long as their dissimilarities, a name and a colour at each leaf."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from replearn.analysis.figures import dendrogram
from replearn.analysis.figures.style import COLOURS
from replearn.errors import InputError

TREE = np.array([[0, 2, 1.0, 2], [1, 3, 3.0, 3]])  # a and c join at 1, b comes in at 3


def test_branches_join_where_the_tree_says(artists, labels):
    figure = dendrogram(TREE, ["a", "b", "c"], axis_label="distance (radians)")
    axes = figure.axes[0]
    (branches,) = artists(figure, "branches")
    assert labels(axes.yaxis) == ["b", "a", "c"]
    assert axes.get_xlabel() == "distance (radians)"
    low, high = (np.asarray(s) for s in branches.get_segments())
    # Each is a bracket: out from one part, across, and back to the other.
    assert low.tolist() == [[0, 1], [1, 1], [1, 2], [0, 2]]
    assert high.tolist() == [[0, 0], [3, 0], [3, 1.5], [1, 1.5]]
    assert axes.get_xlim() == pytest.approx((3.06, 0)), "the root is at the left"
    assert axes.yaxis.get_inverted()


def test_names_have_the_colour_of_their_kind():
    figure = dendrogram(TREE, ["a", "b", "c"], ["x", "y", "x"], "layer")
    ticks = figure.axes[0].yaxis.get_ticklabels()
    shown = {tick.get_text(): to_hex(tick.get_color()).upper() for tick in ticks}
    assert shown == {"a": COLOURS[0], "b": COLOURS[1], "c": COLOURS[0]}
    (legend,) = figure.findobj(Legend)
    assert [text.get_text() for text in legend.get_texts()] == ["x", "y"]


def test_too_many_leaves_and_wrong_names_are_refused():
    with pytest.raises(InputError, match="a tree of 3 leaves needs as many names and colours, not"):
        dendrogram(TREE, ["a", "b"])
    line = np.array([[0, 1, 1, 2], *([i, 150 + i, i, 2 + i] for i in range(2, 152))], dtype=float)
    with pytest.raises(InputError, match="a page shows 150 leaves, and there would be 152"):
        dendrogram(line, [str(i) for i in range(152)])
