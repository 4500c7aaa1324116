"""Representation topology divergence: published values, a closed form, and what is refused."""

import sys

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.analysis.similarity.topology import cross_barcode, scaled_distances
from replearn.errors import InputError


@pytest.mark.slow
@pytest.mark.parametrize("published", [0, 1], indirect=True, ids=["P1", "P2"])
def test_published_values(published):
    x, y, canonical = published
    one, other = (scaled_distances(each, 300, 0) for each in (x, y))
    value, rtol = canonical("rtd_fwd")
    assert cross_barcode(one, other) == pytest.approx(value, rel=rtol, abs=1e-9)
    if value:  # both ways at once
        assert compare(x, y, "rtd:sample=300") == pytest.approx(canonical("rtd")[0], rel=rtol)


def test_against_a_point_it_is_the_length_of_the_shortest_tree(sample):
    """If all inputs fall together, each edge of the minimum spanning tree is a bar from 0."""
    far = squareform(pdist(sample(30, 4)))
    expected = minimum_spanning_tree(far).sum()
    assert cross_barcode(far, np.zeros_like(far)) == pytest.approx(expected, rel=1e-6)
    assert cross_barcode(np.zeros_like(far), far) == 0.0
    assert cross_barcode(far, far) == 0.0


def test_a_seed_draws_the_same_inputs_of_both_and_the_result_says_how_many(sample):
    x, y = sample(60, 5), sample(60, 8, seed=1)
    drawn = np.sort(np.random.default_rng(3).choice(60, 20, replace=False))
    spec = "rtd:sample=20,seed=3"
    assert compare(x, y, spec) == compare(x[drawn], y[drawn], "rtd")
    assert compare(x, y, spec) != compare(x, y, "rtd:sample=20,seed=4")
    found = compare_all({"x": x, "y": y}, [spec, "rtd"])
    assert found.warnings == (f"{spec} looks at 20 of the 60 inputs.",)


def test_what_has_no_scale_has_no_value(sample):
    x = np.zeros((50, 3))
    x[0] = 1.0
    with pytest.raises(InputError, match="9 in 10 of the distances between inputs are 0"):
        compare(x, sample(50, 3), "rtd")


def test_bad_samples_and_a_missing_package_are_one_sentence(sample, monkeypatch):
    x = sample(10, 3)
    with pytest.raises(InputError, match="a sample needs 4 inputs at least, got 3"):
        compare(x, x, "rtd:sample=3")
    monkeypatch.setitem(sys.modules, "ripser", None)
    with pytest.raises(InputError, match="rtd needs the package ripser: pip install ripser"):
        compare(x, x, "rtd")


def test_the_24_measures_of_the_resi_benchmark():
    """Klabunde et al. (2024), arXiv:2408.00531, table 1, less GeometryScore as in their results."""
    assert {name for name, m in MEASURES.items() if "resi" in m.groups} == {
        "pwcca", "svcca",
        "procrustes_angular", "procrustes", "procrustes_size_shape",
        "permutation_procrustes_uncentred", "aligned_cosine",
        "hard_correlation_match", "soft_correlation_match", "linear_regression",
        "cka_linear", "rsa", "rsm_difference", "distance_correlation", "eos", "gulp",
        "jaccard", "rank_similarity", "second_order_cosine",
        "imd", "rtd",
        "magnitude_difference", "concentricity_difference", "uniformity_difference",
    }  # fmt: skip
