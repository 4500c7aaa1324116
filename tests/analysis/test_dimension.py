"""Intrinsic dimension, effective rank and variance: published values, closed forms and laws."""

from pathlib import Path

import numpy as np
import pytest

from replearn.analysis import dimension
from replearn.analysis.dimension import (
    dimensions,
    effective_rank,
    mle_dimension,
    neighbourhoods,
    total_variance,
    two_nn_dimension,
)
from replearn.analysis.similarity import compact
from replearn.errors import InputError

CLOUDS = ("swiss2d", "gauss5in20", "cube10")


@pytest.fixture(scope="module")
def golden():
    """The arrays that the published code of Bonheme & Grzes was run on, and what it gave."""
    path = Path(__file__).parents[1] / "golden" / "vae_similarity.npz"
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("id__")}


@pytest.fixture
def cloud():
    """A function: n normal points of d dimensions, turned into 2 d + 1."""

    def draw(n, d, seed=0):
        rng = np.random.default_rng(seed)
        turn = np.linalg.qr(rng.standard_normal((2 * d + 1, 2 * d + 1)))[0]
        return rng.standard_normal((n, d)) @ turn[:d]

    return draw


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("k", [3, 5, 10, 20])
def test_maximum_likelihood_is_the_published_one_but_for_its_divisor(golden, name, k):
    x = golden[f"id__in__{name}"]
    wanted = golden[f"id__out__mle_k{k}_full__{name}__f64"]
    assert mle_dimension(x, k, published=True).value == pytest.approx(wanted, rel=1e-9)
    assert mle_dimension(x, k).value == pytest.approx(wanted * (k - 1) / (k - 2), rel=1e-9)


@pytest.mark.parametrize("name", CLOUDS)
def test_two_nearest_neighbours_are_the_published_ones(golden, name):
    x = golden[f"id__in__{name}"]
    for discard in (0.0, 0.1):
        wanted = golden[f"id__out__twonn_{1 - discard:.1f}__{name}__f64"]
        assert two_nn_dimension(x, discard).value == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", CLOUDS)
def test_effective_rank_and_variance_are_the_published_ones(golden, name):
    x = golden[f"id__in__{name}"]
    assert effective_rank(x) == pytest.approx(golden[f"id__out__effrank__{name}"], rel=1e-9)
    assert total_variance(x) == pytest.approx(golden[f"id__out__trace__{name}"], rel=1e-9)


def test_three_points_by_hand():
    # Neighbours of 0, 1 and 3: (1, 3), (1, 2) and (2, 3), whose ratios are 3, 2 and 3/2.
    x = [[0.0], [1.0], [3.0]]
    assert mle_dimension(x, k=2).value == pytest.approx(3 / np.log(9))
    # Heights -log(1 - (i - 1) / 3) of the sorted ratios 1.5, 2, 3.
    logs, heights = np.log([1.5, 2, 3]), -np.log([1, 2 / 3, 1 / 3])
    slope = logs @ heights / (logs @ logs)
    assert two_nn_dimension(x, discard=0).value == pytest.approx(slope)


def test_effective_rank_is_of_the_shares_of_variance():
    cross = np.array([[1, 0], [-1, 0], [0, 1], [0, -1.0]])
    assert effective_rank(cross) == pytest.approx(2)
    # Three quarters and one quarter of the variance: 4 / 3^(3/4).
    assert effective_rank(cross * [3**0.5, 1]) == pytest.approx(4 / 3**0.75)
    assert effective_rank(cross[:, :1] * [[1, 5, 7]]) == pytest.approx(1)
    assert total_variance(cross * [3**0.5, 1]) == pytest.approx(8 / 3)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_dimension_of_a_cloud_is_found(cloud, d):
    for seed in (0, 1, 2):
        found = dimensions(cloud(1000, d, seed), k=5)
        for one in (found.mle, found.two_nn):
            assert one.value == pytest.approx(d, rel=0.08)
            assert abs(one.value - d) < 3.5 * one.error


def test_standard_errors_are_the_spread_over_samples():
    rng = np.random.default_rng(0)
    found = [dimensions(rng.standard_normal((300, 3)), k=10) for _ in range(40)]
    for name, low, high in (("mle", 0.8, 1.9), ("two_nn", 0.75, 1.35)):
        values, errors = zip(*[(e.value, e.error) for e in (getattr(f, name) for f in found)],
                             strict=True)  # fmt: skip
        # Near neighbours share much, so that blocks rather overstate the error of the likelihood.
        assert low < np.sqrt(np.mean(np.square(errors))) / np.std(values) < high, name


