"""Heat maps: cells, colours, ranges, groups and names are what they say."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from replearn.analysis.figures import heatmap_panel, similarity_heatmap
from replearn.errors import InputError


def mesh(axes):
    return axes.collections[0]


def test_a_heat_map_shows_its_matrix_with_names_and_range(texts, labels):
    matrix = np.array([[1.0, 0.25, 0.5], [0.0, 0.75, np.nan]])
    figure = similarity_heatmap(matrix, ["a_1", "b"], ["x", "$y", "z"], measure="CKA (linear)")
    axes, bar = figure.axes
    shown = mesh(axes).get_array()
    assert np.ma.getmaskarray(shown).tolist() == np.isnan(matrix).tolist()
    assert shown.compressed().tolist() == [1.0, 0.25, 0.5, 0.0, 0.75]
    assert mesh(axes).get_clim() == (0, 1)
    assert mesh(axes).get_cmap().name == "viridis"
    assert (labels(axes.yaxis), labels(axes.xaxis)) == (["a_1", "b"], ["x", "$y", "z"])
    assert axes.yaxis.get_inverted(), "the first row is at the top"
    assert bar.get_ylabel() == "CKA (linear)"
    assert any("no value" in text.get_text() for text in texts(figure))
    box = axes.get_window_extent()
    assert box.width / 3 == pytest.approx(box.height / 2), "cells are square"


def test_values_stand_in_large_cells_in_a_readable_colour(artists, study):
    figure = similarity_heatmap([[0.0, 1.0], [0.5, np.nan]], ["a", "b"])
    values = {text.get_text(): to_hex(text.get_color()) for text in artists(figure, "value")}
    # viridis runs from dark violet to light yellow.
    assert set(values) == {"0.00", "1.00", "0.50"}
    assert values["0.00"] == "#ffffff" != values["1.00"]
    assert artists(similarity_heatmap(np.eye(30), study.layers), "value") == []
    assert len(artists(similarity_heatmap(np.eye(30), study.layers, annotate=True), "value")) == 900


def test_values_that_round_to_zero_have_no_sign(artists):
    figure = similarity_heatmap([[-0.004, -0.006]], ["a"], ["x", "y"])
    assert [text.get_text() for text in artists(figure, "value")] == ["0.00", "-0.01"]


def test_colours_of_signed_values_diverge_from_a_pale_zero():
    figure = similarity_heatmap([[-0.5, 0.0], [0.25, 0.5]], ["a", "b"])
    colours = mesh(figure.axes[0])
    assert colours.get_clim() == (-0.5, 0.5)
    assert min(colours.to_rgba(0.0)[:3]) > 0.9
    orange, purple = colours.to_rgba(-0.5), colours.to_rgba(0.5)
    assert orange[0] > orange[2] and purple[2] > purple[0]


def test_a_range_that_is_not_symmetric_keeps_its_zero_pale_and_its_scale_even():
    figure = similarity_heatmap(np.eye(2), ["a", "b"], limits=(-0.25, 1.0))
    colours = mesh(figure.axes[0])
    assert colours.get_clim() == (-0.25, 1.0)
    assert min(colours.to_rgba(0.0)[:3]) > 0.9
    even = similarity_heatmap(np.eye(2), ["a", "b"], limits=(-1.0, 1.0)).axes[0]
    for value in (-0.2, 0.3, 0.9):
        assert colours.to_rgba(value) == pytest.approx(mesh(even).to_rgba(value), abs=0.03)


@pytest.mark.parametrize(
    ("low", "high", "extend"),
    [(0, 1, "neither"), (-0.1, 1, "min"), (0, 1.1, "max"), (-0.1, 1.1, "both")],
)
def test_values_outside_of_the_range_show_at_the_colour_bar(low, high, extend):
    figure = similarity_heatmap([[low, high]], ["a"], ["x", "y"], limits=(0, 1))
    assert figure.axes[1]._colorbar.extend == extend


def test_groups_are_separated_and_named(artists, texts):
    groups = [("encoder", 2), ("decoder", 3)]
    figure = similarity_heatmap(np.eye(5), list("abcde"), row_groups=groups, column_groups=groups)
    lines = artists(figure, "separator")
    assert [line.get_xdata()[0] for line in lines[:1]] == [2]
    assert [line.get_ydata()[0] for line in lines[1:]] == [2]
    names = [text.get_text() for text in texts(figure)]
    assert names.count("encoder") == names.count("decoder") == 2


def test_a_panel_of_heat_maps_shares_one_scale_and_one_colour_bar(study):
    matrices = [np.full((15, 15), 0.5), np.full((15, 15), 3.0)]
    figure = heatmap_panel(matrices, ["trained", "step 0"], study.layers[:15], measure="m")
    first, second, bar = figure.axes
    assert mesh(first).get_clim() == mesh(second).get_clim() == (0, 3)
    assert [first.get_title(), second.get_title(), bar.get_ylabel()] == ["trained", "step 0", "m"]
    assert mesh(first).to_rgba(3.0) == mesh(second).to_rgba(3.0)
    assert second.get_tightbbox().x0 > first.get_window_extent().x1, "row names stand once"


def test_names_that_differ_only_in_their_middle_are_never_shortened_to_one(labels, study):
    long = [f"encoder.convolution.{i}.with.a.very.long.name" for i in range(3)]
    axes = similarity_heatmap(np.eye(3), long).axes[0]
    assert labels(axes.yaxis) == long
    shown = labels(similarity_heatmap(np.eye(30), study.layers).axes[0].yaxis)
    assert len(set(shown)) == 30
    assert max(map(len, shown)) == 30
    assert shown[10].startswith("encoder.c…") and shown[10].endswith(".10.activation")


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: similarity_heatmap(np.eye(2), ["a"]), r"that shape, not \(2, 2\)"),
        (lambda: similarity_heatmap([[np.nan]], ["a"]), "at least one finite value"),
        (lambda: similarity_heatmap([[1]], ["a"], limits=(1, 0)), "from low to high, not 1 to 0"),
        (
            lambda: similarity_heatmap(np.eye(2), ["a", "b"], row_groups=[("g", 1)]),
            "groups of 1 entries do not cover the 2",
        ),
        (lambda: heatmap_panel([], [], ["a"]), "0 matrices need as many titles"),
    ],
)
def test_bad_matrices_are_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()


def test_long_titles_of_neighbours_do_not_meet():
    titles = ["loss=annealed_vae, beta=4 (n = 3)", "short", "loss=factor_vae, gamma=40 (n = 3)"]
    figure = heatmap_panel([np.eye(11)] * 3, titles, list("abcdefghijk"), column_title="layer " * 8)
    axes = figure.axes[:3]
    for place in (lambda a: a.title, lambda a: a.xaxis.label):
        boxes = [place(each).get_window_extent() for each in axes]
        assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
    assert [each.get_title().replace("\n", " ").strip() for each in axes] == titles


def test_titles_stay_within_maps_of_few_layers():
    number = "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}2)"
    words = "loss=beta_vae, beta=4", "training.loss.name=annealed_dip_vae_ii", "loss=tc_vae", "b"
    titles = [f"{each} {number}" for each in words]
    axes = heatmap_panel([np.eye(4)] * 4, titles, list("abcd")).axes[:4]
    boxes = [each.title.get_window_extent() for each in axes]
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
    assert all(each.get_title().count(number) == 1 for each in axes)
    # Only what is too long for a line is broken inside, after its marks.
    shown = [each.get_title().strip("\n").split("\n") for each in axes]
    assert ["".join(each) for each in shown[1:2]] == [titles[1].replace(" (", "(")]
    assert shown[0][0] == "loss=beta_vae,"
