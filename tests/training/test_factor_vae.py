"""FactorVAE: golden totals, the discriminator's training, halves and permutations."""

import numpy as np
import pytest
import torch
from torch import nn

from replearn.errors import InputError
from replearn.models import VAEOutput, initialise
from replearn.training.adversary import Discriminator, discriminator_loss
from replearn.training.elbo import VAELoss
from replearn.training.factor_vae import FactorVAELoss, permute_latents, total_correlation


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class FixedScores(nn.Module):
    """Returns the golden scores, whatever the latents."""

    def __init__(self, scores):
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, z):
        return self.scores + 0 * z[:, :2]


def test_total_correlation_and_discriminator_loss_are_the_golden_ones(golden):
    joint = golden["loss__in__disc_logits_z"]
    permuted = golden["loss__in__disc_logits_zshuffled"]
    torch.testing.assert_close(
        total_correlation(joint), golden["loss__out__factor_tc__f64"], rtol=1e-12, atol=0
    )
    # The published code clips probabilities to [1e-6, 1 - 1e-6]; none of these is that extreme.
    torch.testing.assert_close(
        discriminator_loss(joint, permuted),
        golden["loss__out__factor_disc_loss__f64"], rtol=1e-12, atol=0,
    )  # fmt: skip


@pytest.mark.parametrize("index", range(6))
def test_totals_are_the_golden_ones(golden, output, index):
    gamma = golden["loss__out__factor_vae_gammas"][index].item()
    loss = FactorVAELoss(gamma=gamma, same_batch=True)
    loss.discriminator = FixedScores(golden["loss__in__disc_logits_z"])
    total = loss(output, golden["loss__in__x"], 0)["loss"].item()
    expected = golden["loss__out__factor_vae_total__f64"][index].item()
    assert total == pytest.approx(expected, rel=1e-12)


def bound(latent_size=10, seed=0, **params):
    loss = FactorVAELoss(**params)
    loss.bind(latent_size, generator(seed))
    return loss.double()


def test_terms_add_up_and_beta_weighs_the_kl_term(golden, output):
    images = golden["loss__in__x"]
    terms = bound(gamma=7, beta=3)(output, images, 0, generator())
    plain = VAELoss(beta=3)(output, images, 0)
    assert list(terms) == ["loss", "reconstruction", "kl", "total_correlation", "discriminator"]
    assert all(value.shape == () for value in terms.values())
    torch.testing.assert_close(
        terms["loss"], plain["loss"] + 7 * terms["total_correlation"], rtol=1e-12, atol=0
    )


def test_total_correlation_is_that_of_the_first_half_or_the_whole_batch(golden, output):
    for same_batch, n in ((False, 4), (True, 8)):
        loss = bound(same_batch=same_batch)
        terms = loss(output, golden["loss__in__x"], 0, generator())
        scores = loss.discriminator(output.z[:n])
        expected = (scores[:, 0] - scores[:, 1]).mean()
        torch.testing.assert_close(terms["total_correlation"], expected)


def test_discriminator_learns_from_the_permuted_second_half(golden, output):
    loss = bound()
    terms = loss(output, golden["loss__in__x"], 0, generator(4))
    permuted = permute_latents(output.z[4:], generator(4))
    expected = discriminator_loss(loss.discriminator(output.z[:4]), loss.discriminator(permuted))
    torch.testing.assert_close(terms["discriminator"], expected.detach())


@pytest.mark.parametrize("source", [generator(3), None])
def test_permuted_latents_keep_each_column_and_break_the_rows(source):
    z = torch.arange(60.0).reshape(20, 3)
    permuted = permute_latents(z, source)
    assert torch.equal(permuted.sort(0).values, z)
    together = (permuted - permuted[:, :1]) == (z - z[:, :1])
    assert together.all(1).float().mean() < 0.5


def test_gradient_reaches_the_model_and_not_the_discriminator(golden, output):
    z = output.z.clone().requires_grad_()
    loss = bound()
    terms = loss(VAEOutput(output.logits, z, output.mean, output.logvar), golden["loss__in__x"], 0)
    terms["loss"].backward()
    assert z.grad[:4].abs().sum() > 0
    assert z.grad[4:].abs().sum() == 0
    assert all(p.grad is None for p in loss.discriminator.parameters())


def test_one_step_of_the_discriminator_follows_each_training_pass(golden, output):
    loss = bound()
    before = [p.clone() for p in loss.discriminator.parameters()]
    z = output.z.clone().requires_grad_()
    loss(VAEOutput(output.logits, z, output.mean, output.logvar), golden["loss__in__x"], 0)
    loss.after_step()
    first = [p.clone() for p in loss.discriminator.parameters()]
    # Adam's first step moves every weight that has a gradient by the learning rate.
    moved = max((a - b).abs().max().item() for a, b in zip(first, before, strict=True))
    assert moved == pytest.approx(1e-4, rel=1e-3)
    assert z.grad is None
    loss.after_step()
    assert all(
        torch.equal(a, b) for a, b in zip(first, loss.discriminator.parameters(), strict=True)
    )


