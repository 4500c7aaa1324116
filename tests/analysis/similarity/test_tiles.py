"""Tiles of inner products and of distances: those of scipy, whatever the shape."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from replearn.analysis.similarity import MEASURES, choose
from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.inputs import prepare
from replearn.analysis.similarity.tiles import Points, spans


@pytest.mark.parametrize("d", [7, 300])
def test_rows_of_inner_products_and_distances(sample, d):
    x = sample(200, d) + 3.0
    far = squareform(pdist(x, "sqeuclidean"))
    for start, stop in ((0, 200), (50, 120)):
        for first in (0, start):
            np.testing.assert_allclose(
                Gram.of(x).rows(start, stop, first), (x @ x.T)[start:stop, first:], rtol=1e-12
            )
            np.testing.assert_allclose(
                Points.of(x).rows(start, stop, first), far[start:stop, first:], atol=1e-10
            )
    np.testing.assert_allclose(Points.of(x).half(), pdist(x, "sqeuclidean"), rtol=1e-10)


def test_a_wide_matrix_is_kept_as_its_products(sample):
    assert Gram.of(sample(20, 300)).root is None
    assert Gram.of(sample(300, 20)).whole is None


def test_tiles_cover_all_rows_once_and_get_small_where_many_are_held():
    for held in (1, 1e3, 1e9):
        tiles = list(spans(500, held))
        assert [a for start, stop in tiles for a in range(start, stop)] == list(range(500))
    assert len(tiles) == 500 and len(list(spans(500))) == 6


@pytest.mark.parametrize("name", [n for n, m in MEASURES.items() if m.describe])
def test_no_measure_keeps_a_matrix_of_all_inputs(name, sample):
    """Of each only what grows with N is kept, but for the ranks of distances."""
    n, d = 600, 8
    measure, x = MEASURES[name], sample(n, d)
    kinds = {"outputs": {"logits": x, "labels": x.argmax(axis=1)}}
    kinds["posteriors"] = {"mean": x, "logvar": x}
    given = kinds.get(measure.input_kind, x)
    make = choose(name, MEASURES).describe
    with_it, without = (
        prepare(given, kind=measure.input_kind, describe=describe).nbytes
        for describe in ({name: make}, {})
    )
    several = {"rsa": 2 * n * n, "cka_minibatch": 8 * n * 256 / 2, "rtd": 8 * 200 * 200}
    assert 0 <= with_it - without <= several.get(name, 8 * n * (d * d + d))
