"""Metric curves: the mean of the seeds, its band, gaps and dashes."""

import numpy as np
import pytest

from replearn.analysis.figures import metric_curves
from replearn.errors import InputError


def test_a_curve_of_seeds_is_their_mean_in_its_band(artists):
    # Means 2 and 4; s = 1 and 2; half widths 2.4841 s, as 4.30265 / sqrt(3).
    figure = metric_curves({"β = 8": ([0, 10], [[1, 2], [2, 4], [3, 6]])}, "val.loss", "nats")
    axes = figure.axes[0]
    (line,), (band,) = artists(figure, "mean"), artists(figure, "band")
    assert line.get_xdata().tolist() == [0, 10]
    assert line.get_ydata().tolist() == [2, 4]
    corners = {tuple(np.round(point, 3)) for point in band.get_paths()[0].vertices}
    assert corners == {(0, -0.484), (0, 4.484), (10, -0.968), (10, 8.968)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimiser step", "val.loss (nats)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["β = 8 (n = 3)"]


def test_below_three_seeds_there_are_the_seeds_and_no_band(artists):
    figure = metric_curves({"two": ([0, 1], [[1, 2], [3, 4]]), "one": ([0, 1], [5, 6])}, "m")
    assert artists(figure, "band") == []
    assert [line.get_ydata().tolist() for line in artists(figure, "seed")] == [[1, 2], [3, 4]]
    assert [line.get_ydata().tolist() for line in artists(figure, "mean")] == [[2, 3], [5, 6]]


def test_what_is_not_finite_is_a_gap(artists):
    figure = metric_curves({"a": ([0, 1, 2], [1.0, np.inf, 3.0])}, "m")
    (line,) = artists(figure, "mean")
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_curves_of_equal_colour_differ_in_their_dashes(artists):
    figure = metric_curves({str(i): ([0, 1], [i, i]) for i in range(20)}, "m")
    looks = {(line.get_color(), line.get_linestyle()) for line in artists(figure, "mean")}
    assert len(looks) == 20


def test_a_logarithmic_axis_ends_with_the_lines_not_with_the_band():
    values = [[1.0, 10.0], [1.0, 10.0], [1.0, 1000.0]]
    axes = metric_curves({"a": ([0, 1], values)}, "m", log_values=True, log_steps=True).axes[0]
    assert axes.get_ylim()[0] == pytest.approx(0.7)
    assert axes.get_yscale() == "log"


def test_bad_curves_are_refused():
    with pytest.raises(InputError, match="at least one curve"):
        metric_curves({}, "m")
    with pytest.raises(InputError, match=r"'a' has steps \(2,\) and values \(1, 3\)"):
        metric_curves({"a": ([0, 1], [1, 2, 3])}, "m")


def test_the_axis_of_values_shows_at_least_what_is_asked_for():
    low, high = metric_curves({"a": ([0, 1], [0.4, 0.6])}, "m", limits=(0, 1)).axes[0].get_ylim()
    assert low == 0 and 1 < high <= 1.05  # a line at 1 is below the frame
    low, high = metric_curves({"a": ([0, 1], [-2, 3])}, "m", limits=(0, 1)).axes[0].get_ylim()
    assert low <= -2 and high >= 3


def test_few_steps_are_named_by_plain_numbers(labels):
    def ticks(steps, log_steps):
        figure = metric_curves({"a": (steps, np.ones(len(steps)))}, log_steps=log_steps)
        axis = figure.axes[0].xaxis
        assert log_steps == (figure.axes[0].get_xscale() == "symlog")
        return axis.get_majorticklocs().tolist(), labels(axis)

    few = [0, 1, 2, 5, 6]
    assert ticks(few, True) == ticks(few, False) == (few, ["0", "1", "2", "5", "6"])
    # Labels that would touch are left out, the ends and the ticks stay.
    crowded = [0, 10_000, 10_001, 10_002, 11_000]
    assert ticks(crowded, True) == (crowded, ["0", "", "", "", "11,000"])
    places, names = ticks(np.geomspace(1, 1000, 9), True)
    assert {1, 10, 100, 1000} <= set(places) and "10" in names[2]
