"""Optimisers by name against steps computed by hand."""

from math import sqrt

import pytest
import torch
from torch.nn import Parameter

from configs.training import TRAINING_PRESETS
from replearn.errors import InputError
from replearn.training.optimizers import OPTIMIZERS, make_optimizer

# Weights after two steps from w = 1 with the gradients 2 and 1 and lr 0.1, other values at their
# defaults, by the algorithms of the papers.
AFTER_TWO_STEPS = {
    # w - lr g / |g|, then m = 0.28, v = 0.004996 over their corrections 1 - 0.9^2, 1 - 0.999^2.
    "adam": 0.9 - 0.1 * (0.28 / 0.19) / sqrt(0.004996 / 0.001999),
    # The same steps, each from a weight that has shrunk by lr 0.01.
    "adamw": (0.999 - 0.1) * 0.999 - 0.1 * (0.28 / 0.19) / sqrt(0.004996 / 0.001999),
    # u = 2, then max(0.999 2, 1); the rate is lr / (1 - 0.9^t).
    "adamax": 0.9 - 0.1 / 0.19 * 0.28 / 1.998,
    # Mean squares 0.01 4 = 0.04, then 0.99 0.04 + 0.01.
    "rmsprop": 1 - 0.1 * 2 / 0.2 - 0.1 / sqrt(0.0496),
    "sgd": 1 - 0.1 * (2 + 1),
    # Sums of squares 4 and 5.
    "adagrad": 1 - 0.1 * (2 / sqrt(4) + 1 / sqrt(5)),
    # Mean squares 0.4 and 0.46 of the gradients; 0, then a tenth of the first step's square.
    "adadelta": 1
    - 0.1 * 2 * sqrt(1e-6 / 0.400001)
    - 0.1 * sqrt((0.1 * 4 * 1e-6 / 0.400001 + 1e-6) / 0.460001),
}


def weight_after(gradients, name, **params):
    weight = Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make_optimizer([weight], name, **params)
    for gradient in gradients:
        optimizer.zero_grad()
        (gradient * weight).sum().backward()
        optimizer.step()
    return weight.item()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_are_those_computed_by_hand(name):
    assert weight_after([2, 1], name, lr=0.1) == pytest.approx(AFTER_TWO_STEPS[name], abs=1e-7)


def test_nesterov_steps_ahead_along_the_momentum():
    # Velocities 2 and 0.9 2 + 2 = 3.8; steps 2 + 0.9 2 = 3.8 and 2 + 0.9 3.8 = 5.42.
    params = TRAINING_PRESETS["nesterov"]["optimizer"]["params"]
    after = weight_after([2, 2], "sgd", **{**params, "lr": 0.1})
    assert after == pytest.approx(1 - 0.1 * (3.8 + 5.42), abs=1e-12)


@pytest.mark.parametrize(
    "name, value, after",
    [
        # The gradient is 2 + 0.5 w; the second one 1 + 0.5 w.
        ("sgd", {"weight_decay": 0.5}, 0.75 - 0.1 * (1 + 0.5 * 0.75)),
        ("adagrad", {"lr_decay": 1.0}, 0.9 - 0.05 / sqrt(5)),
        ("adamax", {"betas": [0.0, 0.5]}, 0.8),
        # Without memory: sqrt(eps) g / |g|, then sqrt(first step squared + eps).
        ("adadelta", {"rho": 0.0, "eps": 1e-12}, 1 - 0.1e-6 * (1 + sqrt(2))),
        ("rmsprop", {"alpha": 0.0}, 0.8),
    ],
)
def test_every_parameter_has_its_effect(name, value, after):
    assert weight_after([2, 1], name, lr=0.1, **value) == pytest.approx(after, abs=1e-8)


def test_adam_is_fused_unless_told_otherwise_and_its_defaults_are_the_published_ones():
    weights = [Parameter(torch.ones(2))]
    group = make_optimizer(weights).param_groups[0]
    assert group["fused"] is True
    assert (group["lr"], group["betas"], group["eps"]) == (5e-4, (0.9, 0.999), 1e-8)
    assert make_optimizer(weights, fused=False).param_groups[0]["fused"] is False


def test_parameters_as_they_stand_in_a_config_are_taken():
    group = make_optimizer([Parameter(torch.ones(2))], "adam", betas=[0.5, 0.9]).param_groups[0]
    assert group["betas"] == (0.5, 0.9)


@pytest.mark.parametrize(
    ("name", "params", "sentence"),
    [
        ("adan", {}, "unknown optimizer 'adan'; did you mean 'adam'"),
        ("adam", {"rl": 1}, "optimizer 'adam' takes no parameter 'rl'; "),
        ("adam", {"lr": -1}, "lr must be a number of at least 0, got -1"),
        ("sgd", {"lr": 0}, "lr must be greater than 0, got 0"),
        ("sgd", {"weight_decay": -1}, "weight_decay must be a number of at least 0, got -1"),
        ("adam", {"betas": [2, 0.9]}, r"betas must be two numbers, .* than 1, got \[2, 0.9\]"),
        ("adamw", {"betas": [0.9]}, r"betas must be two numbers, .* got \[0.9\]"),
        ("adamax", {"betas": 3}, "betas must be two numbers, .* got 3"),
        ("adam", {"betas": ["a", "b"]}, r"betas must be two numbers, .* got \['a', 'b'\]"),
        ("adam", {"fused": "maybe"}, "fused must be True, False or None, got 'maybe'"),
        ("adam", {"eps": -1}, "optimizer 'adam' refuses its parameters: .*epsilon"),
        ("sgd", {"nesterov": True}, "optimizer 'sgd' refuses its parameters: Nesterov"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(name, params, sentence):
    with pytest.raises(InputError, match=sentence):
        make_optimizer([Parameter(torch.ones(1))], name, **params)
