"""Errors of images, against scikit-image, closed forms and torch."""

from math import log, pi

import numpy as np
import pytest
import torch

from replearn.analysis.generalisation import bits_per_value, least_nll, ssim
from replearn.errors import InputError
from replearn.training.likelihoods import Likelihood

I = np.arange(24 * 20).reshape(1, 1, 24, 20)  # noqa: E741
X = (np.sin(I * 0.37) + 1) / 2
Y = (np.sin(I * 0.37 + 0.5) * np.cos(I * 0.05) + 1) / 2


def test_ssim_is_that_of_scikit_image():
    # skimage 0.26.0: structural_similarity(x, y, gaussian_weights=True, sigma=1.5,
    # use_sample_covariance=False, data_range=1), as its documentation says for Wang et al.
    assert ssim(X, Y)[0] == pytest.approx(0.037333089130998975, abs=1e-12)
    assert ssim(X, 1 - X)[0] == pytest.approx(-0.9498489717429996, abs=1e-12)


def test_ssim_of_flat_images_is_that_of_their_means():
    # Without variance only the luminance term is left: (2 a b + C1) / (a² + b² + C1), C1 = 1e-4.
    a, b = 0.25, 0.75
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    flat = np.ones((1, 3, 16, 11))
    assert ssim(a * flat, b * flat)[0] == pytest.approx(expected, rel=1e-9)


def test_ssim_is_one_of_equal_images_symmetric_and_a_mean_over_channels():
    pair = np.concatenate([X, Y], axis=1)
    other = np.concatenate([Y, Y], axis=1)
    assert ssim(X, X)[0] == pytest.approx(1, abs=1e-12)
    assert ssim(X, Y) == pytest.approx(ssim(Y, X), abs=1e-12)
    assert ssim(pair, other)[0] == pytest.approx((ssim(X, Y)[0] + 1) / 2, abs=1e-12)
    assert ssim(np.vstack([X, Y]), np.vstack([Y, Y])) == pytest.approx([*ssim(X, Y), 1])


def test_ssim_needs_images_of_one_shape_and_of_the_size_of_its_window():
    with pytest.raises(InputError, match="at least 11 x 11 pixels, the window of SSIM, got 10 x"):
        ssim(X[:, :, :10], X[:, :, :10])
    with pytest.raises(InputError, match="one shape"):
        ssim(X, X[:, :, :20])


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "squared_error"])
def test_no_reconstruction_is_better_than_the_image_itself(name):
    likelihood = Likelihood(name, 0.2 if name == "gaussian" else None)
    x = torch.from_numpy(np.concatenate([X, Y.clip(0.02, 0.98)]))
    own = likelihood.nll(torch.logit(x, eps=1e-12), x).numpy()
    least = least_nll(x.numpy(), name, 0.2)
    assert own == pytest.approx(least, rel=1e-6, abs=1e-5)
    for shift in (-0.3, 0.3):
        assert (likelihood.nll(torch.logit(x, eps=1e-12) + shift, x).numpy() > least).all()


def test_the_least_nll_has_closed_forms():
    grey = np.full((2, 3, 4, 5), 0.5)
    assert least_nll(grey) == pytest.approx(60 * log(2))
    assert least_nll(grey.round()).tolist() == [0, 0]
    assert least_nll(grey, "gaussian", 0.1) == pytest.approx(60 * log(2 * pi * 0.1) / 2)
    assert bits_per_value(60 * log(2), (3, 4, 5)) == pytest.approx(1)
    with pytest.raises(InputError, match="expected bernoulli, gaussian or squared_error, got 'l1'"):
        least_nll(grey, "l1")
