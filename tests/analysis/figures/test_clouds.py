"""Scatter plots in rows: points where their values are, shared axes, one legend."""

import numpy as np
import pytest

from replearn.analysis.figures.clouds import Cloud, cloud_grid
from replearn.errors import InputError

ONE = Cloud("r2e", [0.1, 0.9], [1.0, 4.0], ["vae", "wae"], note="n = 2")
TWO = Cloud("r2r", [0.3], [100.0], ["wae"], filled=[False])


def points(axes, name):
    found = [c for c in axes.collections if c.get_gid() == f"points {name}"]
    return [tuple(p) for c in found for p in c.get_offsets()]


def test_points_stand_where_their_values_are_and_columns_share_an_axis():
    figure = cloud_grid([[ONE, ONE], [TWO]], ["D", "C"], "gap", ("excluded", "held out"))
    first, _, below = figure.axes
    assert points(first, "vae") == [(0.1, 1)] and points(first, "wae") == [(0.9, 4)]
    assert points(below, "wae") == [(0.3, 100)] and points(below, "vae") == []
    assert first.get_xlim() == below.get_xlim() and first.get_ylim() != below.get_ylim()
    assert first.get_title() == "r2e\nn = 2"
    (legend,) = [a.get_legend() for a in figure.axes if a.get_legend()]
    assert [t.get_text() for t in legend.get_texts()] == ["vae", "wae", "excluded", "held out"]
    (ring,) = [c for c in below.collections if len(c.get_offsets())]
    np.testing.assert_array_equal(ring.get_facecolor()[0, :3], [1, 1, 1])


def test_equal_errors_lie_on_the_line_where_the_ranges_meet():
    """One tiny x of a model that draws nothing does not squeeze all y into a line."""
    near = Cloud("", [2.0, 8.0, 0.01], [4.0, 5.0, 6.0], ["a", "a", "b"])
    far = Cloud("", [2.0, 3.0], [40.0, 50.0], ["a", "a"])
    (axes,) = cloud_grid([[near]], ["encoder"], "decoder", log=True, diagonal=True).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlim() == pytest.approx((0.01 / 1.3, 8 * 1.3))
    assert axes.get_ylim() == pytest.approx((4 / 1.3, 6 * 1.3))
    (line,) = axes.get_lines()
    np.testing.assert_allclose(line.get_data(), [axes.get_ylim()] * 2)
    (apart,) = cloud_grid([[far]], ["encoder"], "decoder", log=True, diagonal=True).axes
    assert not apart.get_lines()


def test_scales_of_values_at_or_below_0_are_linear():
    figure = cloud_grid([[Cloud("", [0.0], [1.0], ["a"])]], ["x"], "y", log=True)
    assert figure.axes[0].get_xscale() == "linear" and figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize(
    "rows, titles, sentence",
    [
        ([], [], "needs a cloud, and a title for each column"),
        ([[ONE, TWO]], ["D"], "got 2 clouds and 1 titles"),
        ([[Cloud("r2e", [1.0], [], ["a"])]], ["D"], "'r2e' has 1 x, 0 y and 1 groups"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(rows, titles, sentence):
    with pytest.raises(InputError, match=sentence):
        cloud_grid(rows, titles, "y")
