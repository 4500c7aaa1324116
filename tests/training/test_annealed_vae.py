"""The annealed VAE: its capacity over steps, and which way it drives the KL term."""

import pytest
import torch

from replearn.errors import InputError
from replearn.models import VAEOutput
from replearn.training.annealed_vae import AnnealedVAELoss


@pytest.mark.parametrize(("step", "capacity"), [(0, 0), (2_500, 5), (10_000, 20), (10**6, 20)])
def test_capacity_grows_on_a_line_to_its_last_value(output, images, step, capacity):
    # 5.821511 is the golden KL.
    terms = AnnealedVAELoss(50, 20, 10_000)(output, images, step)
    assert list(terms) == ["loss", "reconstruction", "kl", "capacity"]
    assert terms["capacity"].item() == capacity
    excess = (terms["loss"] - terms["reconstruction"]).item()
    assert excess == pytest.approx(50 * abs(5.821510739662845 - capacity), rel=1e-12)


def test_without_steps_the_capacity_is_the_last_at_once(output, images):
    assert AnnealedVAELoss(capacity=7, capacity_steps=0)(output, images, 0)["capacity"] == 7


def test_absolute_value_is_of_the_mean_kl_not_of_each_image(images):
    # KL of means 1 and 3 is 0.5 and 4.5: their mean is the capacity.
    mean = torch.tensor([[1.0], [3.0]])
    output = VAEOutput(torch.zeros(2, 1, 2, 2), mean, mean, torch.zeros(2, 1))
    terms = AnnealedVAELoss(capacity=2.5, capacity_steps=0)(output, torch.zeros(2, 1, 2, 2), 0)
    assert terms["loss"] == terms["reconstruction"]


@pytest.mark.parametrize(("capacity", "sign"), [(1.0, 1), (9.0, -1)])
def test_kl_is_raised_below_the_capacity_and_lowered_above_it(capacity, sign):
    # d |KL - C| / d mean = sign(KL - C) mean / B, with KL = 2^2 / 2.
    mean = torch.full((3, 1), 2.0, requires_grad=True)
    zeros = torch.zeros(3, 1, 2, 2)
    loss = AnnealedVAELoss(gamma=6, capacity=capacity, capacity_steps=0)
    loss(VAEOutput(zeros, mean, mean, torch.zeros(3, 1)), zeros, 0)["loss"].backward()
    torch.testing.assert_close(mean.grad, torch.full((3, 1), sign * 4.0))


@pytest.mark.parametrize("name", ["gamma", "capacity", "capacity_steps"])
@pytest.mark.parametrize("value", [-1, float("nan"), "5"])
def test_bad_parameters_are_refused_in_one_sentence(name, value):
    with pytest.raises(InputError, match=f"{name} must be a number of at least 0, got {value!r}"):
        AnnealedVAELoss(**{name: value})
