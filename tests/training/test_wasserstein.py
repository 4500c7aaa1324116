"""Wasserstein auto-encoders: the MMD against integrals, the adversary against a density ratio."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import nn

from replearn.errors import InputError
from replearn.models import VAEOutput, initialise
from replearn.training.adversary import Discriminator
from replearn.training.wasserstein import SCALES, WAEGANLoss, WAEMMDLoss, mmd, prior_sample


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def true_mmd(shift, variance, d=10, scale=10.0):
    """Return MMD^2 of N(0, v I) and N(shift, v I): C / (C + u) = C integral exp(-t (C + u)) dt,
    where the mean of exp(-t |x - y|^2) over Gaussians x and y is known."""

    def expected(c, distance):
        def integrand(t):
            spread = 1 + 4 * variance * t
            return c * np.exp(-c * t - t * distance / spread) * spread ** (-d / 2)

        return quad(integrand, 0, np.inf)[0]

    cs = [scale * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    return sum(2 * expected(c, 0) - 2 * expected(c, d * shift**2) for c in cs)


# Specification, composition.md 7 B1: one draw of 64 latents each with prior 2 N(0, 1) and C = 10.
PUBLISHED = {0: -0.0005, 0.5: 0.070, 1: 0.234, 3: 1.21}


@pytest.mark.parametrize("shift", PUBLISHED)
def test_mmd_has_the_expectation_of_the_integral_and_the_true_published_values(shift):
    draws = torch.tensor(
        [
            mmd(2 * normal(64, 10, seed=2 * i) + shift, 2 * normal(64, 10, seed=2 * i + 1), 10.0)
            for i in range(100)
        ]
    )
    error = draws.std().item()
    assert draws.mean().item() == pytest.approx(true_mmd(shift, 4), abs=3 * error / 10)
    assert true_mmd(shift, 4) == pytest.approx(PUBLISHED[shift], abs=error)
    assert error < 0.1


def test_mmd_is_the_u_statistic_of_its_definition():
    x, y = normal(4, 3), normal(5, 3, seed=1)

    def k(a, b):
        return sum(c * 6 / (c * 6 + ((a - b) ** 2).sum().item()) for c in SCALES)

    within = [np.mean([k(a, b) for a, b in permutations(v, 2)]) for v in (x, y)]
    expected = sum(within) - 2 * np.mean([k(a, b) for a, b in product(x, y)])
    assert mmd(x, y, 6.0).item() == pytest.approx(expected, rel=1e-12)


def test_mmd_is_symmetric_and_does_not_see_the_order_of_images():
    x, y = normal(8, 3), normal(8, 3, seed=1) + 1
    torch.testing.assert_close(mmd(x, y, 6.0), mmd(y, x, 6.0), rtol=1e-12, atol=0)
    torch.testing.assert_close(mmd(x, y, 6.0), mmd(x[[3, 1, 7, 0, 2, 5, 6, 4]], y, 6.0))


@pytest.mark.parametrize("variance", [1.0, 4.0])
def test_prior_is_matched_by_latents_of_its_variance_alone(variance):
    images = torch.zeros(500, 1, 2, 2, dtype=torch.float64)
    found = {}
    for mine in (1.0, 4.0):
        z = np.sqrt(mine) * normal(500, 4, seed=5)
        loss = WAEMMDLoss(prior_variance=variance)
        found[mine] = loss(VAEOutput(images, z, z, z), images, 0, generator(6))["mmd"].item()
    assert abs(found.pop(variance)) < 0.02
    assert min(found.values()) > 0.3


def test_terms_of_wae_mmd(golden, output, images):
    terms = WAEMMDLoss()(output, images, 0, generator(3))
    assert list(terms) == ["loss", "reconstruction", "kl", "mmd", "logvar_l1"]
    squared = golden["loss__out__l2_dislib_per_sample__f64"].mean().item()
    assert terms["reconstruction"].item() == pytest.approx(squared, rel=1e-12)
    # 2 D prior_variance = 20.
    expected = mmd(output.z, prior_sample(output.z, 1.0, generator(3)), 20.0)
    torch.testing.assert_close(terms["mmd"], expected, rtol=1e-12, atol=0)
    width = np.abs(output.logvar.numpy()).sum() / 8
    assert terms["logvar_l1"].item() == pytest.approx(width, rel=1e-12)
    total = squared + 10 * expected.item() + 0.001 * width
    assert terms["loss"].item() == pytest.approx(total, rel=1e-12)
    wide = WAEMMDLoss(kernel_scale=10, prior_variance=2)(output, images, 0, generator(3))
    expected = mmd(output.z, prior_sample(output.z, 2.0, generator(3)), 10.0)
    torch.testing.assert_close(wide["mmd"], expected, rtol=1e-12, atol=0)


def test_minimum_of_the_mmd_is_the_prior():
    shift = torch.full((2,), 3.0, requires_grad=True)
    width = torch.full((2,), 0.5, requires_grad=True)
    optimizer, draws = torch.optim.Adam([shift, width], lr=0.1), generator()
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        z = shift + width * torch.randn(200, 2, generator=draws)
        optimizer.zero_grad()
        mmd(z, prior_sample(z, 4.0, draws), 4.0).backward()
        optimizer.step()
    np.testing.assert_allclose(shift.detach(), [0, 0], atol=0.15)
    np.testing.assert_allclose(width.detach(), [2, 2], atol=0.15)


def test_a_batch_of_one_has_no_mmd(output, images):
    one = VAEOutput(output.logits[:1], output.z[:1], output.mean[:1], output.logvar[:1])
    with pytest.raises(InputError, match="WAEMMDLoss compares the images of a batch, .* got 1"):
        WAEMMDLoss()(one, images[:1], 0)
    with torch.no_grad():
        assert WAEMMDLoss()(one, images[:1], 0)["mmd"] == 0


class FixedScores(nn.Module):
    def __init__(self, scores):
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, z):
        return self.scores + 0 * z[:, :1]


def test_terms_of_wae_gan(golden, output, images):
    scores = golden["loss__in__disc_logits_z"]
    loss = WAEGANLoss(lambda_logvar=0.5)
    loss.discriminator = FixedScores(scores)
    terms = loss(output, images, 0, generator())
    assert list(terms) == [
        "loss", "reconstruction", "kl", "adversarial", "logvar_l1", "discriminator"
    ]  # fmt: skip
    odds = np.exp(scores.numpy())
    adversarial = -np.log(odds[:, 1] / odds.sum(1)).mean()
    assert terms["adversarial"].item() == pytest.approx(adversarial, rel=1e-12)
    own = -np.log(odds[:, 0] / odds.sum(1)).mean()
    assert terms["discriminator"].item() == pytest.approx((own + adversarial) / 2, rel=1e-12)
    squared = golden["loss__out__l2_dislib_per_sample__f64"].mean().item()
    total = squared + 10 * adversarial + 0.5 * np.abs(output.logvar.numpy()).sum() / 8
    assert terms["loss"].item() == pytest.approx(total, rel=1e-12)


def test_discriminator_of_wae_gan_has_the_published_size():
    loss = WAEGANLoss()
    loss.bind(10, generator())
    # 11 x 512 + 3 x 513 x 512 + 513 x 2.
    assert sum(p.numel() for p in loss.parameters()) == 794_626
    assert loss.optimizers["discriminator"].param_groups[0]["lr"] == 1e-3
    assert loss.discriminator(torch.full((1, 10), -1.0)).shape == (1, 2)
    assert loss.discriminator[1](torch.tensor(-1.0)) == 0  # a ReLU


def test_adversary_finds_the_density_ratio_of_two_gaussians():
    # q = N(1, 1) and p = N(0, 1): -log D = log(1 + q / p) with log q / p = z - 1 / 2.
    loss = WAEGANLoss()
    loss.discriminator = Discriminator(1, width=32, depth=2, slope=0.0)
    initialise(loss.discriminator, generator())
    loss._optimizer = torch.optim.Adam(loss.discriminator.parameters(), lr=3e-3)
    images, draws, found = torch.zeros(512, 1, 1, 1), generator(1), []
    for _ in range(250):
        z = torch.randn(512, 1, generator=draws) + 1
        found.append(loss(VAEOutput(images, z, z, z), images, 0, draws)["adversarial"].item())
        loss.after_step()
    expected = quad(
        lambda z: np.log1p(np.exp(z - 0.5)) * np.exp(-((z - 1) ** 2) / 2) / np.sqrt(2 * np.pi),
        -8, 10,
    )[0]  # fmt: skip
    assert np.mean(found[-50:]) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("loss", "params", "sentence"),
    [
        (WAEMMDLoss, {"lambda_mmd": -1}, "lambda_mmd must be a number of at least 0, got -1"),
        (WAEMMDLoss, {"kernel_scale": 0}, "kernel_scale must be greater than 0, got 0"),
        (WAEMMDLoss, {"prior_variance": 0}, "prior_variance must be greater than 0, got 0"),
        (WAEMMDLoss, {"lambda_logvar": float("inf")}, "lambda_logvar must be a number .* got inf"),
        (WAEGANLoss, {"lambda_gan": -1}, "lambda_gan must be a number of at least 0, got -1"),
        (WAEGANLoss, {"lambda_logvar": -1}, "lambda_logvar must be a number of at least 0"),
        (WAEGANLoss, {"prior_variance": -4}, "prior_variance must be a number of at least 0"),
        (WAEGANLoss, {"discriminator_lr": 0}, "discriminator_lr must be greater than 0, got 0"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(loss, params, sentence):
    with pytest.raises(InputError, match=sentence):
        loss(**params)
