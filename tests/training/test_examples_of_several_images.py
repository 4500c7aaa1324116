"""Losses of examples of the composition task: two encoded images, one or three decoded ones."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from replearn.inputs import CompositionInput
from replearn.models import MODELS, VAEOutput, initialise
from replearn.training.losses import LOSSES

# Each with a model that it judges; the last reads more than a VAE says.
OF_VAES = [
    name
    for name, loss in LOSSES.items()
    if loss.judges == "auto-encoder" and name != "lie_group_vae"
]
PAIRS = [("vae", name) for name in OF_VAES] + [
    ("cascade_vae", "cascade_vae"), ("lie_group_vae", "lie_group_vae"),
]  # fmt: skip
B, D, PIXELS = 5, 3, (2, 4, 4)


def bound(name):
    loss = LOSSES[name]()
    loss.bind(D, torch.Generator().manual_seed(0))
    return loss.double()


def drawn(n_decoded):
    """The output and target of B examples, in double precision."""
    draws = torch.Generator().manual_seed(1)
    z, mean, logvar = torch.randn(3, 2 * B, D, generator=draws, dtype=torch.float64)
    logits = torch.randn(B, n_decoded, *PIXELS, generator=draws, dtype=torch.float64)
    target = torch.rand(B, n_decoded, *PIXELS, generator=draws, dtype=torch.float64)
    return VAEOutput(logits, z, mean, logvar, n_encoded=2), target


def test_elbo_is_that_of_three_images_and_two_posteriors():
    # [Σ reconstruction of three images + beta Σ KL of two posteriors] / B (Montero et al., 2022).
    output, target = drawn(3)
    x, p = target.numpy(), 1 / (1 + np.exp(-output.logits.numpy()))
    cross_entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    posterior = Normal(output.mean, (output.logvar / 2).exp())
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum().item()
    terms = LOSSES["beta_vae"](beta=10.0).double()(output, target)
    assert terms["loss"].item() == pytest.approx((cross_entropy.sum() + 10 * kl) / B, rel=1e-12)
    assert terms["reconstruction"].item() == pytest.approx(cross_entropy.sum() / B, rel=1e-12)
    assert terms["kl"].item() == pytest.approx(kl / (2 * B), rel=1e-12)
    last = cross_entropy[:, 2].sum() / B
    assert terms["transformed_reconstruction"].item() == pytest.approx(last, rel=1e-12)


@pytest.mark.parametrize("name", OF_VAES)
@pytest.mark.parametrize("n_decoded", [1, 3])
def test_penalty_is_that_of_all_encoded_images_once_for_each_of_an_example(name, n_decoded):
    output, target = drawn(n_decoded)
    loss = bound(name)
    terms = loss(output, target, 10, torch.Generator().manual_seed(2))
    blank = torch.zeros(2 * B, *PIXELS, dtype=torch.float64)
    pooled = VAEOutput(blank, output.z, output.mean, output.logvar)
    alone = loss(pooled, blank, 10, torch.Generator().manual_seed(2))
    penalty = alone["loss"] - alone["reconstruction"]
    expected = terms["reconstruction"] + 2 * penalty
    torch.testing.assert_close(terms["loss"], expected, rtol=1e-9, atol=1e-9)
    for term in set(alone) - {"loss", "reconstruction"}:
        torch.testing.assert_close(terms[term], alone[term], rtol=1e-12, atol=0)
    total = sum(loss.reconstruction(output.logits[:, k], target[:, k]) for k in range(n_decoded))
    torch.testing.assert_close(terms["reconstruction"], total, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("model", "name"), PAIRS)
@pytest.mark.parametrize("n", [2, 3, 5])
def test_every_loss_trains_the_model_and_its_discriminator_on_odd_batches(model, name, n):
    draws = torch.Generator().manual_seed(0)
    model = MODELS[model]((1, 32, 32), "higgins", "higgins", D).train()
    model.compose_with("interp", 4)
    initialise(model, draws)
    loss = LOSSES[name]()
    loss.bind(D, draws)
    images = torch.rand(n, 3, 1, 32, 32, generator=draws)
    examples = CompositionInput(images[:, :2], torch.randint(4, (n,), generator=draws))
    before = deepcopy(loss.state_dict())
    loss(model(examples, draws), images, 10, draws)["loss"].backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    loss.after_step(draws)
    for key, value in loss.state_dict().items():
        assert not torch.equal(value, before[key]), key
