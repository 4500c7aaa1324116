"""Pairs of runs: those that began with the same weights are no evidence of agreement."""

import numpy as np
import pytest

from replearn.analysis.similarity import SimilarityResult
from replearn.runs.query import find_runs
from replearn.study.layer_maps import draw_layer_maps
from replearn.study.representations import Source
from replearn.study.run_pairs import began_alike, between_runs, independent_pairs, pair_kind

BEGAN = "step-00000000.safetensors"


@pytest.fixture
def sources(store_run, database):
    """Two objectives at two seeds: runs 1 and 3, and runs 2 and 4, begin alike."""
    for beta in (1, 4):
        for seed in (0, 1):
            store_run({"seed": seed, "beta": beta}, artifacts={BEGAN: b"weights %d" % seed})
    return [Source(run, 20) for run in find_runs(None, database)]


def test_runs_that_began_alike_are_no_independent_pair(sources):
    kinds = [[pair_kind(one, other) for other in sources] for one in sources]
    assert kinds[0] == ["same", "different", "start", "different"]
    pairs = [(one.run.id, other.run.id) for one, other in independent_pairs(sources)]
    assert pairs == [(1, 2), (1, 4), (2, 1), (2, 3), (3, 2), (3, 4), (4, 1), (4, 3)]
    assert not began_alike(sources)


def test_where_all_began_alike_there_are_no_others(sources):
    alike = [sources[0], sources[2]]
    pairs = [(one.run.id, other.run.id) for one, other in independent_pairs(alike)]
    assert pairs == [(1, 3), (3, 1)] and began_alike(alike)
    assert independent_pairs(sources[:1]) == [(sources[0], sources[0])]
    assert not began_alike(sources[:1])


def test_runs_that_kept_no_first_weights_began_apart(store_run, database):
    for seed in (0, 1):
        store_run({"seed": seed})
    one, other = [Source(run, 20) for run in find_runs(None, database)]
    assert pair_kind(one, other) == "different"


def test_the_untrained_baseline_is_of_different_networks(sources):
    """With pairs of one seed the mean would be (8 * 0.4 + 4 * 1) / 12 = 0.6."""
    untrained = [Source(source.run, 0) for source in sources]
    both = [*sources, *untrained]
    seeds = [source.run.config["seed"] for source in both]
    alike = np.equal.outer(seeds, seeds)
    values = np.where(alike, 1.0, 0.4)
    values[:4, :4] = np.where(alike, 0.9, 0.7)[:4, :4]
    found = SimilarityResult(tuple(source.label("a") for source in both), 9, {"cka_linear": values})
    assert between_runs(found, "cka_linear", untrained, ["a"]) == pytest.approx(0.4)

    class Drawn:
        texts: list[str] = []

        def figure(self, name, figure, title, text=""):
            self.texts.append(text)

    numbers = draw_layer_maps(Drawn(), found, sources, untrained, ["a"])
    assert numbers["cka_linear_same_layer"] == pytest.approx(0.7)
    assert numbers["cka_linear_same_layer_untrained"] == pytest.approx(0.4)
    assert "the 8 ordered pairs, each begun with different weights, of 4 runs" in Drawn.texts[0]
    # Two objectives at one seed: the networks of step 0 are one, and no baseline.
    alone = draw_layer_maps(Drawn(), found, sources[::2], untrained[::2], ["a"])
    assert "cka_linear_same_layer_untrained" not in alone
    assert alone["cka_linear_same_layer"] == pytest.approx(0.9)
