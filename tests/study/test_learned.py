"""How much better than the mean image a model is, computed by hand."""

from math import log, pi

import numpy as np
import pytest
import torch
from torch import nn

from replearn.study.learned import vae_scores
from replearn.study.task import Task
from replearn.training.batches import Batches
from replearn.training.elbo import VAELoss


class Code(nn.Module):
    """Latents that are the two pixels."""

    def encode(self, x):
        return x.flatten(1), torch.zeros(len(x), 2)


@pytest.fixture
def task():
    # Two pixels, each 0.25 or 0.75 in half of the images: the mean image is 0.5 everywhere.
    images = torch.tensor([[0.25, 0.75], [0.75, 0.25]]).view(2, 1, 1, 2)

    def fetch(index):
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