def numbers(found):
    return [found.mle.value, found.two_nn.value, found.effective_rank]


def test_scale_turn_and_place_change_nothing_but_the_variance(cloud):
    x = cloud(200, 3)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((7, 7)))[0]
    one, other = dimensions(x), dimensions(3 * x @ turn + 10)
    assert numbers(other) == pytest.approx(numbers(one), rel=1e-9)
    assert other.mle.error == pytest.approx(one.mle.error, rel=1e-6)
    assert other.variance == pytest.approx(9 * one.variance)


def test_the_order_of_inputs_and_repeated_ones_change_no_intrinsic_dimension(cloud):
    x = cloud(120, 3)
    rng = np.random.default_rng(2)
    one = dimensions(x, k=5)
    shuffled = dimensions(rng.permutation(x), k=5)
    assert numbers(shuffled) == pytest.approx(numbers(one), rel=1e-9)
    # Some twice, and one far more often than there are neighbours.
    repeated = rng.permutation(np.concatenate([x, x[:50], np.repeat(x[:1], 30, axis=0)]))
    for wide in (repeated, np.tile(repeated, 40)):
        found = dimensions(wide, k=5)
        assert (found.mle.n, found.two_nn.n) == (120, 120)
        assert numbers(found)[:2] == pytest.approx(numbers(one)[:2], rel=1e-9)


def test_coordinates_of_a_wide_layer_keep_all_numbers(cloud):
    x = cloud(150, 4)
    wide = np.tanh(x @ np.random.default_rng(3).standard_normal((9, 600))).astype(np.float32)
    wide = np.concatenate([wide, wide[:20]])  # equal images
    one, other = dimensions(wide), dimensions(compact(wide))
    assert numbers(other) == pytest.approx(numbers(one), rel=1e-6)
    assert other.mle.n == 150
    assert other.variance == pytest.approx(one.variance, rel=1e-9)


def test_the_size_of_blocks_changes_nothing(cloud, monkeypatch):
    x = cloud(150, 3)
    one = neighbourhoods(x, 7)
    monkeypatch.setattr(dimension, "MIB", 0.01)
    np.testing.assert_allclose(neighbourhoods(x, 7).distances, one.distances, rtol=1e-12)


def test_points_that_are_all_equally_far_have_no_dimension():
    assert mle_dimension(np.eye(5), k=3).value == np.inf
    assert two_nn_dimension(np.eye(5), discard=0).value == np.inf


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: mle_dimension(np.ones((9, 2))), "the representation is constant"),
        (lambda: effective_rank(np.full((9, 2), 0.1)), "constant"),
        (lambda: mle_dimension([[np.nan, 1.0]] * 9), "needs 2 or more inputs and finite numbers"),
        (lambda: mle_dimension(np.eye(5)), "has 5 distinct inputs, which is not more than k=20"),
        (lambda: mle_dimension(np.repeat(np.eye(5), 9, 0), 5), "has 5 distinct inputs"),
        (lambda: mle_dimension(np.eye(5), k=1), "needs k of 2 or more, got k=1"),
        (lambda: mle_dimension(np.eye(5), 2, published=True), "needs k of 3 or more, got k=2"),
        (lambda: mle_dimension(np.eye(5), k=0), "k must be 1 or more neighbours, got k=0"),
        (lambda: two_nn_dimension(np.eye(5), 1.0), "discard is a share from 0 to below 1, got 1.0"),
        (lambda: two_nn_dimension(np.eye(5), 0.5), "leaves fewer than 3 of 5 inputs"),
        (lambda: two_nn_dimension(neighbourhoods(np.eye(5), 1)), "need k of 2 or more, got k=1"),
    ],
)
def test_what_has_no_dimension_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_what_a_layer_does_not_have_is_not_a_number():
    constant = dimensions(np.full((50, 3), 0.1))
    assert np.isnan(numbers(constant)).all() and constant.variance == 0
    few = dimensions(np.repeat(np.eye(5), 9, axis=0))
    assert np.isnan(numbers(few)[:2]).all() and few.effective_rank == pytest.approx(4)
    with pytest.raises(InputError, match="encoder.0 needs 2 or more inputs and finite numbers"):
        dimensions([[np.inf, 1.0]] * 9, label="encoder.0")
