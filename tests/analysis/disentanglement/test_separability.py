"""SAP in both forms against disentanglement_lib's numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.analysis.disentanglement import sap
from replearn.errors import InputError


@pytest.mark.parametrize("code, score", [("perfect", 0.9994573513), ("noise", 9.7927e-05)])
def test_squared_correlation_is_that_of_disentanglement_lib(golden, code, score):
    codes, factors = golden[f"code_{code}_train"], golden["factors_train"]
    found = sap(codes, factors, active=True)
    assert found.sap == pytest.approx(score, abs=1e-9)
    np.testing.assert_allclose(found.score, golden[f"sap_cont_{code}"], atol=1e-9)
    assert sap(codes, factors).sap == pytest.approx(score, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("code, score", [("perfect", 0.24380), ("noise", 0.00276)])
def test_support_vectors_are_those_of_disentanglement_lib(golden, code, score):
    found = sap(
        golden[f"code_{code}_train"],
        golden["factors_train"],
        golden[f"code_{code}_test"],
        golden["factors_test"],
        form="svc",
        active=True,
    )
    assert found.sap == pytest.approx(score, abs=5e-3)
    np.testing.assert_allclose(found.score, golden[f"sap_svm_{code}"], atol=1e-2)


def inputs(seed):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 3, (90, 2))
    return rng, factors @ rng.standard_normal((2, 4)) + rng.standard_normal((90, 4)), factors


def test_squared_correlation_is_that_of_numpy():
    _, codes, factors = inputs(0)
    both = np.corrcoef(codes.T, factors.T)[:4, 4:] ** 2
    found = sap(codes, factors)
    np.testing.assert_allclose(found.score, both, atol=1e-12)
    top = np.sort(both, axis=0)
    assert found.sap == pytest.approx((top[-1] - top[-2]).mean(), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_laws(seed):
    rng, codes, factors = inputs(seed)
    order = rng.permutation(4)
    found = sap(codes, factors)
    moved = sap(codes[:, order] * rng.choice([-3.0, 1.5], 4) + 1, factors)
    np.testing.assert_allclose(moved.score, found.score[order], atol=1e-9)
    assert moved.sap == pytest.approx(found.sap, abs=1e-9) and 0 <= found.sap <= 1


def test_two_values_are_parted_by_a_line():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 2, (300, 2))
    codes = np.hstack([factors - 0.5, rng.standard_normal((300, 2)), np.zeros((300, 1))])
    found = sap(codes, factors, form="svc")
    # A latent either says all or is right in half of the cases.
    np.testing.assert_allclose(found.score[:2], [[1, 0.5], [0.5, 1]], atol=0.13)
    assert found.sap == pytest.approx(0.45, abs=0.1)
    assert found.n_dead == 1 and not found.score[4].any() and found.form == "svc"
    assert found.scores() == {"sap": found.sap, "dead_latents": 1.0}


def test_dead_codes_score_nothing():
    _, codes, factors = inputs(0)
    for form in ("svc", "squared_correlation"):
        found = sap(0.001 * codes, factors, form=form)
        assert found.sap == 0 and "All latents are dead" in found.note
    # A constant latent, taken for active, has no correlation.
    assert sap(np.zeros_like(codes), factors, active=True).sap == 0


def test_bad_input_is_refused_in_a_sentence():
    _, codes, factors = inputs(0)
    with pytest.raises(InputError, match="unknown form of SAP 'svm'"):
        sap(codes, factors, form="svm")
    with pytest.raises(InputError, match="takes no held-out codes"):
        sap(codes, factors, codes, factors)
    with pytest.raises(InputError, match="both test_codes and test_factors"):
        sap(codes, factors, codes, form="svc")
