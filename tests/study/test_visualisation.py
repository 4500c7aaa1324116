"""What pictures are drawn from: blocks, means over pairs, curves, triangles, names of leaves."""

import numpy as np
import pandas
import pytest
from known_pairs import GOOD, LAYERS, SOURCES, STEPS, Drawn, artists, compared

from replearn.analysis.similarity import SimilarityResult
from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.compared import Compared, kind_title
from replearn.study.run_pairs import mean_of_known
from replearn.study.visualisation import check_picture, side
from replearn.study.visualisation_lines import curve, draw_layer_list, draw_layer_pair
from replearn.study.visualisation_points import (
    draw_dendrogram,
    draw_mds,
    draw_tsne,
    known_values,
    leaf_names,
    network_vectors,
    tracks,
)


@pytest.fixture
def drawn():
    return Drawn()


def test_a_block_is_of_two_networks():
    block = compared().block("cka_linear", SOURCES[0], SOURCES[4], ["mean"], ["z", "encoder.0"])
    assert block == pytest.approx(np.array([[0.131, 0.131]]))
    corrected = compared().block("cka_linear", SOURCES[0], SOURCES[4], ["mean"], ["z"], "corrected")
    assert corrected == pytest.approx(np.array([[(0.131 - 0.2) / 0.8]]))
    with pytest.raises(InputError, match="show=error is not known of cka_linear; show=value and"):
        compared().block("cka_linear", SOURCES[0], SOURCES[4], shown="error")


def test_excess_is_over_the_untrained_networks_of_the_same_runs():
    values = compared()
    both = values.block("cka_linear", SOURCES[1], SOURCES[5], shown="excess")  # steps 10, 100
    assert both == pytest.approx(np.full((3, 3), 0.1 + 0.2))
    within = values.block("cka_linear", SOURCES[1], SOURCES[2], shown="excess")  # one run
    assert within == pytest.approx(np.full((3, 3), 0.1)), "step 100 is on both sides"
    alone = values.block("cka_linear", SOURCES[2], SOURCES[2], shown="excess")
    assert alone == pytest.approx(np.full((3, 3), 0.4))


def test_networks_are_called_by_group_seed_and_parts_of_the_config():
    values = compared()
    assert [values.kind(s, "group") for s in SOURCES[::3]] == ["beta=1"] * 3 + ["beta=4"]
    kinds = ("seed", "step", "run", "beta", "model", "loss")
    assert [values.kind(SOURCES[10], name) for name in kinds] == ["0", 10, "4", 4, "vae", "–"]
    assert values.kind(SOURCES[0], "layer", "mean") == "mean"
    with pytest.raises(InputError, match="'btea' is a path of no run that is compared.*'beta'"):
        values.kind(SOURCES[0], "btea")
    assert kind_title("training.loss.params.beta") == "beta"


def test_a_table_names_groups_across_parts():
    parts = [([source], compared([source]).parts[0][1]) for source in SOURCES]
    table = pandas.concat(Compared(parts, LAYERS).tables(), ignore_index=True)
    assert len(table) == len(SOURCES) * 3
    assert (table["run_x"] == table["run_y"]).all() and (table["step_x"] == table["step_y"]).all()
    assert table.groupby("run_x")["group_x"].first().tolist() == ["beta=1"] * 3 + ["beta=4"]


def test_a_mean_is_over_what_is_known():
    stack = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(mean_of_known(stack), [2, 5, np.nan])


def test_a_curve_is_of_the_same_network_with_gaps_where_there_are_no_weights():
    some = [s for s in SOURCES if (s.run.id, s.step) != (2, 10)][:8]
    steps, values = curve(compared(some), "cka_linear", some, "encoder.0", "z", "value")
    assert steps == [0, 10, 100]
    expected = [[0.022, 0.222, 0.422], [0.042, np.nan, 0.442], [0.062, 0.262, 0.462]]
    np.testing.assert_allclose(values, expected)


@pytest.mark.slow
def test_lines_are_of_groups_or_of_layers(drawn):
    draw_layer_pair(drawn, compared(layers=["mean", "z"]), "mean", "z", "value")
    figure = drawn.figures["layer_pair_cka_linear"]
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["beta=1 (n = 3)", "beta=4"]
    assert figure.axes[0].get_xscale() == "symlog" and figure.axes[0].get_ylim()[1] == 1.02
    # Student's t of 0.021, 0.041, 0.061: 4.302653 * 0.02 / sqrt 3.
    half_width = drawn.saved["layer_pair_cka_linear"]["beta=1/half_width"]
    assert half_width == pytest.approx(np.full(3, 4.302653 * 0.02 / np.sqrt(3)))
    draw_layer_list(drawn, compared(), "encoder.0", ["mean", "z"], "value")
    assert {"layer_list_cka_linear_1", "layer_list_cka_linear_2"} < set(drawn.figures)
    lines = artists(drawn.figures["layer_list_cka_linear_1"], "mean")
    assert [line.get_ydata()[0] for line in lines] == pytest.approx([0.041, 0.042])


def test_the_vector_of_a_network_is_its_true_triangle():
    sources, vectors = network_vectors(compared(dead=[1]), "cka_linear")
    assert sources == SOURCES[1:], "the first has a layer without a value"
    assert vectors[0] == pytest.approx([0.221, 0.222, 0.221])  # (1, 0), (2, 0), (2, 1)
    with pytest.raises(InputError, match="no network has a value of cka_linear for each two"):
        network_vectors(compared(SOURCES[:1], dead=[0]), "cka_linear")


