"""Two curves a group: means, bands, gaps, names or numbers along the axis."""

import numpy as np
import pytest

from replearn.analysis.figures.paired import paired_curves
from replearn.errors import InputError

LAYERS = ["encoder.0", "mean"]


def draw(solid, dashed=None, positions=LAYERS):
    return paired_curves(solid, dashed or {}, positions, ("trained", "untrained"), "layer", "d")


def test_a_group_has_its_mean_and_band_in_one_colour(artists):
    # Means 2 and 4; s = 1 and 2; half widths 2.4841 s, as 4.30265 / sqrt(3).
    figure = draw({"β = 1": [[1, 2], [2, 4], [3, 6]], "β = 4": [[1, 1]]}, {"β = 1": [[0, 1]]})
    first, second, untrained = artists(figure, "mean")
    assert first.get_ydata().tolist() == [2, 4]
    corners = {
        tuple(np.round(point, 3))
        for band in artists(figure, "band")
        for point in band.get_paths()[0].vertices
    }
    assert corners == {(0, -0.484), (0, 4.484), (1, -0.968), (1, 8.968)}
    assert untrained.get_ydata().tolist() == [0, 1]
    assert (untrained.get_color(), untrained.get_linestyle()) == (first.get_color(), "--")
    assert second.get_color() != first.get_color()
    axes = figure.axes[0]
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == ["β = 1 (n = 3)", "β = 4 (n = 1)", "trained", "untrained"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == LAYERS
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("layer", "d")


def test_steps_are_on_a_logarithmic_axis_that_has_zero(artists):
    figure = draw({"a": [[1.0, np.nan, 3.0]]}, positions=[0, 10, 1_000_000])
    (line,) = artists(figure, "mean")
    assert line.get_xdata().tolist() == [0, 10, 1_000_000]
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]
    axes = figure.axes[0]
    assert axes.get_xscale() == "symlog" and axes.get_xlim()[0] == 0
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "1,000,000"]
    # No dashed lines: nothing to explain.
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a (n = 1)"]


def test_groups_beyond_the_colours_differ_in_their_markers(artists):
    lines = artists(draw({str(i): [[i, i]] for i in range(20)}), "mean")
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 20


def test_a_band_that_leaves_what_is_possible_does_not_stretch_the_axis(artists):
    values = {"a": [[0.0, 0.9], [0.5, 0.9], [1.0, 0.9]]}  # 0.5 ± 1.24
    figure = paired_curves(values, {}, LAYERS, ("", ""), "layer", "CKA", highest=1.0)
    assert figure.axes[0].get_ylim() == pytest.approx((0, 1.02))
    below = draw({"a": [[-0.1, 0.9]]}).axes[0].get_ylim()
    assert below[0] == pytest.approx(-0.1)
    nothing = draw({"a": [[np.nan, np.nan]]}).axes[0].get_ylim()
    assert nothing[0] == 0


def test_nothing_or_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="needs at least one group"):
        draw({})
    with pytest.raises(InputError, match=r"'a' have shape \(1, 3\): expected \(runs, 2\)"):
        draw({"a": [[1, 2, 3]]})
