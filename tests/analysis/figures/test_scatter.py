"""Points: their places, colours, markers, tracks, and the legends that tell them apart."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from replearn.analysis.figures import scatter
from replearn.analysis.figures.scatter import category_colours, in_order
from replearn.analysis.figures.style import COLOURS
from replearn.errors import InputError

POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 2.0]])


def test_points_are_where_they_are_in_their_colours_and_markers(artists):
    figure = scatter(POINTS, ["a", "b", "a", "b"], [10, 0, 10, 0])
    (first,), (second,) = artists(figure, "points 0"), artists(figure, "points 10")
    assert first.get_offsets().tolist() == [[1, 0], [3, 2]]
    assert second.get_offsets().tolist() == [[0, 0], [0, 2]]
    assert {to_hex(c) for c in first.get_facecolors()} == {COLOURS[1].lower()}
    assert {to_hex(c) for c in second.get_facecolors()} == {COLOURS[0].lower()}
    shapes = [each.get_paths()[0].vertices.shape for each in (first, second)]
    assert shapes[0] != shapes[1], "a circle and a square"
    axes = figure.axes[0]
    assert axes.get_aspect() == 1 and axes.get_adjustable() == "datalim"


def test_legends_stand_beside_the_points_and_name_all_kinds(texts):
    figure = scatter(POINTS, [1, 2, 4, 8], [0, 10, 20, 30], "beta", "optimiser step", ("x", "y"))
    legends = figure.findobj(Legend)
    assert [legend.get_title().get_text() for legend in legends] == ["beta", "optimiser step"]
    assert [[t.get_text() for t in each.get_texts()] for each in legends] == [
        ["1", "2", "4", "8"], ["0", "10", "20", "30"],
    ]  # fmt: skip
    figure.draw_without_rendering()
    boxes = [figure.axes[0].get_window_extent(), *(each.get_window_extent() for each in legends)]
    for left, right in zip(boxes, boxes[1:], strict=False):
        assert left.x1 <= right.x0
    assert boxes[-1].x1 <= figure.bbox.x1, "nothing is cut off"
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x", "y")


def test_what_all_have_in_common_needs_no_legend():
    assert scatter(POINTS, ["a"] * 4).findobj(Legend) == []


def test_tracks_connect_points_in_their_order(artists):
    (track,) = artists(scatter(POINTS, ["a"] * 4, tracks=[[2, 0, 3]]), "track")
    assert track.get_xydata().tolist() == [[0, 2], [0, 0], [3, 2]]


def test_axes_without_a_meaning_have_no_numbers():
    assert list(scatter(POINTS, ["a"] * 4, scale=False).axes[0].get_xticks()) == []


def test_numbers_have_ordered_colours_and_words_distinct_ones():
    words = category_colours(["c", "a", "b", "c"])
    assert list(words) == ["c", "a", "b"] and list(words.values()) == list(COLOURS[:3])
    numbers = category_colours([8, 1, 4])
    assert list(numbers) == [1, 4, 8] == in_order([8, 1, 4])
    light = [float(np.dot((0.2126, 0.7152, 0.0722), c[:3])) for c in numbers.values()]
    assert light == sorted(light) and light[-1] - light[0] > 0.3
    many = category_colours([f"seed {i}" for i in range(30)])
    assert len({tuple(colour) for colour in many.values()}) == 30


def test_what_cannot_be_told_apart_is_refused():
    eleven = np.arange(22.0).reshape(11, 2)
    with pytest.raises(InputError, match="10 kinds of markers can be told apart, got 11 of step"):
        scatter(eleven, ["a"] * 11, list(range(11)), marker_title="step")
    with pytest.raises(InputError, match=r"3 colours and 3 markers.*not of \(4, 2\)"):
        scatter(POINTS, ["a"] * 3)
