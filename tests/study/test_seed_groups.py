"""Runs that differ in their seeds alone, found by hash, and how alike they are."""

import numpy as np
import pytest

from replearn.analysis.similarity import SimilarityResult
from replearn.runs.query import find_runs
from replearn.study.comparison import Source
from replearn.study.layer_maps import draw_layer_maps
from replearn.study.seed_groups import same_layer_in_groups, seed_groups, sentence


@pytest.fixture
def sources(store_run, database):
    """Three seeds of β = 1, two of β = 4, and one of β = 8."""
    for beta, seeds in ((1, 3), (4, 2), (8, 1)):
        for seed in range(seeds):
            store_run({"seed": seed, "beta": beta}, identity={"group_hash": f"hash of {beta}"})
    return [Source(run, 20) for run in find_runs(None, database)]


def test_groups_are_found_by_hash_and_named_by_what_varies(sources):
    groups = seed_groups(sources)
    ids = {name: [source.run.id for source in members] for name, members in groups.items()}
    assert ids == {"beta=1": [1, 2, 3], "beta=4": [4, 5], "beta=8": [6]}
    assert list(seed_groups(sources[:3])) == ["unsupervised"]


def test_each_group_has_its_mean_interval_and_count(sources):
    layers = ["a", "b"]
    labels = [source.label(layer) for source in sources for layer in layers]
    # Equal layers of runs i and j are alike as (i + j) / 200: the interval is that of i / 100.
    runs = np.repeat([source.run.id for source in sources], 2)
    values = (runs[:, None] + runs) / 200
    found = SimilarityResult(tuple(labels), 9, {"cka_linear": values})
    one, two = same_layer_in_groups(found, "cka_linear", sources, layers).items()
    assert one[0] == "beta=1" and one[1].n == 3
    assert one[1].mean == pytest.approx(0.02)
    assert one[1].half_width == pytest.approx(4.302653 * 0.01 / np.sqrt(3), rel=1e-6)
    assert (two[0], two[1].n, two[1].half_width) == ("beta=4", 2, None)
    assert two[1].mean == pytest.approx(0.045)
    words = sentence(dict([one, two]))
    assert words.endswith("beta=1: 0.020 ± 0.025 (n = 3); beta=4: 0.045 (n = 2).")
    assert sentence({}) == ""


def test_each_group_of_several_seeds_has_its_own_map(sources):
    layers, drawn = ["a", "b"], {}
    labels = [source.label(layer) for source in sources for layer in layers]
    groups = np.repeat([1.0, 1.0, 1.0, 0.5, 0.5, 0.0], 2)
    found = SimilarityResult(tuple(labels), 9, {"cka_linear": np.outer(groups, groups)})

    class Drawn:
        def figure(self, name, figure, title, text=""):
            titles = [" ".join(image.get_title().split()) for image in figure.axes]
            drawn[name] = titles, text

    draw_layer_maps(Drawn(), found, sources, [], layers)
    titles, text = drawn["cka_linear_seeds"]
    assert [title for title in titles if title] == ["beta=1 (n = 3)", "beta=4 (n = 2)"]
    assert "n runs that differ in their seeds alone" in text
    drawn.clear()
    draw_layer_maps(Drawn(), found, sources[:3], [], layers)
    assert set(drawn) == {"cka_linear_layers"}  # one group: that is its map
