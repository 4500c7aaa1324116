"""DIP-VAE: covariances against NumPy and the golden file, and what the penalties are."""

import numpy as np
import pytest
import torch

from replearn.errors import InputError
from replearn.models import VAEOutput
from replearn.training.dip_vae import DIPVAEIILoss, DIPVAEILoss, covariance


def test_covariance_is_that_of_numpy_and_the_golden_one(golden, output):
    found = covariance(output.mean)
    np.testing.assert_allclose(found, np.cov(output.mean, rowvar=False, bias=True), rtol=1e-12)
    torch.testing.assert_close(found, golden["loss__out__cov_mean__f64"], rtol=1e-12, atol=1e-15)


def example():
    """Means with variances 4 and 1 and covariance 0; posterior variances 0.25 and 2."""
    mean = torch.tensor([[2.0, 1], [2, -1], [-2, 1], [-2, -1]])
    logvar = torch.log(torch.tensor([[0.25, 2.0]])).expand(4, 2)
    zeros = torch.zeros(4, 1, 2, 2)
    return VAEOutput(zeros, mean, mean, logvar), zeros


def test_diagonal_is_the_distance_of_the_variances_from_1():
    output, images = example()
    # I: (4 - 1)^2 + (1 - 1)^2; II: (4.25 - 1)^2 + (3 - 1)^2.
    for loss, expected in ((DIPVAEILoss(), 9), (DIPVAEIILoss(), 14.5625)):
        terms = loss(output, images, 0)
        assert list(terms) == ["loss", "reconstruction", "kl", "off_diagonal", "diagonal"]
        assert terms["diagonal"].item() == pytest.approx(expected, rel=1e-6)
        assert terms["off_diagonal"].item() == pytest.approx(0, abs=1e-6)


def test_off_diagonal_counts_both_covariances_of_a_pair():
    output, images = example()
    rotation = torch.tensor([[1.0, 1], [-1, 1]]) / np.sqrt(2)
    turned = VAEOutput(output.logits, output.z, output.mean @ rotation, output.logvar)
    # Variances 4 and 1 turned by 45 degrees: variance 2.5, covariance 1.5.
    terms = DIPVAEILoss()(turned, images, 0)
    assert terms["off_diagonal"].item() == pytest.approx(2 * 1.5**2, rel=1e-5)
    assert terms["diagonal"].item() == pytest.approx(2 * 1.5**2, rel=1e-5)


@pytest.mark.parametrize(("loss", "factor"), [(DIPVAEILoss, 10), (DIPVAEIILoss, 1)])
def test_weight_of_the_diagonal_follows_the_other_unless_given(loss, factor):
    assert loss(lambda_od=3).lambda_d == 3 * factor
    assert loss(lambda_od=3, lambda_d=0).lambda_d == 0
    output, images = example()
    terms = loss(lambda_od=2)(output, images, 0)
    penalty = terms["loss"] - terms["reconstruction"] - terms["kl"]
    assert penalty.item() == pytest.approx(2 * factor * terms["diagonal"].item(), rel=1e-5)


@pytest.mark.parametrize("loss", [DIPVAEILoss, DIPVAEIILoss])
def test_bad_parameters_and_a_batch_of_one_are_refused_in_one_sentence(loss):
    with pytest.raises(InputError, match="lambda_od must be a number of at least 0, got -1"):
        loss(lambda_od=-1)
    with pytest.raises(InputError, match="lambda_od must be a number of at least 0, got 'x'"):
        loss(lambda_od="x")
    with pytest.raises(InputError, match="lambda_d must be a number of at least 0, got -2"):
        loss(lambda_d=-2)
    output, images = example()
    one = VAEOutput(output.logits[:1], output.z[:1], output.mean[:1], output.logvar[:1])
    with pytest.raises(InputError, match="DIPVAEI+Loss compares the images of a batch, .* got 1"):
        loss()(one, images[:1], 0)
    with torch.no_grad():
        # Covariance 0 for I; diag(0.25, 2) for II.
        expected = 2 if loss is DIPVAEILoss else 0.75**2 + 1
        assert loss()(one, images[:1], 0)["diagonal"].item() == pytest.approx(expected, rel=1e-6)
