"""The information cascade: which latents are held back when, and what that costs."""

from math import log

import pytest
import torch

from replearn.errors import InputError
from replearn.models import CascadeVAEOutput, VAEOutput
from replearn.training.cascade_vae import CascadeVAELoss

# KL of a shift m is m^2 / 2: 0.5, 2 and 8 nats, in both of two images.
MEAN = torch.tensor([[1.0, 2.0, 4.0], [-1.0, 2.0, -4.0]])
IMAGES = torch.zeros(2, 1, 2, 2)
OUTPUT = VAEOutput(IMAGES, MEAN, MEAN, torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("step", "released", "penalty"),
    [
        (0, 0, 10 * (0.5 + 2 + 8)),
        (19_999, 0, 10 * (0.5 + 2 + 8)),
        (20_000, 1, 2 * 0.5 + 10 * (2 + 8)),
        (40_000, 2, 2 * (0.5 + 2) + 10 * 8),
        (60_000, 3, 2 * (0.5 + 2 + 8)),
        (10**7, 3, 2 * (0.5 + 2 + 8)),
    ],
)
def test_one_latent_after_the_other_pays_the_low_weight(step, released, penalty):
    terms = CascadeVAELoss()(OUTPUT, IMAGES, step)
    assert list(terms) == ["loss", "reconstruction", "kl", "released_latents"]
    assert terms["released_latents"] == released
    assert terms["kl"].item() == pytest.approx(10.5, rel=1e-6)
    assert terms["reconstruction"].item() == pytest.approx(4 * log(2), rel=1e-6)
    assert (terms["loss"] - terms["reconstruction"]).item() == pytest.approx(penalty, rel=1e-6)


def test_gradient_of_a_latent_is_its_weight_times_that_of_the_kl_term():
    mean = MEAN.clone().requires_grad_()
    output = VAEOutput(IMAGES, MEAN, mean, torch.zeros(2, 3))
    CascadeVAELoss(7.0, 3.0, 100)(output, IMAGES, 100)["loss"].backward()
    torch.testing.assert_close(mean.grad, MEAN / 2 * torch.tensor([3.0, 7.0, 7.0]))


def test_with_one_weight_it_is_the_beta_vae(output, images):
    # 5.821511 is the golden KL.
    terms = CascadeVAELoss(beta_high=4, beta_low=4)(output, images, 50_000)
    excess = (terms["loss"] - terms["reconstruction"]).item()
    assert excess == pytest.approx(4 * 5.821510739662845, rel=1e-12)


@pytest.mark.parametrize(
    ("chosen", "entropy"),
    [([0, 0, 0, 0], 0.0), ([0, 1, 0, 1], log(2)), ([0, 1, 2, 2], 1.5 * log(2))],
)
def test_use_of_categories_is_reported_and_costs_nothing(chosen, entropy):
    categories, zeros = torch.eye(3)[chosen], torch.zeros(4, 2)
    images = torch.zeros(4, 1, 2, 2)
    output = CascadeVAEOutput(
        images, torch.cat([zeros, categories], 1), zeros, zeros,
        category_nll=torch.zeros(4, 3), categories=categories,
    )  # fmt: skip
    terms = CascadeVAELoss()(output, images)
    assert terms["category_entropy"].item() == pytest.approx(entropy, abs=1e-6)
    assert terms["loss"] == terms["reconstruction"]
    none_yet = CascadeVAELoss()(
        CascadeVAEOutput(
            images, zeros, zeros, zeros,
            category_nll=torch.zeros(4, 3), categories=torch.zeros(4, 3),
        ),
        images,
    )  # fmt: skip
    assert none_yet["category_entropy"] == 0


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"beta_high": -1}, "beta_high must be a number of at least 0, got -1"),
        ({"beta_low": "2"}, "beta_low must be a number of at least 0, got '2'"),
        ({"steps_per_latent": 0}, "steps_per_latent must be greater than 0, got 0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        CascadeVAELoss(**params)
