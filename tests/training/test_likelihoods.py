"""Likelihoods against the golden file and closed forms."""

from math import log, pi

import numpy as np
import pytest
import torch
from scipy import stats

from replearn.errors import InputError
from replearn.training.likelihoods import (
    LIKELIHOODS,
    Likelihood,
    bernoulli_nll,
    gaussian_nll,
    squared_error,
)


def test_bernoulli_is_the_golden_cross_entropy(golden):
    nll = bernoulli_nll(golden["loss__in__recon_logits"], golden["loss__in__x"])
    torch.testing.assert_close(
        nll, golden["loss__out__bernoulli_per_sample__f64"], rtol=1e-12, atol=0
    )


def test_gaussian_of_variance_a_half_is_the_golden_squared_error_and_a_constant(golden):
    nll = gaussian_nll(golden["loss__in__recon_logits"], golden["loss__in__x"])
    constant = 16 * 16 * 3 * log(pi) / 2
    expected = golden["loss__out__l2_dislib_per_sample__f64"] + constant
    torch.testing.assert_close(nll, expected, rtol=1e-12, atol=0)


def test_squared_error_is_the_golden_one(golden):
    error = squared_error(golden["loss__in__recon_logits"], golden["loss__in__x"])
    expected = golden["loss__out__l2_dislib_per_sample__f64"]
    torch.testing.assert_close(error, expected, rtol=1e-12, atol=0)


def test_least_bernoulli_of_grey_images_is_the_golden_entropy(golden):
    x = golden["loss__in__x"]
    nll = bernoulli_nll(torch.logit(x), x)
    expected = golden["loss__out__true_image_entropy_dislib__f64"]
    torch.testing.assert_close(nll, expected, rtol=1e-6, atol=0)


def test_gaussian_is_the_density_of_scipy():
    logits = torch.tensor([[[[0.3, -2.0], [1.5, 0.0]]]], dtype=torch.float64)
    x = torch.tensor([[[[0.1, 0.9], [0.5, 1.0]]]], dtype=torch.float64)
    mean = 1 / (1 + np.exp(-logits.numpy()))
    expected = -stats.norm(mean, np.sqrt(0.02)).logpdf(x.numpy()).sum()
    assert gaussian_nll(logits, x, variance=0.02).item() == pytest.approx(expected, rel=1e-12)


def test_bernoulli_of_a_fair_coin_is_log_2_a_pixel():
    nll = bernoulli_nll(torch.zeros(3, 2, 4, 4), torch.rand(3, 2, 4, 4))
    np.testing.assert_allclose(nll, np.full(3, 32 * np.log(2)), rtol=1e-6)


def test_bernoulli_stays_finite_where_the_probability_underflows():
    # sigmoid(-200) = e^-200: the loss of missing a white pixel is 200 nats.
    assert bernoulli_nll(torch.full((1, 1, 1, 1), -200.0), torch.ones(1, 1, 1, 1)).item() == 200


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_half_precision_logits_are_summed_in_float32(name):
    logits = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    exact = Likelihood(name).nll(logits.double(), x.double())
    nll = Likelihood(name).nll(logits, x)
    assert nll.dtype == torch.float32
    np.testing.assert_allclose(nll, exact, rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (("bernouli",), "unknown likelihood 'bernouli'; did you mean 'bernoulli'?"),
        (("bernoulli", 0.1), "the likelihood 'bernoulli' has no variance; set likelihood=gaussian"),
        (("squared_error", 0.1), "the likelihood 'squared_error' has no variance; set"),
        (("gaussian", 0), "variance must be greater than 0, got 0"),
        (("gaussian", -1.0), "variance must be a number of at least 0, got -1.0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        Likelihood(*params)
