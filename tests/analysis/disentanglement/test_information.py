"""MIG, modularity and information between latents against disentanglement_lib and scikit-learn."""

from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from replearn.analysis.disentanglement import (
    mean_latent_mutual_information,
    mig,
    modularity,
    sap,
)
from replearn.analysis.disentanglement.information import binned, mutual_information
from replearn.errors import InputError


def train(golden, code):
    return golden[f"code_{code}_train"], golden["factors_train"]


@pytest.mark.parametrize("code, score", [("perfect", 0.8953264099), ("noise", 0.0001927)])
def test_mig_is_that_of_disentanglement_lib(golden, code, score):
    found = mig(*train(golden, code), active=True)
    # The record of noise is rounded: its matrix, which we share, gives 0.00019299.
    assert found.mig == pytest.approx(score, abs=1e-9 if code == "perfect" else 4e-7)
    np.testing.assert_allclose(found.information, golden[f"mi_{code}"], atol=1e-9)


def test_mig_of_a_perfect_code_is_its_ceiling(golden):
    found = mig(*train(golden, "perfect"))
    # But for the second largest information, which in a sample is above 0.
    assert found.ceiling - 1e-2 < found.mig < found.ceiling == pytest.approx(0.9022, abs=1e-4)
    assert found.n_dead == 5 and not found.information[~found.active].any()
    assert found.scores().keys() == {"mig", "ceiling", "dead_latents"}


@pytest.mark.parametrize(
    "code, everything, active, telling",
    [("perfect", 0.8302574059, 0.9999576313, 5), ("noise", 0.653308, 0.653308, 0)],
)
def test_modularity_is_that_of_disentanglement_lib(golden, code, everything, active, telling):
    found = modularity(*train(golden, code))
    tolerance = 1e-9 if code == "perfect" else 5e-7
    assert found.of_all == pytest.approx(everything, abs=tolerance)
    assert found.of_active == pytest.approx(active, abs=tolerance)
    assert found.tells.sum() == telling
    # Noise has no latent whose information is above chance, and so no modularity.
    assert found.modularity == pytest.approx(active if telling else 0, abs=1e-9)
    assert ("No latent tells of a factor" in found.note) == (code == "noise")


def test_a_mixture_is_more_modular_than_a_perfect_code_as_published(golden, encoders):
    # Three digits of the published code; hence means over the latents that tell of a factor.
    inputs = encoders["mixture"](golden["factors_train"]), golden["factors_train"]
    assert mig(*inputs).mig == pytest.approx(0.099, abs=5e-4)
    found = modularity(*inputs)
    assert found.of_all == found.modularity == pytest.approx(0.866, abs=5e-4)
    assert found.of_all > 0.83 and found.tells.all()


@pytest.mark.parametrize("code, score", [("perfect", 0.0193384), ("noise", 0.049025)])
def test_information_between_latents_is_that_of_disentanglement_lib(golden, code, score):
    codes, _ = train(golden, code)
    found = mean_latent_mutual_information(codes, active=True)
    assert found.mean == pytest.approx(score, abs=5e-8 if code == "perfect" else 5e-7)
    np.testing.assert_allclose(found.information, found.information.T, atol=1e-12)
    # What independent latents have is the bias, which their shuffles have, too. Noise here is
    # drawn from a table of 4096 rows, so that its 10,000 rows are not independent.
    independent = mean_latent_mutual_information(
        np.random.default_rng(0).standard_normal((10_000, 4))
    )
    assert independent.mean == pytest.approx(independent.chance, abs=2e-3)


def test_information_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 7, (500, 3)), rng.integers(0, 4, (500, 2))
    x[:, 0] = y[:, 0] + 2
    expected = [[mutual_info_score(a, b) for b in y.T] for a in x.T]
    np.testing.assert_allclose(mutual_information(x, y), expected, atol=1e-12)


def test_bins_are_of_equal_width_with_the_largest_in_the_last():
    codes = np.array([[0.0], [0.9], [1.0], [3.9], [4.0]])
    np.testing.assert_array_equal(binned(codes, 4)[:, 0], [0, 0, 1, 3, 3])
    np.testing.assert_array_equal(binned(np.ones((3, 1)), 4)[:, 0], [2, 2, 2])