@pytest.mark.slow
def test_t_sne_has_a_point_for_each_network(drawn):
    numbers = draw_tsne(drawn, compared(dead=[1]), "beta", None, 0, None)
    figure = drawn.figures["tsne_cka_linear"]
    assert numbers == {"cka_linear_points": 11}
    assert [len(artists(figure, f"points {step}")[0].get_offsets()) for step in STEPS] == [3, 4, 4]
    assert "Without 1 networks" in drawn.texts["tsne_cka_linear"]
    assert drawn.saved["tsne_cka_linear"]["step"].tolist() == [s.step for s in SOURCES[1:]]
    with pytest.raises(InputError, match="at least 7 points, got 6"):
        draw_tsne(drawn, compared(SOURCES[:6]), "group", None, 0, None)


@pytest.fixture
def on_a_plane():
    """Distances of points in the plane, of a measure that is a metric: scaling is exact."""
    places = np.random.default_rng(0).normal(size=(len(SOURCES) * 3, 2))
    far = np.linalg.norm(places[:, None] - places, axis=2)
    names = tuple(source.label(layer) for source in SOURCES for layer in LAYERS)
    return Compared([(SOURCES, SimilarityResult(names, 64, {"gulp": far}))], LAYERS)


@pytest.mark.slow
def test_mds_shows_the_distances_of_layers_and_follows_them(drawn, on_a_plane):
    numbers = draw_mds(drawn, on_a_plane, "group", None)
    assert numbers["gulp_points"] == 36 and numbers["gulp_stress"] < 1e-6
    assert len(artists(drawn.figures["mds_gulp"], "track")) == 4 * 3
    points = drawn.saved["mds_gulp"]["points"]
    far = np.linalg.norm(points[:, None] - points, axis=2)
    np.testing.assert_allclose(far, drawn.saved["mds_gulp"]["distances"], atol=1e-5)
    with pytest.raises(InputError, match="pwcca is no metric"):
        draw_mds(drawn, compared(measure="pwcca"), "group", None)


def test_tracks_follow_the_steps():
    places = [(SOURCES[2], "z"), (SOURCES[0], "z"), (SOURCES[1], "mean"), (SOURCES[1], "z")]
    assert tracks(places) == [[1, 3, 0]]


@pytest.mark.slow
def test_a_tree_has_a_named_leaf_for_each_representation(drawn, on_a_plane):
    assert draw_dendrogram(drawn, on_a_plane, "layer") == {"gulp_leaves": 36}
    axis = drawn.figures["dendrogram_gulp"].axes[0].yaxis
    names = [label.get_text() for label in axis.get_ticklabels()]
    assert sorted(names)[0] == "encoder.0 · beta=1 · seed 0 (run 1) · step 0"
    assert len(set(names)) == 36


def test_leaves_say_only_what_sets_them_apart():
    one = compared(SOURCES[:3])
    places = [(source, "z") for source in SOURCES[:3]]
    assert leaf_names(one, places) == ["step 0", "step 10", "step 100"]
    assert leaf_names(one, [(SOURCES[0], "z"), (SOURCES[0], "mean")]) == ["z", "mean"]


def test_representations_without_a_value_are_no_points():
    places, values = known_values(compared(SOURCES[:2], dead=[1, 5]), "cka_linear")
    assert [layer for _, layer in places] == ["encoder.0", "z", "encoder.0", "mean"]
    assert values.shape == (4, 4) and np.isfinite(values).all()
    with pytest.raises(InputError, match="1 representations have a value of cka_linear"):
        known_values(compared(SOURCES[:1], dead=[0, 1]), "cka_linear")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"tool": "heatmpa"}, "there is no tool='heatmpa'; did you mean 'heatmap'"),
        ({"show": "exces"}, "there is no show='exces'; did you mean 'excess'"),
        ({"pairs": "all"}, "there is no pairs='all'; choose from different, same, start"),
        ({"tool": "mds", "show": "null"}, "show=null is for heat maps and lines, and tool=mds"),
        ({"layer_pair": ["mean"]}, r"layer_pair names two different layers.*got \['mean'\]"),
        ({"layer_pair": "z,z"}, "layer_pair names two different layers"),
        ({"show": "z", "pooling": "positions"}, "show=z takes the rows for independent inputs"),
        ({"rows": {"step": "frst"}}, "steps must be last, all, or a list of steps, got 'frst'"),
        ({"rows": 0}, "rows is a part of a query, such as rows.step=0, got 0"),
    ],
)
def test_no_such_picture_is_one_sentence(asked, sentence):
    check_picture(GOOD)
    with pytest.raises(InputError, match=sentence):
        check_picture({**GOOD, **asked})


def test_a_side_is_a_further_query(store_run, database):
    for seed, beta in ((0, 1), (1, 1), (0, 4)):
        store_run(
            {"seed": seed, "beta": beta},
            artifacts={f"step-{step:08d}.safetensors": b"" for step in STEPS},
        )
    runs = list(find_runs(None, database))

    def found(where, steps="last"):
        return [(source.run.id, source.step) for source in side(runs, where, steps)]

    assert found({}) == [(1, 100), (2, 100), (3, 100)]
    assert found({"step": [0, 10], "beta": 4}) == [(3, 0), (3, 10)]
    assert found({"id": [1, 9], "step": "last"}, [0]) == [(1, 100)]
    with pytest.raises(InputError, match="no COMPLETED run"):
        side(runs, {"beta": 4, "seed": 1}, "last")
    with pytest.raises(InputError, match="btea.*is a path of no run"):
        side(runs, {"btea": 4}, "last")
