"""Errors under several conditions: dots stand at the values, on one scale for all panels."""

import numpy as np
import pytest

from replearn.analysis.figures.error_dots import error_dots
from replearn.errors import InputError

PANELS = {
    "dsprites r2e": {
        "training": ([10.0, 20.0], [1.0, np.nan]),
        "excluded": ([40.0, 80.0], [50.0, 2.0]),
    },
    "dsprites r2r": {"training": ([11.0, 21.0], [1.0, 1.0]), "excluded": ([400.0, np.nan],) * 2},
}


def drawn(axes, gid):
    return [each for each in axes.collections if each.get_gid() == gid]


def test_dots_and_intervals_stand_where_their_values_are():
    figure = error_dots(["a", "b"], PANELS, "error (nats)")
    first, second = figure.axes
    training, excluded = drawn(first, "values")
    np.testing.assert_array_equal(training.get_offsets()[:, 0], [10, 20])
    np.testing.assert_array_equal(excluded.get_offsets()[:, 0], [40, 80])
    # Excluded ones below those of training, in the row of their model.
    assert (excluded.get_offsets()[:, 1] > training.get_offsets()[:, 1]).all()
    np.testing.assert_array_equal(np.rint(excluded.get_offsets()[:, 1]), [0, 1])
    low, high = drawn(first, "interval")[0].get_segments()[0][:, 0]
    assert (low, high) == (9, 11)
    assert first.get_xlim() == second.get_xlim() and first.get_xscale() == "log"
    # 40 ± 50 reaches below 0: to the frame.
    assert drawn(first, "interval")[1].get_segments()[0][0, 0] == first.get_xlim()[0] > 0
    assert [t.get_text() for t in first.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("low, high", [(-1.0, 30.0), (10.0, 30.0)])
def test_values_at_or_below_0_or_alike_have_a_linear_scale(low, high):
    panels = {"one": {"excluded": ([low, high], [np.nan, np.nan])}}
    (axes,) = error_dots(["a", "b"], panels, "gap (nats)").axes
    assert axes.get_xscale() == "linear" and axes.get_xlim()[0] < low


@pytest.mark.parametrize(
    "rows, panels, sentence",
    [
        ([], {}, "needs rows, and kinds of images among .* got 0 rows and no kind"),
        (["a"], {"c": {"tested": ([1.0], [0.0])}}, "got 1 rows and tested"),
        (["a"], {"c": {"excluded": ([1.0, 2.0], [0.0, 0.0])}}, "of 'c' have 2 values and 2 inter"),
        (["a"], {"c": {"excluded": ([np.nan], [np.nan])}}, "at least one finite value, got none"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(rows, panels, sentence):
    with pytest.raises(InputError, match=sentence):
        error_dots(rows, panels, "error")
