"""Clouds of different dimension: published values, and the exact posterior of a few inputs."""

from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln

from replearn.analysis.dimension import neighbourhoods
from replearn.analysis.hidalgo import chains, hidalgo
from replearn.errors import InputError


@pytest.fixture(scope="module")
def golden():
    """250 inputs on a line and 250 in five dimensions, and what the published code finds."""
    with np.load(Path(__file__).parents[1] / "golden" / "vae_similarity.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("hidalgo__")}


@pytest.mark.slow
def test_a_line_and_a_ball_are_told_apart_as_published(golden):
    found = hidalgo(golden["hidalgo__in"], iterations=600)
    # Published order: the ball, then the line. Its draws are of another generator.
    assert found.dimensions == pytest.approx(golden["hidalgo__out__d"][::-1], abs=0.3)
    assert found.shares == pytest.approx(golden["hidalgo__out__p"][::-1], abs=0.06)
    line, ball = (np.bincount(part + 1, minlength=3) for part in np.split(found.classes, 2))
    assert line[1] >= 225 and ball[2] >= 225
    assert line[2] <= 10 and ball[1] <= 10
    published = np.array([-1, 1, 0])[golden["hidalgo__out__z"]]
    sure = (published >= 0) & (found.classes >= 0)
    assert np.mean(published[sure] == found.classes[sure]) > 0.97
    assert found.samples == 30 and found.probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.slow
def test_chains_draw_from_the_exact_posterior():
    rng = np.random.default_rng(0)
    n, q, coupling = 7, 2, 0.7
    ratios = rng.exponential(size=n) * [0.2, 0.2, 0.2, 1, 1, 1, 1]
    nearest = np.array([rng.choice(np.delete(np.arange(n), i), q, False) for i in range(n)])
    # All 2^7 classifications, dimensions and shares integrated out.
    states, weights = np.array(list(product([0, 1], repeat=n))), []
    for z in states:
        inside = (z[nearest] == z[:, None]).sum()
        log_weight = inside * np.log(coupling / (1 - coupling))
        for k in (0, 1):
            size, total = (z == k).sum(), ratios[z == k].sum()
            log_weight += 2 * gammaln(1 + size) - (1 + size) * np.log(1 + total)
            if size:
                partition = sum(
                    comb(size - 1, j) * comb(n - size, q - j)
                    * coupling**j * (1 - coupling) ** (q - j)
                    for j in range(q + 1)
                )  # fmt: skip
                log_weight -= size * np.log(partition)
        weights.append(np.exp(log_weight))
    weights = np.array(weights) / np.sum(weights)
    together = np.einsum("s,sij->ij", weights, states[:, :, None] == states[:, None])
    drawn, replicas, steps = np.zeros((n, n)), 400, 400
    for i, state in zip(range(steps), chains(ratios, nearest, 2, coupling, replicas, rng),
                        strict=False):  # fmt: skip
        if i >= steps // 4:
            z = state.classes
            drawn += (z[:, :, None] == z[:, None]).mean(axis=0) / (steps - steps // 4)
    np.testing.assert_allclose(drawn, together, atol=0.012)
    pairs = together[~np.eye(n, dtype=bool)]
    assert pairs.min() < 0.5 and pairs.max() > 0.85  # no flat law


def test_repeated_inputs_count_once_and_seeds_repeat():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.random((40, 1)) * [[9, 0, 0]], rng.standard_normal((40, 3)) + 20])
    twice = np.concatenate([x[:5], x])
    one, other = (hidalgo(given, iterations=40, replicas=2) for given in (x, twice))
    assert one.rows.tolist() == list(range(80))
    assert other.rows.tolist() == [*range(5), *range(10, 85)]
    again = hidalgo(x, iterations=40, replicas=2)
    np.testing.assert_array_equal(again.probabilities, one.probabilities)
    different = hidalgo(x, iterations=40, replicas=2, seed=1)
    assert (different.dimensions != one.dimensions).any()


def test_one_cloud_has_the_posterior_of_its_dimension():
    x = np.random.default_rng(2).standard_normal((300, 3))
    found = hidalgo(x, clouds=1, iterations=400, every=1, replicas=2)
    # Of a single cloud it is Gamma(1 + N, 1 + sum of log ratios).
    distances = neighbourhoods(x, 2).distances
    total = 1 + np.log(distances[:, 1] / distances[:, 0]).sum()
    assert found.dimensions == pytest.approx(301 / total, rel=0.02)
    assert found.errors == pytest.approx(np.sqrt(301) / total, rel=0.2)
    assert found.shares.tolist() == [1.0] and set(found.classes) == {0}


@pytest.mark.parametrize(
    "given, message",
    [
        ({"clouds": 0}, "clouds, neighbours, iterations, every and replicas must be 1 or more"),
        ({"coupling": 0.5}, "expected coupling above 0.5 and below 1"),
        ({"burn_in": 1.0}, "burn_in from 0 to below 1, got 0.8 and 1.0"),
        ({"neighbours": 9}, "has 5 distinct inputs, which is not more than k=9"),
    ],
)
def test_what_cannot_be_sampled_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        hidalgo(np.eye(5), **given)