def test_evaluation_does_not_train_the_discriminator(golden, output):
    loss = bound()
    before = [p.clone() for p in loss.discriminator.parameters()]
    with torch.no_grad():
        loss(output, golden["loss__in__x"], 0, generator())
    loss.after_step()
    assert all(
        torch.equal(a, b) for a, b in zip(before, loss.discriminator.parameters(), strict=True)
    )


def test_discriminator_finds_the_total_correlation_of_a_gaussian():
    # TC of a pair with correlation r is -log(1 - r^2) / 2 = 0.830 nats for r = 0.9.
    loss = FactorVAELoss()
    loss.discriminator = Discriminator(2, width=32, depth=2)  # small, to learn in a second
    initialise(loss.discriminator, generator())
    loss._optimizer = torch.optim.Adam(loss.discriminator.parameters(), lr=3e-3)
    draws = generator(1)
    images = torch.zeros(512, 1, 1, 1)
    found = []
    for _ in range(300):
        a, b = torch.randn(2, 512, generator=draws)
        z = torch.stack([a, 0.9 * a + np.sqrt(0.19) * b], dim=1)
        terms = loss(VAEOutput(images, z, z, z), images, 0, draws)
        found.append(terms["total_correlation"].item())
        loss.after_step()
    assert np.mean(found[-50:]) == pytest.approx(-np.log(1 - 0.81) / 2, abs=0.15)


@pytest.mark.parametrize(("same_batch", "n"), [(False, 3), (False, 2), (False, 1), (True, 1)])
def test_a_batch_without_a_permutation_is_not_trained_on(same_batch, n):
    loss = FactorVAELoss(same_batch=same_batch)
    loss.bind(4, generator())
    z = torch.randn(n, 4, generator=generator())
    images = torch.rand(n, 1, 8, 8)
    least = 2 if same_batch else 4
    with pytest.raises(InputError, match=f"training.batch_size must be at least {least}, got {n}"):
        loss(VAEOutput(images, z, z, z), images, 0, generator())
    with torch.no_grad():  # a last held-out batch
        terms = loss(VAEOutput(images, z, z, z), images, 0, generator())
    assert all(torch.isfinite(value) for value in terms.values())


@pytest.mark.parametrize(("same_batch", "n"), [(False, 4), (False, 5), (False, 7), (True, 2)])
def test_the_smallest_and_odd_batches_train(same_batch, n):
    loss = FactorVAELoss(same_batch=same_batch)
    loss.bind(4, generator())
    z = torch.randn(n, 4, generator=generator()).requires_grad_()
    images = torch.rand(n, 1, 8, 8)
    terms = loss(VAEOutput(images, z, z, z), images, 0, generator())
    terms["loss"].backward()
    loss.after_step(generator())
    assert all(torch.isfinite(value) for value in terms.values())


def test_discriminator_has_the_published_size_and_follows_its_generator():
    # 11 x 1000 + 5 x 1001 x 1000 + 1001 x 2.
    assert sum(p.numel() for p in Discriminator(10).parameters()) == 5_018_002
    state = torch.get_rng_state()
    one, two, other = bound(seed=1), bound(seed=1), bound(seed=2)
    torch.set_rng_state(state)
    weights = [loss.state_dict()["discriminator.0.weight"] for loss in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    group = one.optimizers["discriminator"].param_groups[0]
    assert (group["lr"], group["betas"]) == (1e-4, (0.5, 0.9))


def test_total_correlation_keeps_float32_under_autocast(golden, output):
    loss = bound().float()
    single = VAEOutput(
        output.logits.float(), output.z.float(), output.mean.float(), output.logvar.float()
    )
    exact = loss(single, golden["loss__in__x"].float(), 0, generator())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(single, golden["loss__in__x"].float(), 0, generator())
    for name, value in exact.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-6, atol=1e-6)


def test_bad_parameters_are_refused_in_one_sentence():
    with pytest.raises(InputError, match="gamma must be a number of at least 0, got -1"):
        FactorVAELoss(gamma=-1)
    with pytest.raises(InputError, match="discriminator_lr must be greater than 0, got 0"):
        FactorVAELoss(discriminator_lr=0)
    with pytest.raises(InputError, match="FactorVAELoss needs a model with latents, such as 'vae'"):
        FactorVAELoss().bind(0, generator())
