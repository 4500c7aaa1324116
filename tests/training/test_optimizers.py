"""Optimisers by name against steps computed by hand."""

import pytest
import torch
from torch.nn import Parameter

from replearn.errors import InputError
from replearn.training.optimizers import OPTIMIZERS, make_optimizer

# First step from w = 1 with gradient 2 and lr 0.1. Adam: w - lr g / (|g| + eps). AdamW first
# shrinks w by lr 0.01. RMSprop: the mean square is 0.01 g^2, so w - lr g / (0.1 |g|).
FIRST_STEP = {"adam": 0.9, "adamw": 0.999 - 0.1, "sgd": 0.8, "rmsprop": 0.0}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_first_step_is_the_one_computed_by_hand(name):
    weight = Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make_optimizer([weight], name, lr=0.1)
    (2 * weight).sum().backward()
    optimizer.step()
    assert weight.item() == pytest.approx(FIRST_STEP[name], abs=1e-7)


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
        ("adam", {"betas": [2, 0.9]}, "optimizer 'adam' refuses its parameters: .*beta"),
        ("sgd", {"nesterov": True}, "optimizer 'sgd' refuses its parameters: Nesterov"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(name, params, sentence):
    with pytest.raises(InputError, match=sentence):
        make_optimizer([Parameter(torch.ones(1))], name, **params)
