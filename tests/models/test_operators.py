"""Operators on latents: the published formulas and numbers of parameters."""

import pytest
import torch

from replearn.errors import InputError
from replearn.models import CascadeVAE, initialise
from replearn.models.operators import OPERATORS

L, A, B = 10, 5, 7


def made(name, latent_size=L):
    operator = OPERATORS[name](latent_size=latent_size, n_factors=A)
    initialise(operator, torch.Generator().manual_seed(0))
    return operator


@pytest.fixture
def examples():
    draws = torch.Generator().manual_seed(1)
    z = torch.randn(2, B, L, generator=draws)
    action = torch.randint(A, (B,), generator=draws)
    return z[0], z[1], action, torch.eye(A)[action]


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    # The first three: counted in the published code; 25 · 128 + 128 + 128 · 10 + 10.
    [("fixint", 0), ("interp", 260), ("linear", 320), ("mlp", 4618)],
)
def test_parameters_are_as_many_as_published(name, n_parameters, examples):
    operator = made(name)
    assert sum(p.numel() for p in operator.parameters()) == n_parameters
    assert operator(*examples[:3]).shape == (B, L)


def test_fixed_interpolation_takes_the_latent_of_the_factor_over(examples):
    z_r, z_c, action, a = examples
    mask = torch.cat([a, torch.zeros(B, L - A)], 1)
    assert torch.equal(made("fixint")(z_r, z_c, action), z_r * (1 - mask) + z_c * mask)


def test_interpolation_weighs_each_latent(examples):
    z_r, z_c, action, a = examples
    operator = made("interp")
    weight, bias = operator.weights.weight, operator.weights.bias
    w = 1 / (1 + torch.exp(-(torch.cat([z_r, z_c, a], 1) @ weight.T + bias)))
    torch.testing.assert_close(operator(z_r, z_c, action), z_r * w + z_c * (1 - w))


def test_linear_is_the_sum_of_two_affine_maps(examples):
    z_r, z_c, action, a = examples
    operator = made("linear")
    parts = [(operator.reference, z_r), (operator.command, z_c)]
    expected = sum(torch.cat([z, a], 1) @ part.weight.T + part.bias for part, z in parts)
    torch.testing.assert_close(operator(z_r, z_c, action), expected)


def test_perceptron_has_one_hidden_layer(examples):
    z_r, z_c, action, a = examples
    operator = made("mlp")
    hidden = (torch.cat([z_r, z_c, a], 1) @ operator[0].weight.T + operator[0].bias).clamp(min=0)
    expected = hidden @ operator[2].weight.T + operator[2].bias
    torch.testing.assert_close(operator(z_r, z_c, action), expected)


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"fixint"}))
def test_reference_command_and_factor_all_count(name, examples):
    z_r, z_c, action, _ = examples
    operator = made(name)
    first = operator(z_r, z_c, action)
    for other in [(z_r + 1, z_c, action), (z_r, z_c + 1, action), (z_r, z_c, (action + 1) % A)]:
        assert (operator(*other) != first).any(1).all()


def test_as_many_latents_as_factors_are_enough():
    assert made("fixint", A)(torch.zeros(1, A), torch.ones(1, A), torch.tensor([4])).tolist() == [
        [0, 0, 0, 0, 1]
    ]


def test_fewer_latents_than_factors_are_refused():
    with pytest.raises(InputError, match="latent_size=4 is less than the 5 factors; choose more"):
        made("fixint", 4)


def test_columns_of_a_category_stay_with_the_reference_and_are_no_factors():
    # Four continuous latents for three factors, and a category of three.
    model = CascadeVAE((1, 32, 32), "higgins", "higgins", 4, n_categories=3)
    model.compose_with("fixint", 3)
    composed = model.operator(torch.zeros(3, 7), torch.ones(3, 7), torch.arange(3))
    assert torch.equal(composed, torch.eye(3, 7))
    with pytest.raises(InputError, match="latent_size=4 is less than the 5 factors"):
        model.compose_with("fixint", 5)
