"""The stochastic shape metric: published values, closed forms, and its laws."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from replearn.analysis.similarity import compare
from replearn.analysis.similarity.stochastic import Gaussians, descend
from replearn.errors import InputError


@pytest.fixture
def published(golden):
    def side(name):
        roots = np.array([sqrtm(covariance) for covariance in golden[f"S_gauss/c{name}"]])
        return Gaussians(golden[f"S_gauss/m{name}"], roots)

    return side("X"), side("Y")


@pytest.mark.parametrize(("alpha", "expected"), [(0, 1.7105), (1, 1.8605), (2, 0.8738)])
def test_published_values_of_full_covariances(published, alpha, expected):
    """netrep's GaussianStochasticMetric, which starts from the best rotation of the means."""
    x, y = published
    u, _, v = np.linalg.svd(x.means.T @ y.means)
    squared, rotation = descend(x, y, alpha, u @ v, 2000)
    assert np.sqrt(squared) == pytest.approx(expected, abs=5e-5)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(6), atol=1e-12)


def test_the_published_value_of_covariances_alone_is_a_local_minimum(published):
    x, y = published
    u, _, v = np.linalg.svd(np.einsum("nij,njk->ik", x.roots, y.roots))
    squared, _ = descend(x, y, 0.0, u @ v, 2000)
    assert np.sqrt(squared) < 1.2 < 1.7105


def test_the_bures_distance_is_scipys(published):
    """What is reached is the published formula at the rotation that is reached."""
    x, y = published
    squared, q = descend(x, y, 1.0, np.eye(6), 2000)
    total = 0.0
    for m, a, other, b in zip(x.means, x.roots, y.means, y.roots, strict=True):
        one, two = a @ a, q @ b @ b @ q.T
        cross = np.trace(sqrtm(a @ two @ a)).real
        total += np.sum((m - q @ other) ** 2) + np.trace(one) + np.trace(two) - 2 * cross
    assert squared == pytest.approx(total / 20, rel=1e-7)


def test_one_latent_is_a_closed_form(sample):
    """Of one latent Q is 1 or -1, and Bures is the difference of the standard deviations."""
    x, y = ({"mean": sample(40, 1, seed=k), "logvar": sample(40, 1, seed=k + 5)} for k in range(2))
    for alpha in (0.0, 0.5, 1.0, 2.0):
        spread = np.mean((np.exp(x["logvar"] / 2) - np.exp(y["logvar"] / 2)) ** 2)
        means = min(np.mean((x["mean"] - sign * y["mean"]) ** 2) for sign in (1, -1))
        expected = np.sqrt(alpha * means + (2 - alpha) * spread)
        assert compare(x, y, f"stochastic_shape:alpha={alpha}") == pytest.approx(expected, rel=1e-9)


def test_means_alone_are_the_uncentred_procrustes_distance(sample):
    x, y = ({"mean": sample(40, d, seed=d), "logvar": sample(40, d)} for d in (4, 6))
    nuclear = np.linalg.svd(x["mean"].T @ y["mean"], compute_uv=False).sum()
    squared = np.sum(x["mean"] ** 2) + np.sum(y["mean"] ** 2) - 2 * nuclear
    found = compare(x, y, "stochastic_shape:alpha=2.0")
    assert found == pytest.approx(np.sqrt(2 * squared / 40), rel=1e-9)


def test_reordered_latents_are_found_again(sample):
    mean, logvar = sample(60, 8), sample(60, 8, seed=1) - 2
    order = np.random.default_rng(0).permutation(8)
    signs = np.where(np.arange(8) % 2, 1, -1)
    other = {"mean": (mean * signs)[:, order], "logvar": logvar[:, order]}
    for alpha in (0.0, 1.0, 2.0):
        found = compare({"mean": mean, "logvar": logvar}, other, f"stochastic_shape:alpha={alpha}")
        assert found == pytest.approx(0.0, abs=1e-6)


def test_bad_posteriors_are_one_sentence(sample):
    x = {"mean": sample(10, 3), "logvar": sample(10, 3)}
    with pytest.raises(InputError, match="as posteriors, a mapping .*, got an array"):
        compare(x, sample(10, 3), "stochastic_shape")
    with pytest.raises(InputError, match="but logvar is missing"):
        compare(x, {"mean": x["mean"]}, "stochastic_shape")
    with pytest.raises(InputError, match=r"must have one shape, got \(10, 2\) and \(10, 3\)"):
        compare(x, x | {"logvar": sample(10, 2)}, "stochastic_shape")
    with pytest.raises(InputError, match="alpha must be between 0 and 2, got 3"):
        compare(x, x, "stochastic_shape:alpha=3")
