"""The total correlation within a batch: golden, a Gaussian's closed form, extreme widths."""

import numpy as np
import pytest
import torch

from replearn.errors import InputError
from replearn.training.beta_tc_vae import BetaTCVAELoss, batch_total_correlation


def test_total_correlation_is_the_golden_one(golden, output):
    found = batch_total_correlation(output.z, output.mean, output.logvar)
    torch.testing.assert_close(found, golden["loss__out__batch_tc__f64"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_with_its_constant_it_is_the_total_correlation_of_a_gaussian(correlation):
    # Means N(0, C) and noise of variance 1/4 give z ~ N(0, C + I/4), whose TC is
    # -log(1 - rho^2) / 2 with rho = C_12 / 1.25; the batch is the data set, so N = B.
    rng = np.random.default_rng(0)
    n, rho = 2000, correlation / 1.25
    mean = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)
    z = mean + rng.normal(0, 0.5, (n, 2))
    logvar = torch.full((n, 2), np.log(0.25), dtype=torch.float64)
    found = batch_total_correlation(torch.from_numpy(z), torch.from_numpy(mean), logvar)
    # With N = B each q(z) is a mean over the batch: the constant is (D - 1) log B.
    assert found.item() + np.log(n) == pytest.approx(-np.log(1 - rho**2) / 2, abs=0.03)


def test_far_and_narrow_posteriors_stay_finite_in_float32():
    # Densities down to exp(-1e8): each latent of each image knows its image, so every sum is the
    # own density, and the two logarithms cancel.
    mean = torch.arange(12.0).reshape(4, 3).requires_grad_()
    logvar = torch.full((4, 3), -18.0, requires_grad=True)
    found = batch_total_correlation(mean.detach(), mean, logvar)
    found.backward()
    assert found.item() == pytest.approx(0, abs=1e-5)
    assert torch.isfinite(mean.grad).all() and torch.isfinite(logvar.grad).all()


def test_a_batch_of_one_trains_nothing_and_is_refused_in_one_sentence(output, images):
    one = type(output)(*(v[:1] for v in (output.logits, output.z, output.mean, output.logvar)))
    sentence = "BetaTCVAELoss compares the images of a batch, so training.batch_size must be at"
    with pytest.raises(InputError, match=sentence):
        BetaTCVAELoss()(one, images[:1], 0)
    with torch.no_grad():
        terms = BetaTCVAELoss()(one, images[:1], 0)
    assert terms["total_correlation"].item() == pytest.approx(0, abs=1e-12)


def test_negative_beta_is_refused_in_one_sentence():
    with pytest.raises(InputError, match="beta must be a number of at least 0, got -1"):
        BetaTCVAELoss(beta=-1)
