"""Distances between inputs: scipy's values where rounding could show."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from replearn.analysis.similarity import compare
from replearn.errors import InputError


def test_equal_distances_share_a_rank(sample):
    """Labels as a representation: all distances are one of a few, whatever their rounding."""
    labels = np.random.default_rng(0).integers([3, 5, 2], size=(150, 3))
    labels = labels / np.array([7.0, 11.0, 13.0])
    x = sample(150, 6) + 4 * labels[:, :1]
    # What is equal but for rounding, is equal.
    first = np.round(pdist(labels, "sqeuclidean"), 12)
    expected = spearmanr(first, pdist(x, "sqeuclidean")).statistic
    assert len(set(first)) < 40
    assert compare(labels, x, "rsa:distance=euclidean") == pytest.approx(expected, abs=1e-12)


def test_a_row_without_contrast_is_uncorrelated_with_all(sample):
    x, y = sample(40, 5), sample(40, 5, seed=1)
    x[0] = 0.1  # a row of which no correlation is known
    far = np.nan_to_num(pdist(x, "correlation"), nan=1.0)
    expected = spearmanr(far, pdist(y, "correlation")).statistic
    assert compare(x, y, "rsa") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6])
def test_a_small_difference_of_distances_is_not_lost(apart, sample):
    x = sample(120, 6) + 2.0
    y = x + apart * sample(120, 6, seed=1)
    expected = np.sqrt(2.0) * np.linalg.norm(pdist(x) - pdist(y))
    assert compare(x, y, "rsm_difference") == pytest.approx(expected, rel=1e-6)
    assert compare(x, x, "rsm_difference") == 0.0


@pytest.mark.parametrize("measure", ["distance_correlation_unbiased", "cka_rbf_debiased", "rsa"])
def test_a_simplex_has_no_distances_to_compare(measure, sample):
    with pytest.raises(InputError, match="all inputs are equally far apart"):
        compare(np.eye(30) + 0.1, sample(30, 4), measure)
