"""Traversals: KL against torch's distributions, and points that move along one axis only."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from replearn.analysis.traversal import (
    latent_kl,
    latent_order,
    traversal_latents,
    traversal_values,
    traverse,
)
from replearn.errors import InputError


def test_kl_by_hand():
    # KL(N(1, 1) || N(0, 1)) = 1/2; KL(N(0, e) || N(0, 1)) = (e - 2) / 2; the prior itself: 0.
    mean, logvar = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    assert latent_kl(mean, logvar) == pytest.approx([0.5, (np.e - 2) / 2, 0.0], abs=1e-15)


def test_kl_is_that_of_torch_averaged_over_images():
    rng = np.random.default_rng(0)
    mean, logvar = rng.normal(size=(50, 4)), rng.normal(size=(50, 4))
    posterior = Normal(torch.tensor(mean), torch.tensor(np.exp(logvar / 2)))
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).mean(0)
    assert latent_kl(mean, logvar) == pytest.approx(expected.numpy(), rel=1e-12)


def test_latents_are_ordered_by_falling_kl_with_nan_last():
    assert latent_order([0.5, np.nan, 2.0, 0.5]).tolist() == [2, 0, 3, 1]


def test_points_move_along_the_named_latents_alone():
    z = np.array([10.0, 20.0, 30.0])
    points = traversal_latents(z, n=5, latents=[2, 0])
    assert points.shape == (2, 5, 3)
    assert points[0, :, 2].tolist() == points[1, :, 0].tolist() == [-2, -1, 0, 1, 2]
    assert (points[0, :, :2] == [10.0, 20.0]).all()
    assert (points[1, :, 1:] == [20.0, 30.0]).all()
    assert z.tolist() == [10.0, 20.0, 30.0]
    assert traversal_latents(z).shape == (3, 9, 3)


def test_points_keep_the_type_of_z():
    assert traversal_latents(np.zeros(2, dtype=np.float32)).dtype == np.float32


def test_traverse_decodes_every_point():
    def decode(points):
        return np.broadcast_to(points.sum(axis=1)[:, None, None, None], (len(points), 1, 2, 2))

    images = traverse(decode, np.array([1.0, 5.0]), n=3, span=(-1, 1))
    assert images.shape == (2, 3, 1, 2, 2)
    assert images[:, :, 0, 0, 0].tolist() == [[4, 5, 6], [0, 1, 2]]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match=r"not \(3, 2\) and \(3,\)"):
        latent_kl(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(InputError, match="at least 2 values, not 1"):
        traversal_values(1)
    with pytest.raises(InputError, match="from low to high, not 2 to -2"):
        traversal_values(5, (2, -2))
    with pytest.raises(InputError, match=r"one point z \(D,\)"):
        traversal_latents(np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"indices from 0 to 2, not \[3\]"):
        traversal_latents(np.zeros(3), latents=[3])
