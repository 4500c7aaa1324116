"""Hinton diagrams: areas, signs, dead latents and names are what they say."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from replearn.analysis.figures import hinton, hinton_panel
from replearn.errors import InputError


def squares(axes):
    return {
        tuple(map(int, patch.get_gid().split(","))): patch
        for patch in axes.patches
        if "," in (patch.get_gid() or "")
    }


def test_areas_of_hinton_squares_are_proportional_to_importance(study):
    importance = np.random.default_rng(0).normal(size=(10, 5))
    found = squares(hinton(importance, study.factors).axes[0])
    area = np.array([[found[d, k].get_width() * found[d, k].get_height() for k in range(5)]
                     for d in range(10)])  # fmt: skip
    assert area / area.max() == pytest.approx(np.abs(importance) / np.abs(importance).max())
    assert 0.7 < area.max() < 1, "the largest nearly fills its cell"
    for (d, k), square in found.items():
        assert square.get_width() == square.get_height()
        assert square.get_center() == pytest.approx((k, d))
        assert (to_hex(square.get_facecolor()) == "#ffffff") == (importance[d, k] < 0)


def test_cells_of_a_hinton_diagram_are_square_and_named(labels):
    figure = hinton(np.ones((4, 2)), ["a_b", "$c"], title="t")
    axes = figure.axes[0]
    box = axes.get_window_extent()
    assert box.width / 2 == pytest.approx(box.height / 4)
    assert (labels(axes.xaxis), labels(axes.yaxis)) == (["a_b", "$c"], ["z₀", "z₁", "z₂", "z₃"])
    assert axes.get_title() == "t"
    assert axes.yaxis.get_inverted()


def test_dead_latents_have_a_pale_row(artists):
    figure = hinton(np.ones((3, 2)), ["a", "b"], dead=[False, True, False])
    (row,) = artists(figure, "dead")
    assert (row.get_y(), row.get_height()) == (0.5, 1.0)
    assert "dead latent" in artists(figure, "scale")[0].get_text()
    assert "dead" not in artists(hinton(np.ones((3, 2)), ["a", "b"]), "scale")[0].get_text()


def test_of_many_latents_the_dead_are_a_line_of_text(labels, artists):
    importance, dead = np.ones((50, 3)), np.arange(50) >= 18
    importance[[2, 5]] = 0.1
    figure = hinton(importance, list("abc"), dead=dead)
    alive = [i for i in range(18) if i not in (2, 5)]
    digits = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
    shown = [label.translate(digits) for label in labels(figure.axes[0].yaxis)]
    assert shown == [f"z{i}" for i in alive] and len(squares(figure.axes[0])) == 16 * 3
    said = artists(figure, "scale")[0].get_text()
    assert "32 dead\nlatents not shown" in said and "2 less important\nlatents not" in said
    assert "pale row" not in said and not artists(figure, "dead")


def test_a_panel_says_how_many_dead_latents_its_diagrams_lack(labels, artists):
    masks = [np.arange(50) >= 4, np.arange(50) >= 6, np.ones(50, bool)]
    figure = hinton_panel([np.ones((50, 2))] * 3, list("abc"), ["a", "b"], dead=masks)
    assert [len(labels(axes.yaxis)) for axes in figure.axes] == [4, 6, 16]
    said = artists(figure, "scale")[0].get_text()
    assert "34 to 46 dead\nlatents not shown" in said and "pale row" in said
    assert "less important" not in said


def test_a_panel_of_hinton_diagrams_has_one_scale_and_hangs_from_the_top(artists):
    small, large = np.full((2, 2), 0.25), np.full((4, 2), 1.0)
    figure = hinton_panel([small, large, small], ["s", "l", "t"], ["a", "b"])
    first, second, third = figure.axes
    ratio = squares(first)[0, 0].get_width() / squares(second)[0, 0].get_width()
    assert ratio == pytest.approx(0.5)
    assert first.get_window_extent().y1 == pytest.approx(second.get_window_extent().y1)
    assert [axes.get_title() for axes in figure.axes] == ["s", "l", "t"]
    assert "1" in artists(figure, "scale")[0].get_text()


def test_six_models_stand_in_two_lines_of_three(study):
    figure = hinton_panel(np.ones((6, 10, 5)), list("abcdef"), study.factors)
    tops = [round(axes.get_window_extent().y1) for axes in figure.axes]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4] == tops[5]


def test_titles_wider_than_a_diagram_do_not_touch():
    titles = ["a\nb", "lie_group_vae, interpolated\nseed 0", "cascade_vae, interpolated", "d"]
    figure = hinton_panel(np.ones((4, 3, 1)), titles, ["x"], columns=2)
    assert [axes.get_title() for axes in figure.axes] == titles
    figure.draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert boxes[1].x1 <= figure.bbox.x1
    assert boxes[2].y1 < figure.axes[0].get_window_extent().y0


def test_importance_of_nothing_is_drawn_without_squares():
    assert {s.get_width() for s in squares(hinton(np.zeros((2, 2)), "ab").axes[0]).values()} == {0}


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: hinton(np.ones((3, 2)), ["a"]), "1 named factors, not"),
        (lambda: hinton([[np.nan]], ["a"]), "NaN or infinite"),
        (lambda: hinton(np.ones((3, 1)), ["a"], ["x"]), "3 latents need as many labels"),
        (lambda: hinton(np.ones((3, 1)), ["a"], dead=[True]), "entries of the dead mask"),
        (lambda: hinton([[2.0]], ["a"], largest=1), "largest importance is 2, above the scale's 1"),
        (lambda: hinton_panel([], [], ["a"]), "0 matrices need as many titles"),
        (lambda: hinton_panel([[[1.0]]], ["a", "b"], ["a"]), "1 matrices need as many titles"),
    ],
)
def test_bad_importance_is_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()
