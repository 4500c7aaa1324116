"""Heat maps of layers by layers: which pairs they are of, and what their sides are called."""

import numpy as np
import pytest
from known_pairs import GOOD, LAYERS, RUNS, SOURCES, Drawn, compared

from replearn.errors import InputError
from replearn.study.comparison import Source
from replearn.study.visualisation import Picture, side_words
from replearn.study.visualisation_maps import LayerMap, draw_heatmaps, layer_maps, map_titles


@pytest.fixture
def drawn():
    return Drawn()


def test_a_map_is_the_mean_over_pairs_of_different_runs():
    rows = [s for s in SOURCES if s.step == 10]
    columns = [s for s in SOURCES if s.step == 100]
    (one,) = layer_maps(compared(), "cka_linear", rows, columns)
    assert (one.row, one.column, one.pairs, one.runs) == ("step 10", "step 100", 10, 4)
    # The mean run is 2.5; of 12 ordered pairs of two, runs 1 and 4 began with the same weights.
    assert one.mean[0] == pytest.approx([0.35, 0.351, 0.352])
    (same,) = layer_maps(compared(), "cka_linear", rows, columns, "same")
    assert same.pairs == 4 and same.mean[0] == pytest.approx([0.35, 0.351, 0.352])
    (start,) = layer_maps(compared(), "cka_linear", rows, columns, "start")
    assert start.pairs == 2 and start.mean[0] == pytest.approx([0.35, 0.351, 0.352])


def test_there_is_a_map_for_each_step_or_group_of_the_rows():
    last = [s for s in SOURCES if s.step == 100]
    maps = layer_maps(compared(), "cka_linear", SOURCES, last)
    assert [one.row for one in maps] == ["step 0", "step 10", "step 100"]
    assert [one.mean[0, 0] for one in maps] == pytest.approx([0.25, 0.35, 0.45])
    between = layer_maps(compared(), "cka_linear", last, last, each="group")
    # Both sides are the same, so two groups are compared once; β = 4 has no second seed.
    assert [(m.row, m.column, m.pairs) for m in between] == [
        ("beta=1", "beta=1", 6), ("beta=1", "beta=4", 2),
    ]  # fmt: skip
    assert between[1].mean[0, 0] == pytest.approx(0.4 + (2 + 3) / 2 / 100 + 0.04)


def test_maps_that_cannot_be_drawn_are_refused():
    with pytest.raises(InputError, match="no pair of networks that began with different.*same"):
        layer_maps(compared(), "cka_linear", SOURCES[:1], SOURCES[:3])
    steps = [Source(RUNS[0], step) for step in range(9)]
    with pytest.raises(InputError, match="a page shows 36 maps, and there would be 45"):
        layer_maps(compared(), "cka_linear", steps, steps, "same")


@pytest.mark.slow
def test_heat_maps_say_what_they_are_of(drawn):
    last = [s for s in SOURCES if s.step == 100]
    numbers = draw_heatmaps(drawn, compared(), SOURCES, last, "different", "step", "value")
    axes = drawn.figures["heatmap_cka_linear"].axes
    assert [" ".join(a.get_title().split()) for a in axes[:3]] == [
        "step 0 (n = 10)", "step 10 (n = 10)", "step 100 (n = 10)",
    ]  # fmt: skip
    assert axes[0].get_xlabel().replace("\n", " ") == "layer, step 100"
    assert axes[0].collections[0].get_clim() == (0, 1)
    assert drawn.saved["heatmap_cka_linear"]["mean"].shape == (3, 3, 3)
    assert numbers["cka_linear_same_layer"] == pytest.approx(0.35)
    draw_heatmaps(drawn, compared(), SOURCES, last, "different", "step", "excess")
    low, high = drawn.figures["heatmap_cka_linear_excess"].axes[0].collections[0].get_clim()
    assert low == -high == pytest.approx(-0.4)


@pytest.mark.parametrize(
    ("kinds", "sides", "pairs", "expected"),
    [
        (
            [("step 0", "step 6")], ("", ""), "different",
            (["(n = 2)"], "layer, step 0", "layer, step 6"),
        ),
        (
            [("step 6", "step 6")], ("loss=a", "loss=b"), "start",
            (["step 6 (n = 2)"], "layer, loss=a", "layer, loss=b, same start"),
        ),
        (
            [("loss=a, beta=4", "loss=b")], ("loss=a", "loss=b"), "same",
            (["(n = 2)"], "layer, loss=a, beta=4", "layer, loss=b, same run"),
        ),
        (
            [("a", "b")], ("loss=a", ""), "different",
            (["(n = 2)"], "layer, loss=a", "layer, b"),
        ),
        (
            [("step 0", "step 0"), ("step 0", "step 6")], ("", ""), "different",
            (["step 0 (n = 2)", "step 6 (n = 2)"], "layer, step 0", "layer"),
        ),
        (
            [("a", "a"), ("a", "b"), ("b", "b")], ("", ""), "different",
            (["a (n = 2)", "a × b (n = 2)", "b (n = 2)"], "layer", "layer of the second"),
        ),
    ],
)  # fmt: skip
def test_both_sides_of_a_map_have_a_name(kinds, sides, pairs, expected):
    maps = [LayerMap(*kind, np.eye(3), 2, 2) for kind in kinds]
    titles, down, across = map_titles(maps, sides, pairs)
    assert (
        [title.replace("\N{NO-BREAK SPACE}", " ") for title in titles],
        down,
        across,
    ) == expected


def test_sides_are_called_by_what_their_runs_are_chosen_by():
    rows = {"training": {"loss": {"name": "beta_vae"}}, "step": 0}
    columns = {"training.loss.name": "dip_vae_ii", "seed": [0, 1]}
    assert side_words(rows, columns) == ("loss=beta_vae", "loss=dip_vae_ii, seed=0 or 1")
    assert side_words({}, {"step": "last"}) == ("", "")


@pytest.mark.slow
def test_pairs_that_were_not_asked_for_are_said(drawn, capsys):
    config = {**GOOD, "each": "step"}
    same = [SOURCES[2]]
    said = "no pair of networks that began with different weights: the maps are of pairs=same"
    for pairs, count in ((None, 1), ("same", 0)):
        picture = Picture({**config, "pairs": pairs}, RUNS[:1], LAYERS, [same], same, same, "same")
        drawn.csv = lambda name, tables: None
        picture.draw(drawn, compared())
        assert capsys.readouterr().out.count(said) == count
        axes = drawn.figures["heatmap_cka_linear"].axes[0]
        assert " ".join(axes.get_xlabel().split()) == "layer, same run"
