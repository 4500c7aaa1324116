"""What holds for every loss of the registry."""

import pytest
import torch

from replearn.models import PredictorOutput, VAEOutput
from replearn.training.loss import Loss
from replearn.training.losses import LOSSES

SUPERVISED = {"cross_entropy", "mse"}


def example(name, requires_grad=True):
    """Return (loss, output, target) of 6 small images, for any loss of the registry."""
    g = torch.Generator().manual_seed(0)
    loss = LOSSES[name]()
    loss.bind(3, g)
    draws = [torch.randn(6, 3, generator=g).requires_grad_(requires_grad) for _ in range(3)]
    if name in SUPERVISED:
        target = torch.zeros(6, dtype=torch.long) if name == "cross_entropy" else torch.zeros(6, 3)
        return loss, PredictorOutput(draws[0]), target
    logits = torch.randn(6, 1, 4, 4, generator=g).requires_grad_(requires_grad)
    return loss, VAEOutput(logits, *draws), torch.rand(6, 1, 4, 4, generator=g)


@pytest.mark.parametrize("name", LOSSES)
def test_terms_are_finite_scalars_with_a_loss_that_has_a_gradient(name):
    loss, output, target = example(name)
    terms = loss(output, target, 0, torch.Generator())
    assert isinstance(loss, Loss)
    assert all(value.shape == () and torch.isfinite(value) for value in terms.values())
    terms["loss"].backward()
    assert output.logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_same_generator_gives_the_same_terms_and_the_global_one_is_not_drawn_from(name):
    loss, output, target = example(name, requires_grad=False)
    state = torch.get_rng_state()
    first = loss(output, target, 0, torch.Generator().manual_seed(1))
    second = loss(output, target, 0, torch.Generator().manual_seed(1))
    loss.after_step(torch.Generator())
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", LOSSES)
def test_optimisers_hold_every_parameter_of_the_loss(name):
    loss, *_ = example(name)
    held = [p for o in loss.optimizers.values() for g in o.param_groups for p in g["params"]]
    assert {id(p) for p in held} == {id(p) for p in loss.parameters()}
