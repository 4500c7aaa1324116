"""First weights: published distributions, and one generator for all draws."""

from math import sqrt

import pytest
import torch
from torch import nn

from replearn.models import VAE, initialise
from replearn.models.initialisation import INITIALISATIONS


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Fan by hand, kernel area 4 x 4: a convolution has 3 x 16 inputs and 40 x 16 outputs; of a
# transposed convolution PyTorch and Keras count the same axes of its weight (in, out, 4, 4).
LAYERS = {
    "linear": (lambda: nn.Linear(50, 300), 50, 300),
    "conv": (lambda: nn.Conv2d(3, 40, 4), 48, 640),
    "transposed": (lambda: nn.ConvTranspose2d(40, 3, 4), 48, 640),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("init", INITIALISATIONS)
def test_weights_are_uniform_within_the_published_bound(name, init):
    make, fan_in, fan_out = LAYERS[name]
    layer = make()
    initialise(layer, generator(), init)
    squares = {"kaiming": 6 / fan_in, "glorot": 6 / (fan_in + fan_out), "pytorch": 1 / fan_in}
    bound = sqrt(squares[init])
    largest, deviation = layer.weight.abs().max().item(), layer.weight.std().item()
    assert 0.99 * bound < largest <= bound
    assert deviation == pytest.approx(bound / sqrt(3), rel=0.05)


def test_biases_are_those_of_a_new_layer_or_zero():
    layer = nn.Linear(400, 3000)
    initialise(layer, generator(), "kaiming")
    assert layer.bias.abs().max().item() == pytest.approx(1 / 20, rel=1e-2)
    initialise(layer, generator(), "pytorch")
    assert layer.bias.abs().max().item() == pytest.approx(1 / 20, rel=1e-2)
    initialise(layer, generator(), "glorot")
    assert layer.bias.abs().max() == 0


def test_pytorch_is_the_distribution_of_a_new_layer():
    torch.manual_seed(0)
    new, drawn = nn.ConvTranspose2d(40, 30, 4), nn.ConvTranspose2d(40, 30, 4)
    initialise(drawn, generator(), "pytorch")
    for one, two in zip(new.parameters(), drawn.parameters(), strict=True):
        assert one.abs().max().item() == pytest.approx(two.abs().max().item(), rel=0.1)
    assert new.weight.std().item() == pytest.approx(drawn.weight.std().item(), rel=0.02)


def test_weights_follow_the_generator_and_nothing_else():
    state = torch.get_rng_state()
    one, two = VAE((1, 32, 32)), VAE((1, 32, 32))
    torch.set_rng_state(state)
    initialise(one, generator(5))
    assert torch.equal(torch.get_rng_state(), state)
    initialise(two, generator(5))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    initialise(two, generator(6))
    assert not any(
        torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)
    )


def test_each_part_keeps_to_the_initialisation_of_its_architecture():
    model = VAE((1, 64, 64), encoder="kim", decoder="locatello")
    initialise(model, generator())
    biases = {name: p.abs().max() for name, p in model.named_parameters() if name.endswith("bias")}
    assert all((value > 0) == name.startswith("encoder") for name, value in biases.items())


def test_norms_start_at_one_and_zero():
    layer = nn.BatchNorm2d(3)
    nn.init.normal_(layer.weight)
    initialise(layer, generator())
    assert layer.weight.tolist() == [1, 1, 1]
    assert layer.bias.tolist() == [0, 0, 0]


def test_a_layer_without_a_rule_is_not_left_as_it_is():
    with pytest.raises(TypeError, match="no rule for Embedding"):
        initialise(nn.Sequential(nn.Embedding(3, 2)), generator())
