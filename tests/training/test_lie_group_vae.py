"""The Lie group VAE's loss: its terms by hand, on generators that do and do not interfere."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch

from replearn.errors import InputError
from replearn.models import LieGroupVAEOutput
from replearn.training.lie_group_vae import LieGroupVAELoss, interference

IMAGES = torch.zeros(2, 1, 2, 2)
# Of two 2 x 2 matrices: they turn and boost the plane.
TURN, BOOST = [[0.0, -1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]


def output_of(generators, features=None, mean=None):
    """An output of two grey images with these generators; the group is the identity."""
    generators = torch.tensor(generators)
    mean = torch.zeros(2, len(generators)) if mean is None else mean
    group = torch.eye(generators.shape[1]).flatten().expand(2, -1)
    features = group if features is None else features
    return LieGroupVAEOutput(
        IMAGES, mean, mean, torch.zeros_like(mean),
        features=features, group=group, decoded=group, generators=generators,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("generators", "hessian", "commutator"),
    [
        # Blocks of their own: neither product nor commutator.
        ([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]]], 0, 0),
        # Diagonal ones commute, and interfere: products diag(2, 0), twice of four pairs.
        ([[[1.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 0.0]]], 2 * 4 / 4, 0),
        # TURN BOOST = diag(-1, 1) = -BOOST TURN; the commutator is diag(-2, 2).
        ([TURN, BOOST], 2 * 2 / 4, 2 * 8 / 4),
        ([TURN], 0, 0),
    ],
)
def test_terms_of_generators_are_those_counted_by_hand(generators, hessian, commutator):
    found = interference(torch.tensor(generators))
    assert [value.item() for value in found] == pytest.approx([hessian, commutator])


def test_terms_of_any_generators_are_the_sums_that_they_are_written_as():
    a = np.random.default_rng(0).normal(size=(4, 3, 3))
    pairs = [(i, j) for i in range(4) for j in range(4)]
    hessian = sum(np.square(a[i] @ a[j]).sum() for i, j in pairs if i != j) / 16
    commutator = sum(np.square(a[i] @ a[j] - a[j] @ a[i]).sum() for i, j in pairs) / 16
    found = interference(torch.tensor(a))
    assert [value.item() for value in found] == pytest.approx([hessian, commutator], rel=1e-12)


def test_loss_is_the_weighted_sum_of_its_terms():
    mean = torch.tensor([[2.0, 0.0], [0.0, 4.0]])  # KL of 2 and 8 nats
    features = torch.eye(2).flatten() + torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 0]])
    output = output_of([TURN, BOOST], features, mean)
    loss = LieGroupVAELoss(3.0, 4.0, 100, lambda_hessian=5, lambda_feature=7, lambda_commute=11)
    terms = loss(output, IMAGES, 50)
    assert list(terms) == [
        "loss", "reconstruction", "kl", "capacity", "hessian", "feature_distance", "commutator",
    ]  # fmt: skip
    expected = {"reconstruction": 4 * log(2), "kl": 5, "capacity": 2, "hessian": 1,
                "feature_distance": 2.5, "commutator": 4}  # fmt: skip
    assert {k: terms[k].item() for k in expected} == pytest.approx(expected)
    total = 4 * log(2) + 3 * (5 - 2) + 5 * 1 + 7 * 2.5 + 11 * 4
    assert terms["loss"].item() == pytest.approx(total)


def test_of_examples_the_terms_of_images_count_twice_and_those_of_generators_once():
    mean = torch.tensor([[2.0, 0.0], [0.0, 4.0]])  # KL of 2 and 8 nats
    features = torch.eye(2).flatten() + torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 0]])
    alone = output_of([TURN, BOOST], features, mean)
    # One example of two encoded and three decoded images.
    output = replace(alone, logits=torch.zeros(1, 3, 1, 2, 2), n_encoded=2)
    loss = LieGroupVAELoss(3.0, 4.0, 100, lambda_hessian=5, lambda_feature=7, lambda_commute=11)
    terms = loss(output, torch.zeros(1, 3, 1, 2, 2), 50)
    total = 12 * log(2) + 2 * (3 * (5 - 2) + 7 * 2.5) + 5 * 1 + 11 * 4
    assert terms["loss"].item() == pytest.approx(total)
    assert terms["hessian"].item() == pytest.approx(1)


def test_published_strengths_are_the_defaults():
    mean = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    features = torch.eye(2).flatten() + torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 0]])
    terms = LieGroupVAELoss()(output_of([TURN, BOOST], features, mean), IMAGES)
    excess = (terms["loss"] - terms["reconstruction"]).item()
    assert excess == pytest.approx(1 * 5 + 40 * 1 + 0.1 * 2.5 + 0 * 4)


def test_gradients_reach_generators_features_and_group():
    generator = torch.Generator().manual_seed(0)
    leaves = [
        torch.randn(size, generator=generator, dtype=torch.float64, requires_grad=True)
        for size in ((3, 2, 2), (2, 4), (2, 4))
    ]
    zeros = torch.zeros(2, 3, dtype=torch.float64)
    loss = LieGroupVAELoss(lambda_commute=2.0)

    def total(generators, features, group):
        output = LieGroupVAEOutput(
            IMAGES.double(), zeros, zeros, zeros,
            features=features, group=group, decoded=group, generators=generators,
        )  # fmt: skip
        return loss(output, IMAGES.double())["loss"]

    assert torch.autograd.gradcheck(total, leaves)


def test_another_model_is_refused_in_one_sentence(output, images):
    with pytest.raises(InputError, match="is of the model 'lie_group_vae', .* add model.liegroup"):
        LieGroupVAELoss()(output, images)


@pytest.mark.parametrize("name", ["gamma", "lambda_hessian", "lambda_feature", "lambda_commute"])
def test_bad_parameters_are_refused_in_one_sentence(name):
    with pytest.raises(InputError, match=f"{name} must be a number of at least 0, got -1"):
        LieGroupVAELoss(**{name: -1})
