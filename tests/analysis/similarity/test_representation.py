"""A representation made compact: its rank, its singular values, all its similarities."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compact, compare_all, factorise
from replearn.analysis.similarity.engine import needs
from replearn.analysis.similarity.inputs import prepare
from replearn.analysis.similarity.measure import choose_all


def test_compact_keeps_all_similarities(mixed):
    reduced = {name: compact(x) for name, x in mixed.items()}
    assert reduced["repeated"].shape == (60, 6)
    assert reduced["wide"].shape[1] <= 59
    names = [name for name, measure in MEASURES.items() if measure.reducible]
    assert {"cka_linear", "distance_correlation", "gulp"} <= set(names)
    assert not {"eos", "pwcca", "jaccard", "hard_correlation_match"} & set(names)
    whole, small = compare_all(mixed, names), compare_all(reduced, names)
    for name in names:
        atol = 1e-9 if MEASURES[name].higher_is_closer else 1e-4
        np.testing.assert_allclose(small.values[name], whole.values[name], rtol=1e-6, atol=atol)


@pytest.mark.parametrize("d", [30, 200])
def test_singular_values_down_to_the_rank_cut(d):
    rng = np.random.default_rng(0)
    s = np.array([3.0, 0.1, 1e-3, 1e-5, 1e-7, 1e-10])
    u = np.linalg.qr(np.hstack([np.ones((40, 1)), rng.standard_normal((40, 6))]))[0][:, 1:]
    v = np.linalg.qr(rng.standard_normal((d, 6)))[0]
    factors = factorise((u * s) @ v.T + 5)
    # 5 + 1e-10 is rounded at 1e-15; the Gram matrix alone would lose all below 3e-8.
    np.testing.assert_allclose(factors.s, s[:5], rtol=0, atol=1e-10)
    assert factors.rank == 5
    np.testing.assert_allclose(factors.u.T @ factors.u, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(np.abs(factors.u.T @ u[:, :5]), np.eye(5), atol=1e-6)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("d", [300, 700])
def test_nothing_is_kept_that_no_measure_asks_for(d, precision, sample):
    def kept(*names):
        return prepare(sample(500, d), **needs(choose_all(names, MEASURES)), precision=precision)

    one = kept("jaccard")
    assert one.coordinates is None and one.gram is None
    assert one.nbytes == 500 * 8 + 500 * 10 * 4  # row norms, and the ten nearest of each
    assert kept("gulp").coordinates is None
    assert (kept("cka_linear").coordinates is None) == (d > 500)
    assert kept("nbs").coordinates is not None
