"""IRS against disentanglement_lib's numbers, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.analysis.disentanglement import irs
from replearn.errors import InputError


@pytest.mark.parametrize(
    "code, quantile, score",
    [
        ("perfect", 0.99, 0.970147),
        ("perfect", 1.0, 0.966281),
        ("noise", 0.99, 0.306647),
        ("noise", 1.0, 0.131630),
    ],
)
def test_it_is_that_of_disentanglement_lib(golden, code, quantile, score):
    codes, factors = golden[f"code_{code}_train"], golden["factors_train"]
    found = irs(codes, factors, quantile=quantile, active=True)
    assert found.irs == pytest.approx(score, abs=1e-6)  # the digits of the record
    apart = irs(codes, factors, bins=None)
    if code == "perfect":
        assert apart.irs == pytest.approx(1, abs=1e-9) and apart.n_dead == 5
        assert {*apart.parent[golden["perm"]]} == {0, 1, 2, 3, 4} and apart.parent[1] == -1
    else:
        # Noise has no more than the same codes in another order.
        assert apart.above_chance == pytest.approx(0, abs=1e-2)


def test_by_hand():
    # Latent 0 is factor 0; latent 1 is -1, 0 or 1, and half of that with factor 1 held.
    factors = np.array([[a, b] for a in (0, 1) for b in (0, 1)])
    codes = np.stack([factors[:, 0], factors[:, 0] + factors[:, 1] - 1], axis=1)
    found = irs(codes, factors, quantile=1)
    np.testing.assert_allclose(found.robustness, [[1, 0], [0.5, 0.5]], atol=1e-12)
    # Deviations of at most 0.5 and of 1.
    assert found.irs == pytest.approx((1 * 0.5 + 0.5 * 1) / 1.5)
    assert found.scores()["irs"] == found.irs


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_laws(seed):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 3, (60, 2))
    codes = factors @ rng.standard_normal((2, 4)) + rng.standard_normal((60, 4))
    order, sign = rng.permutation(4), rng.choice([-1.0, 1.0], 4)
    found, moved = irs(codes, factors), irs(codes[:, order] * sign + 2, factors)
    np.testing.assert_allclose(moved.robustness, found.robustness[order], atol=1e-9)
    assert moved.irs == pytest.approx(found.irs, abs=1e-9) and found.irs <= 1


def test_dead_codes_score_nothing():
    factors = np.random.default_rng(0).integers(0, 3, (60, 2))
    found = irs(0.01 * factors, factors)
    assert (found.irs, found.chance, found.above_chance) == (0, 0, 0)
    assert found.n_dead == 2 and "All latents are dead" in found.note
    constant = irs(np.zeros_like(factors), factors, active=True)
    assert constant.irs == 0 and constant.n_dead == 2


def test_bad_input_is_refused_in_a_sentence():
    factors = np.eye(3, dtype=int)
    with pytest.raises(InputError, match="quantile above 0 and up to 1, got 99"):
        irs(np.eye(3), factors, quantile=99)
    with pytest.raises(InputError, match="no factor varies"):
        irs(np.eye(3), 0 * factors)
