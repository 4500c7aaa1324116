"""Dots: where they are, their intervals, rings, and the line of chance."""

import numpy as np
import pytest

from replearn.analysis.figures.dots import Dots, dot_panels
from replearn.errors import InputError

NAN = float("nan")


def test_each_row_has_its_dot_and_interval(artists, labels):
    panel = Dots("score↑", [0.5, 1.0, NAN], [0.25, NAN, NAN], [True, False, True], line=0.3)
    figure = dot_panels(["one", "two", "three"], [panel, Dots("other", [1, 2, 3], [0, 0, 0])])
    axes = figure.axes[0]
    assert labels(axes.yaxis) == ["one", "two", "three"] and axes.get_title() == "score↑"
    assert not any(labels(figure.axes[1].yaxis))
    filled, rings = axes.collections[1:3]
    assert filled.get_offsets().filled(NAN)[0].tolist() == [0.5, 0]
    assert rings.get_offsets().tolist() == [[1.0, 1]]
    assert rings.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    interval = artists(figure, "interval")[0].get_segments()[0]
    assert interval.tolist() == [[0.25, 0], [0.75, 0]]
    (line,) = artists(figure, "line")
    assert set(line.get_xdata()) == {0.3}
    bottom, top = axes.get_ylim()
    assert bottom > 2 and top < 0  # the first row is on top


def test_columns_show_the_whole_range_that_they_are_given(labels):
    values, none = [0.4, 0.5], [NAN, NAN]
    panels = [Dots(f"p{i}", values, none, limits=(-1, 1)) for i in range(6)]
    panels += [Dots("rate", values, none, limits=(0, 1)), Dots("free", [-0.44, -0.18], none)]
    figure = dot_panels(["a", "b"], panels)
    *signed, rate, free = figure.axes
    assert {axes.get_xlim() for axes in signed} == {(-1, 1)} and rate.get_xlim() == (0, 1)
    assert labels(signed[0].xaxis) == ["−1", "0", "1"] and labels(rate.xaxis) == ["0", "0.5", "1"]
    assert free.get_xlim()[0] > -0.6
    boxes = [
        label.get_window_extent()
        for axes in figure.axes
        for label in axes.get_xticklabels()
        if label.get_text()
    ]
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))


def test_nothing_leaves_the_figure(texts):
    rows = [f"a_measure_with_a_long_name_{i}" for i in range(24)]
    panels = [
        Dots(f"correlation with thing {i} ↑", np.linspace(-1, 1, 24), np.full(24, 0.1))
        for i in range(7)
    ]
    figure = dot_panels(rows, panels, "what it shows")
    width, height = figure.get_size_inches()
    assert width < 6.5
    box = figure.get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert "what it shows" in [text.get_text() for text in texts(figure)]


def test_what_cannot_be_drawn_is_one_sentence():
    with pytest.raises(InputError, match="at least one row and one panel, got none"):
        dot_panels([], [])
    with pytest.raises(InputError, match="the panel 'a' has 1 values and 2 intervals for 2 rows"):
        dot_panels(["x", "y"], [Dots("a", [1], [1, 2])])
