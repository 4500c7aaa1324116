"""Explicitness against disentanglement_lib's numbers and scikit-learn's areas."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from replearn.analysis.disentanglement import explicitness
from replearn.analysis.disentanglement.readout import areas


@pytest.mark.slow
@pytest.mark.parametrize(
    "code, train, test", [("perfect", 0.98502, 0.98232), ("noise", 0.53797, 0.50195)]
)
def test_it_is_that_of_disentanglement_lib(golden, code, train, test):
    splits = [(golden[f"code_{code}_{s}"], golden[f"factors_{s}"]) for s in ("train", "test")]
    found = explicitness(*splits[0], *splits[1], active=True)
    assert found.train == pytest.approx(train, abs=2e-3)
    assert found.test == pytest.approx(test, abs=2e-3)
    # The area is half for noise; above chance, noise has nothing.
    assert found.above_chance == pytest.approx(0.965 if code == "perfect" else 0, abs=5e-3)


def small(n=300, seed=0):
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(0, size, n) for size in (2, 4)], axis=1)
    return factors + 0.7 * rng.standard_normal((n, 2)), factors


def test_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    # Few scores, so that many are equal.
    score = rng.integers(0, 5, (60, 3)).astype(float)
    expected = [roc_auc_score(y == value, score[:, value]) for value in range(3)]
    np.testing.assert_allclose(areas(score, y, np.arange(3)), expected, atol=1e-12)
    assert np.isnan(areas(score, y, np.array([7]))).all()


def test_it_is_scikit_learn_factor_by_factor():
    codes, factors = small()
    found = explicitness(codes[:200], factors[:200], codes[200:], factors[200:])
    centre, width = codes[:200].mean(0), codes[:200].std(0)
    x, x_test = (codes[:200] - centre) / width, (codes[200:] - centre) / width
    two = LogisticRegression().fit(x, factors[:200, 0])
    area = roc_auc_score(factors[200:, 0], two.predict_proba(x_test)[:, 1])
    np.testing.assert_allclose(found.area[0], [area, area, np.nan, np.nan], atol=1e-9)
    four = LogisticRegression(max_iter=1000).fit(x, factors[:200, 1])
    mean = roc_auc_score(factors[200:, 1], four.predict_proba(x_test), multi_class="ovr")
    assert found.area[1].mean() == pytest.approx(mean, abs=1e-9)
    assert found.test == pytest.approx((area + mean) / 2, abs=1e-9)
    assert found.coefficients[1, 1] > 2 * found.coefficients[0, 1] > 0
    assert found.scores()["explicitness_chance"] == 0.5


def test_order_and_sign_of_latents_do_not_matter():
    codes, factors = small()
    found, turned = explicitness(codes, factors), explicitness(-2 * codes[:, ::-1] + 1, factors)
    assert turned.test == pytest.approx(found.test, abs=1e-5)
    np.testing.assert_allclose(turned.coefficients, found.coefficients[::-1], atol=1e-3)


def test_a_value_that_is_not_held_out_counts_for_nothing():
    codes, factors = small()
    kept = factors[:, 1] != 3
    found = explicitness(codes, factors, codes[kept], factors[kept])
    assert np.isnan(found.area[1, 3]) and not np.isnan(found.area[1, :3]).any()
    assert 0.5 < found.test < 1


def test_dead_codes_are_at_chance():
    codes, factors = small()
    found = explicitness(0.01 * codes, factors)
    assert found.train == found.test == 0.5 and found.above_chance == 0
    assert found.n_dead == 2 and "explicitness is at chance" in found.note
    one = explicitness(codes, np.stack([factors[:, 0], 0 * factors[:, 0]], axis=1))
    assert "Factor 1 does not vary" in one.note and 0.5 < one.test < 1
