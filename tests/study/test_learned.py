"""What the scores of a trained auto-encoder are, computed by hand."""

from math import log, pi

import numpy as np
import pytest
import torch
from torch import nn

from replearn.analysis.aggregate_posterior import aggregate_covariance
from replearn.models import VAEOutput
from replearn.study.learned import latent_scores, vae_scores
from replearn.study.task import Task
from replearn.training.batches import Batches
from replearn.training.dip_vae import DIPVAEIILoss
from replearn.training.elbo import VAELoss


class Code(nn.Module):
    """Latents that are the two pixels."""

    def encode(self, x):
        return x.flatten(1), torch.zeros(len(x), 2)


@pytest.fixture
def task():
    # Two pixels, each 0.25 or 0.75 in half of the images: the mean image is 0.5 everywhere.
    images = torch.tensor([[0.25, 0.75], [0.75, 0.25]]).view(2, 1, 1, 2)

    def fetch(index, generator):
        return images[index], images[index]

    return Task(Batches(fetch, np.arange(2), 2), Batches(fetch, np.arange(2), 2))


def test_the_gaussian_ratio_is_that_of_squared_errors(task):
    variance = 0.1
    constant = 2 * log(2 * pi * variance) / 2
    # A model that is off by 0.05 everywhere: squared errors 2 · 0.05² and 2 · 0.25².
    held_out = 2 * 0.05**2 / (2 * variance) + constant
    scores = vae_scores(Code(), VAELoss(likelihood="gaussian", variance=variance), task, held_out)
    assert scores["reconstruction_ratio"] == pytest.approx((0.05 / 0.25) ** 2, rel=1e-4)
    mean_image = 2 * 0.25**2 / (2 * variance) + constant
    assert scores["mean_image_reconstruction"] == pytest.approx(mean_image, rel=1e-5)


def test_the_bernoulli_ratio_is_that_of_the_terms(task):
    scores = vae_scores(Code(), VAELoss(), task, held_out=1.0)
    assert scores["mean_image_reconstruction"] == pytest.approx(2 * log(2), rel=1e-5)
    assert scores["reconstruction_ratio"] == pytest.approx(1 / (2 * log(2)), rel=1e-5)
    assert scores["active_latents"] == 2


def test_the_latents_of_a_run_are_scored(task):
    # The latents are the pixels: means (.25, .75) and (.75, .25), so variances 1/16 and covariance
    # -1/16; the variances within are 1, so the correlation is -1/17.
    scores = vae_scores(Code(), VAELoss(), task, held_out=1.0)
    assert scores["latent_covariance"] == pytest.approx(2 / 16**2, rel=1e-6)
    assert scores["latent_total_correlation"] == pytest.approx(-log(1 - 1 / 17**2) / 2, rel=1e-6)


def imq_against_prior(shift, n=400_000):
    """MMD^2 between N((shift, 0), I) and N(0, I), by drawing pairs: kernels of C = 2 D = 4."""
    rng = np.random.default_rng(1)

    def kernel(mean):
        squared = (rng.normal(size=(n, 2)) * np.sqrt(2) + [mean, 0.0]) ** 2
        return sum(np.mean(4 * c / (4 * c + squared.sum(1))) for c in (0.1, 0.2, 0.5, 1, 2, 5, 10))

    return 2 * kernel(0.0) - 2 * kernel(shift)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 3.0])
def test_the_discrepancy_is_the_true_one(shift):
    # Half of the variance within the images, half between their means.
    mean = torch.randn(5000, 2, generator=torch.Generator().manual_seed(5)) / 2**0.5
    mean[:, 0] += shift
    logvar = torch.full_like(mean, log(0.5))
    found = latent_scores(mean, logvar)["latent_mmd"]
    assert found == pytest.approx(imq_against_prior(shift), abs=0.01 + 0.1 * shift)


def test_scores_of_latents_do_not_depend_on_chance():
    mean, logvar = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    assert latent_scores(mean, logvar) == latent_scores(mean, logvar)


def test_what_is_not_defined_is_left_out():
    assert latent_scores(torch.ones(1, 3), torch.zeros(1, 3)) == {}
    # The second latent is twice the first, and next to nothing is drawn: a singular covariance.
    line = torch.tensor([[-1.0, -2.0], [0.0, 0.0], [1.0, 2.0]]).double()
    scores = latent_scores(line, torch.full_like(line, -800.0))
    assert set(scores) == {"latent_covariance", "latent_mmd"}
    assert scores["latent_covariance"] == pytest.approx(2 * (4 / 3) ** 2, rel=1e-12)


def test_a_run_with_one_held_out_image_has_no_scores_of_its_latents(task):
    one = Task(task.training, Batches(task.held_out.fetch, np.arange(1), 1))
    scores = vae_scores(Code(), VAELoss(), one, held_out=1.0)
    assert set(scores) == {"active_latents", "mean_image_reconstruction", "reconstruction_ratio"}


def test_the_covariance_is_the_one_that_dip_vae_holds_down():
    mean, logvar = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0)).double()
    loss, images = DIPVAEIILoss(), torch.zeros(40, 1, 1, 1)
    expected = aggregate_covariance(mean, logvar)
    np.testing.assert_allclose(loss.covariance(mean, logvar), expected, rtol=1e-12)
    held_down = loss(VAEOutput(images, mean, mean, logvar), images)["off_diagonal"].item()
    assert latent_scores(mean, logvar)["latent_covariance"] == pytest.approx(held_down, rel=1e-9)
