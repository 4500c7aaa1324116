"""Tables of the same layer over seeds: means over pairs, intervals over runs."""

from types import SimpleNamespace

import numpy as np
import pytest

from replearn.analysis.similarity import SimilarityResult
from replearn.study.comparison import Source
from replearn.study.same_layer import same_layer_tables

LAYERS = ["a", "b"]


class Run(SimpleNamespace):
    __hash__ = object.__hash__


def network(run_id, beta, seed, step):
    config = {"seed": seed, "beta": beta}
    identity = {"group_hash": f"hash of {beta}"}
    more = {"identity": identity, "completion": None}  # no weights of step 0 are stored
    return Run(id=run_id, experiment="unsupervised", config=config, **more), step


@pytest.fixture
def tables():
    """Three seeds of beta 1, two of beta 4, one of beta 8; layer b of run 1 is constant."""
    runs = [network(i, beta, i, 20)[0] for i, beta in enumerate([1, 1, 1, 4, 4, 8], start=1)]
    trained = [Source(run, 20) for run in runs]
    untrained = [Source(run, 0) for run in runs]
    sources = untrained + trained
    labels = [source.label(layer) for source in sources for layer in LAYERS]
    # Alike as (i + j) / 100 by the ids of runs, ten times less before training.
    size = np.array([s.run.id * (1 if s.step else 0.1) for s in sources for _ in LAYERS])
    values = (size[:, None] + size) / 100
    dead = labels.index("1/20/b")
    values[dead] = values[:, dead] = np.nan
    found = SimilarityResult(
        tuple(labels), 9, {"cka_linear": values}, {"cka_linear": np.full_like(values, 0.01)}
    )
    made = {}

    class Results:
        def table(self, name, groups, columns, caption, note=""):
            made[name] = groups, columns, caption

    same_layer_tables(Results(), found, trained, untrained, LAYERS)
    return made


def test_a_row_is_a_layer_of_a_group_and_its_values_those_of_the_runs(tables):
    groups, columns, caption = tables["cka_linear_same_layer"]
    assert [tuple(group.labels.values()) for group in groups] == [
        ("beta=1", "a"), ("beta=1", "b"), ("beta=4", "a"), ("beta=4", "b")
    ]  # fmt: skip
    assert [column.key for column in columns] == ["value", "above_untrained", "null", "above_null"]
    assert caption == "cka_linear of the same layer in runs that differ in seed alone"
    # The jackknife of a mean of sums i + j is that of the i: their own values are 2 i.
    np.testing.assert_allclose(groups[0].values("value"), [0.02, 0.04, 0.06], atol=1e-12)
    np.testing.assert_allclose(groups[0].values("above_untrained"), [0.018, 0.036, 0.054])
    np.testing.assert_allclose(groups[0].values("null"), 0.01)
    np.testing.assert_allclose(groups[0].values("above_null"), [0.01, 0.03, 0.05])


def test_a_run_whose_layer_is_constant_is_left_out(tables):
    groups, *_ = tables["cka_linear_same_layer"]
    assert list(groups[1].runs) == [2, 3]
    # Two runs have one pair, and no interval.
    np.testing.assert_allclose(groups[1].values("value"), [0.05, 0.05])
