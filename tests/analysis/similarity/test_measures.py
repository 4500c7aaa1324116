"""All similarity measures: published values, values by hand, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.errors import InputError

# The corners of a square against its first side: X'X = 4 I (norm sqrt 32), Y'Y = 4, X'Y = (4, 0).
SQUARE = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
SIDE = SQUARE[:, :1]


# Row of the published table -> the measure, and what makes its row of our value.
SAME, SQUARED = (lambda value: value), (lambda value: value**2)
ROWS = {
    "cka_linear": "cka_linear",
    "cka_debiased": "cka_debiased",
    "cka_rbf_t0.5": "cka_rbf:width=0.5",
    "cka_rbf_t1.0": "cka_rbf",
    "cka_rbf_t2.0": "cka_rbf:width=2.0",
    "cka_rbf_t1.0_debiased": "cka_rbf_debiased",
    "cka_minibatch50": "cka_minibatch:batch=50",
    "cca_mean": "cca_mean",
    "cca_r2": "cca_r2",
    "svcca99_mean": "svcca",
    "svcca99_r2": "svcca_r2",
    "pwcca": "pwcca",
    "procrustes_size_shape": "procrustes_size_shape",
    "procrustes_angular": "procrustes_angular",
    "procrustes_odp": "procrustes",
    "nbs": "nbs",
    "bures_sq": ("procrustes_size_shape", SQUARED),
    "shape_a0.25_angular": "shape_angular:alpha=0.25",
    "shape_a0.5_angular": "shape_angular",
    "shape_a0.75_angular": "shape_angular:alpha=0.75",
    "perm_procrustes_uncentred": "permutation_procrustes_uncentred",
    "perm_procrustes_centred": "permutation_procrustes",
    "perm_angular_centred": "permutation_angular",
    "aligned_cosine": "aligned_cosine",
    "soft_corr_match": "soft_correlation_match",
    "hard_corr_match": "hard_correlation_match",
    "linreg_r2_XfromY": "linear_regression",
    "rsa_corr_spearman": "rsa",
    "rsa_euclid_spearman": "rsa:distance=euclidean",
    "rsm_norm_diff_spectral": "rsm_difference:norm=spectral",
    "rsm_norm_diff_frobenius": "rsm_difference",
    "distcorr": "distance_correlation",
    "distcorr_sq_unbiased": "distance_correlation_unbiased",
    "eos_rank": "eos",
    "gulp_sq_l0": ("gulp:ridge=0.0", SQUARED),
    "gulp_sq_l0.0001": ("gulp:ridge=0.0001", SQUARED),
    "gulp_sq_l0.01": ("gulp", SQUARED),
    "gulp_sq_l1": ("gulp:ridge=1.0", SQUARED),
    "jaccard_k10": "jaccard",
    "rank_sim_k10": "rank_similarity",
    "second_order_cos_k10(on similarities)": "second_order_cosine",
    "mutual_knn_k5": "mutual_knn:k=5,by=inner",
    "mutual_knn_k10": "mutual_knn:by=inner",
    "cknna_k5": "cknna:k=5,by=inner",
    "cknna_k10": "cknna:by=inner",
    "lcs_knn_k5": ("longest_common_neighbours:k=5,by=inner", lambda value: 5 * value),
    "lcs_knn_k10": ("longest_common_neighbours:by=inner", lambda value: 10 * value),
    "cycle_knn_k5": "cycle_knn:k=5,by=inner",
    "cycle_knn_k10": "cycle_knn:by=inner",
    "magnitude_diff": "magnitude_difference",
    "uniformity_diff": "uniformity_difference_unscaled",
    "concentricity_diff": "concentricity_difference",
    "imd_exact": "imd",
    "soft_matching_distance": "soft_matching",
    "rsatb_euclidean_cosine": "rsa:distance=euclidean,by=cosine",
    "rsatb_euclidean_corr": "rsa:distance=euclidean,by=pearson",
    "rsatb_euclidean_rho-a": "rsa:distance=euclidean",
    "rsatb_euclidean_cosine_cov": "cka_linear",
    "rsatb_correlation_cosine": "rsa:by=cosine",
    "rsatb_correlation_corr": "rsa:by=pearson",
    "rsatb_correlation_rho-a": "rsa",
}
# Rows that are of a second argument first, tested elsewhere, or not ours.
OTHERS = {
    "linreg_r2_YfromX": "with the arguments exchanged, below",
    "shape_a0.25_euclidean": "padded with zeros, below",
    "shape_a0.5_euclidean": "padded with zeros, below",
    "shape_a0.75_euclidean": "padded with zeros, below",
    "perm_null_mean_cka": "test_cka.py",
    "perm_null_sd_cka": "test_cka.py",
    "cka_debiased_ij_se": "test_standard_errors.py",
    "rtd": "test_topology.py", "rtd_fwd": "test_topology.py", "rtd_bwd": "test_topology.py",
    "eos": "divided by the number of features, not by the rank",
    "second_order_cos_k10": "on cosine distances: .73 for unrelated representations",
    "rsatb_euclidean_tau-a": "redundant beside Spearman's, n² log n for each pair",
    "rsatb_correlation_tau-a": "redundant beside Spearman's, n² log n for each pair",
    "rsatb_euclidean_corr_cov": "debiased CKA without its correction of the diagonal",
    "rsatb_correlation_corr_cov": "the same, of correlation distances",
    "rsatb_correlation_cosine_cov": "CKA of standardised rows",
}  # fmt: skip


def test_every_published_row_is_accounted_for(golden):
    assert set(ROWS) | set(OTHERS) == set(map(str, golden["canonical/measures"]))
    assert not set(ROWS) & set(OTHERS)
    tested = {name.partition(":")[0] for row in ROWS.values() for name in [_of(row)[0]]}
    # Those of other kinds of input, or of columns, have files of their own.
    here = {
        name
        for name, measure in MEASURES.items()
        if measure.input_kind == "activations" and not measure.equal_widths
    }
    assert tested | {"shape_euclidean", "uniformity_difference", "mcc", "rtd"} == here


def _of(row):
    return row if isinstance(row, tuple) else (row, SAME)


@pytest.mark.parametrize("row", ROWS)
def test_canonical_values(published, row):
    x, y, canonical = published
    value, rtol = canonical(row)
    spec, made = _of(ROWS[row])
    if np.isnan(value):  # of soft matching, which was too slow to be published
        assert compare(x, y, spec) > 0
        return
    name = spec.partition(":")[0]
    # Square roots and angles near 0 are resolved to sqrt(1e-16), in the unit of the features.
    atol = 1e-9 if MEASURES[name].higher_is_closer else 1e-7 * max(1.0, abs(value))
    if name == "cknna":
        atol = 3e-6  # what is published is float32, with 1e-6 added to the norm
    assert made(compare(x, y, spec)) == pytest.approx(value, rel=rtol, abs=atol)
    if not name.startswith(("imd", "soft_m")):  # the slow ones
        assert compare(torch.tensor(x), torch.tensor(y), spec) == compare(x, y, spec)


def test_regression_of_the_second_on_the_first(published):
    x, y, canonical = published
    value, rtol = canonical("linreg_r2_YfromX")
    assert compare(y, x, "linear_regression") == pytest.approx(value, rel=rtol)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75])
def test_the_published_shape_distance_whitens_padding_too(published, alpha):
    """Its scale counts the zeros that it pads to the larger number of features as whitened."""
    x, y, canonical = published
    value, rtol = canonical(f"shape_a{alpha}_euclidean")
    d = max(x.shape[1], y.shape[1])
    shrunk = []
    for one in (x, y):
        s = np.linalg.svd(one - one.mean(0), compute_uv=False)
        s = s[s > 1e-8 * s[0]]
        own = np.sum((alpha * s + 1 - alpha) ** 2)
        shrunk.append((s @ s, own / (own + (d - len(s)) * (alpha * 1e-7**0.5 + 1 - alpha) ** 2)))
    (first, a), (second, b) = shrunk
    ours = compare(x, y, f"shape_euclidean:alpha={alpha}")
    product = (first + second - ours**2) * np.sqrt(a * b)
    assert np.sqrt(first * a + second * b - product) == pytest.approx(value, rel=rtol)


def test_published_vae_study():
    path = Path(__file__).parents[2] / "golden" / "vae_similarity.npz"
    with np.load(path) as arrays:
        names = [str(name) for name in arrays["sim__names"]]
        inputs = {name: arrays[f"sim__in__{name}"].reshape(200, -1) for name in names}
        expected = {
            "cka_linear": arrays["sim__out__cka__f64"],
            "cka_debiased": arrays["sim__out__cka_debiased__f64"],
            "procrustes_angular": np.arccos(np.clip(arrays["sim__out__procrustes__f64"], 0, 1)),
        }
    result = compare_all(inputs, list(expected))
    assert result.labels == tuple(names) and result.n == 200
    for name, matrix in expected.items():
        atol = 1e-12 if MEASURES[name].higher_is_closer else 1e-7
        np.testing.assert_allclose(result.values[name], matrix, rtol=1e-10, atol=atol)


def test_a_square_and_its_side_by_hand():
    assert compare(SQUARE, SIDE, "cka_linear") == pytest.approx(1 / np.sqrt(2), abs=1e-12)
    # ||X'Y||_* = 4, ||X|| = sqrt 8, ||Y|| = 2: the cosine is 1/sqrt 2.
    assert compare(SQUARE, SIDE, "procrustes_angular") == pytest.approx(np.pi / 4, abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("jaccard:k=49", "k nearest of 50 inputs need 1 <= k < 49, got k=49"),
        ("jaccard:by=l2", "by must be cosine or inner, got 'l2'"),
        ("cknna:k=60", "k nearest of 50 inputs need 1 <= k < 49, got k=60"),
        ("imd:k=0", "k nearest of 50 inputs need 1 <= k < 49, got k=0"),
        ("jaccard:k=2.5", "^k of jaccard must be a whole number, got 2.5.$"),
        ("jaccard:k=true", "^k of jaccard must be a whole number, got True.$"),
        ("jaccard:k=", "^k of jaccard must be a whole number, got ''.$"),
        ("gulp:ridge=small", "^ridge of gulp must be a number, got 'small'.$"),
        ("jaccard:by=2", "^by of jaccard must be a word, got 2.$"),
        ("gulp:lam=1", "takes no parameter 'lam'; choose from ridge$"),
        ("gulp:crosses=1", "takes no parameter 'crosses'; choose from ridge$"),
        ("jaccard:rows=1,k=3", "takes no parameter 'rows'; choose from by, k$"),
        ("rsa:distance=cos", "distance must be correlation or euclidean, got 'cos'"),
        ("rsa:by=kendall", "by must be spearman, pearson or cosine, got 'kendall'"),
        ("rsm_difference:norm=l1", "norm must be frobenius or spectral, got 'l1'"),
        ("cka_rbf:width=0", "the width of a kernel must be positive, got 0"),
        ("cka_minibatch:batch=3", "batches need 4 inputs at least"),
        ("cka_minibatch:batch=24", "batches need 4 inputs at least"),
        ("nbs:k=3", "measure 'nbs' takes no parameters, got k"),
        ("gulp:rigde=3", "rigde.*did you mean .*ridge"),
        ("hard_correlation_match:x=3", "takes no parameters, got x"),
    ],
)
def test_bad_parameters_are_one_sentence(spec, sentence, sample):
    with pytest.raises(InputError, match=sentence):
        compare(sample(50, 8), sample(50, 5), spec)


def test_too_many_features_to_match_are_one_sentence(sample):
    with pytest.raises(InputError, match="takes at most 8192, got 8193; pool the feature maps"):
        compare(sample(5, 8193), sample(5, 3), "permutation_procrustes")


def test_uniformity_of_directions_by_hand():
    # Two opposite directions, at distance 2: log((2 + 2 exp(-8)) / 4); and one: 0.
    apart, one = (
        np.repeat(rows, 2, axis=0) for rows in ([[3.0, 0.0], [-1.0, 0.0]], [[1.0, 1.0], [2.0, 2.0]])
    )
    expected = -np.log((1 + np.exp(-8)) / 2)
    assert compare(apart, one, "uniformity_difference") == pytest.approx(expected, rel=1e-12)


def test_a_row_that_is_there_twice_is_its_own_neighbour_never(sample):
    x = np.repeat(sample(10, 4), 2, axis=0)
    assert compare(x, x, "jaccard:k=3") == 1.0
    assert compare(x, x, "cycle_knn:k=1") == 1.0  # its double