def test_by_hand():
    # Two factors of two values; latent 0 is factor 0, latent 1 is both (four values), 2 is dead.
    factors = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 3)
    codes = np.stack([factors[:, 0], 2 * factors[:, 0] + factors[:, 1], 0 * factors[:, 0]], 1)
    found = mig(codes, factors)
    np.testing.assert_allclose(found.information, np.log(2) * np.array([[1, 0], [1, 1], [0, 0]]))
    # Factor 0 is in two latents alike, factor 1 in one.
    np.testing.assert_allclose(found.per_factor, [0, 1], atol=1e-12)
    assert found.mig == pytest.approx(0.5) and found.ceiling == pytest.approx(1)
    of_latents = modularity(codes, factors)
    np.testing.assert_allclose(of_latents.per_latent, [1, 0, 0], atol=1e-12)
    assert of_latents.of_active == pytest.approx(1 / 2)
    assert of_latents.of_all == pytest.approx(1 / 3)
    assert mean_latent_mutual_information(codes).mean == pytest.approx(np.log(2))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_laws(seed):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 3, (120, 3))
    codes = factors @ rng.standard_normal((3, 4)) + rng.standard_normal((120, 4))
    order, sign = rng.permutation(4), rng.choice([-0.5, 2.0], 4)
    moved = codes[:, order] * sign + 3
    gap, again = mig(codes, factors), mig(moved, factors)
    assert 0 <= gap.mig <= 1
    # A bin holds its lower edge, so that turning a latent round may move what lies on an edge.
    np.testing.assert_allclose(again.information, gap.information[order], atol=1e-9)
    assert again.mig == pytest.approx(gap.mig, abs=1e-9)
    latents, turned = modularity(codes, factors), modularity(moved, factors)
    np.testing.assert_allclose(turned.per_latent, latents.per_latent[order], atol=1e-9)
    assert 0 <= latents.of_all <= 1 and turned.of_all == pytest.approx(latents.of_all)
    assert modularity(codes, factors[:, ::-1]).of_all == pytest.approx(latents.of_all)


def test_a_latent_of_a_few_inputs_that_tells_is_found():
    rng = np.random.default_rng(1)
    factors = rng.integers(0, 4, (300, 2))
    codes = np.hstack([factors + 0.3 * rng.standard_normal((300, 2)), rng.normal(size=(300, 8))])
    found = modularity(codes, factors)
    np.testing.assert_array_equal(np.flatnonzero(found.tells), [0, 1])
    assert found.modularity > 0.98 > 0.8 > found.of_active


def test_dead_codes_score_nothing():
    factors = np.random.default_rng(0).integers(0, 3, (90, 2))
    dead = 0.01 * factors
    for found in (mig(dead, factors), modularity(dead, factors)):
        assert found.n_dead == 2 and "All latents are dead" in found.note
        assert not found.information.any()
    assert mig(dead, factors).mig == modularity(dead, factors).modularity == 0
    assert mean_latent_mutual_information(dead).mean == 0
    # One latent alone has no rival.
    assert mig(factors[:, :1], factors[:, :1]).mig == pytest.approx(1)


def test_a_factor_that_does_not_vary_counts_for_nothing():
    factors = np.random.default_rng(0).integers(0, 3, (90, 2)) * [1, 0]
    found = mig(factors + 0.0, factors)
    assert found.mig == pytest.approx(1) and found.per_factor[1] == 0
    assert "Factor 1 does not vary" in found.note


def test_bad_input_is_refused_in_a_sentence():
    codes, factors = np.eye(4), np.eye(4, dtype=int)
    with pytest.raises(InputError, match="two or more factors, got 1"):
        modularity(codes, factors[:, :1])
    with pytest.raises(InputError, match="2 or more bins, got 1"):
        mig(codes, factors, bins=1)
    with pytest.raises(InputError, match="codes hold NaN"):
        mean_latent_mutual_information(codes * np.nan)
    with pytest.raises(InputError, match="3 or more inputs, got 2"):
        mean_latent_mutual_information(codes[:2])
    with pytest.raises(InputError, match="no factor varies"):
        mig(codes, 0 * factors)


def test_all_three_of_10000_points_in_half_a_second(golden):
    inputs = train(golden, "noise")
    sap(*inputs), mig(*inputs)
    start = process_time()
    mig(*inputs), modularity(*inputs), sap(*inputs)
    assert process_time() - start < 0.5
