"""Features one by one: published values, values by hand, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from replearn.analysis.similarity import (
    column_angles,
    column_cosines,
    compare,
    compare_all,
    matched_correlations,
)
from replearn.errors import InputError


@pytest.fixture(scope="module")
def study():
    with np.load(Path(__file__).parents[2] / "golden" / "vae_similarity.npz") as arrays:
        return {k: arrays[k] for k in arrays if k.startswith(("sim__", "mcc__"))}


def test_published_cosines_and_angles(study):
    x, y = study["sim__in__A"], study["sim__in__A_noise"]
    cosines, angles = column_cosines(x, y), column_angles(x, y)
    np.testing.assert_allclose(cosines, study["sim__out__cos__f64"], rtol=1e-14)
    np.testing.assert_allclose(angles, study["sim__out__ang__f64"], rtol=1e-14)
    # The published aggregates are sums over the columns.
    d = x.shape[1]
    assert compare(x, y, "column_cosine") * d == pytest.approx(study["sim__out__cos_agg"], rel=1e-9)
    assert np.sum(cosines**2) == pytest.approx(study["sim__out__cos_sq_agg"], rel=1e-9)
    assert compare(x, y, "column_angle") * d == pytest.approx(study["sim__out__ang_agg"], rel=1e-9)


def test_published_mean_correlation_coefficient(study):
    true, predicted = study["mcc__in__z_true"], study["mcc__in__z_pred"]
    expected = study["mcc__out__f64"]
    assert compare(true, predicted, "mcc") == pytest.approx(expected, rel=1e-12)
    assert matched_correlations(true, predicted).mean() == pytest.approx(expected, rel=1e-12)


def test_columns_by_hand():
    x = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    y = np.array([[2.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    # 45 degrees, 90 degrees, and a column that is 0 in both: no angle, and left out of the mean.
    np.testing.assert_allclose(column_cosines(x, y), [np.sqrt(0.5), 0.0, np.nan], atol=1e-15)
    np.testing.assert_allclose(column_angles(x, y), [0.75, 0.5, np.nan], atol=1e-15)
    assert compare(x, y, "column_angle") == pytest.approx(0.625, abs=1e-15)
    assert compare(x, -x, "column_cosine") == -1.0 and compare(x, -x, "column_angle") == 0.0
    assert compare(x, x[:, [0, 1, 1]], "column_angle") == pytest.approx((1 + 1 + 0.5) / 3)


def test_a_tiny_angle_is_not_lost(sample):
    x = sample(50, 4)
    x /= np.linalg.norm(x, axis=0)
    away = np.linalg.qr(np.column_stack([x[:, 0], sample(50, 1, seed=1)]))[0][:, 1:]
    found = 1.0 - column_angles(x[:, :1], x[:, :1] + 1e-9 * away)
    np.testing.assert_allclose(found, 1e-9 / np.pi, rtol=1e-6)


def test_matching_undoes_order_and_sign(sample):
    x = sample(100, 6)
    shuffled = (x * [1, -2, 3, -4, 5, 6])[:, [3, 1, 0, 5, 4, 2]] + 7
    np.testing.assert_allclose(matched_correlations(x, shuffled), 1.0)
    assert compare(x, shuffled, "mcc") == pytest.approx(1.0)
    assert compare(x, shuffled[:, :4], "mcc") == pytest.approx(1.0)
    constant = np.hstack([x[:, :3], np.full((100, 1), 0.1)])
    np.testing.assert_allclose(sorted(matched_correlations(constant, constant)), [0, 1, 1, 1])


@pytest.mark.parametrize("measure", ["column_cosine", "column_angle"])
def test_columns_of_other_numbers_are_one_sentence(measure, sample):
    sentence = "expected as many features in both, got 3 and 4"
    with pytest.raises(InputError, match=sentence):
        compare(sample(10, 3), sample(10, 4), measure)
    with pytest.raises(InputError, match=sentence):
        compare_all({"a": sample(10, 3), "b": sample(10, 4)}, measure)
    with pytest.raises(InputError, match=sentence):
        column_cosines(sample(10, 3), sample(10, 4))
