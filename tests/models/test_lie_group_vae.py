"""The Lie group VAE: its exponential map, what is decoded when, layers, sentences."""

from math import cos, cosh, sin, sinh

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from replearn.errors import InputError
from replearn.models import MODELS, LieGroupVAE, initialise, layer_table
from replearn.models.lie_group_vae import LieGroup
from replearn.registry import build

SHAPE = (1, 32, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def group_of(*generators):
    """A group with these generators, in float64."""
    group = LieGroup(len(generators), len(generators[0])).double()
    group.generators.data = torch.tensor(generators, dtype=torch.float64)
    return group


@pytest.fixture
def model():
    vae = LieGroupVAE(SHAPE, latent_size=4, matrix_size=3)
    initialise(vae, generator())
    return vae.eval()


@pytest.fixture
def images():
    return torch.rand(6, *SHAPE, generator=generator(1))


def test_zero_latents_are_the_identity():
    group = LieGroup(5, 4)
    group.draw_weights(generator())
    torch.testing.assert_close(group(torch.zeros(3, 5)), torch.eye(4).flatten().expand(3, 16))


def test_a_diagonal_generator_scales_and_an_antisymmetric_one_turns():
    diagonal = group_of([[1.0, 0], [0, -0.5]])(float64([[0.3], [2.0]]))
    expected = [[np.exp(t), 0, 0, np.exp(-t / 2)] for t in (0.3, 2.0)]
    np.testing.assert_allclose(diagonal.detach(), expected, rtol=1e-14)
    turned = group_of([[0.0, -1], [1, 0]])(float64([[0.7]]))
    expected = [[cos(0.7), -sin(0.7), sin(0.7), cos(0.7)]]
    np.testing.assert_allclose(turned.detach(), expected, rtol=1e-14)


def test_commuting_generators_act_one_after_the_other_and_others_do_not():
    # Entries of blocks of their own commute: exp(x A + y B) = exp(x A) exp(y B).
    turn, boost = np.zeros((4, 4)), np.zeros((4, 4))
    turn[:2, :2], boost[2:, 2:] = [[0, -1], [1, 0]], [[0, 1], [1, 0]]
    group = group_of(turn.tolist(), boost.tolist())
    both, x, y = group(float64([[0.4, 0.9], [0.4, 0], [0, 0.9]])).unflatten(1, (4, 4))
    torch.testing.assert_close(both, x @ y, rtol=1e-13, atol=1e-14)
    assert both[0, 0].item() == pytest.approx(cos(0.4), rel=1e-13)
    assert (both[2, 2].item(), both[2, 3].item()) == pytest.approx((cosh(0.9), sinh(0.9)))
    other = group_of([[0.0, -1], [1, 0]], [[0.0, 1], [1, 0]])
    both, x, y = other(float64([[0.4, 0.9], [0.4, 0], [0, 0.9]])).unflatten(1, (2, 2))
    assert (both - x @ y).abs().max() > 0.1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@pytest.mark.parametrize("scale", [1e-3, 0.3, 3.0])
def test_group_elements_are_those_of_scipy(scale, dtype, tolerance):
    rng = np.random.default_rng(0)
    generators, z = scale * rng.normal(size=(3, 5, 5)), rng.normal(size=(8, 3))
    group = group_of(*generators.tolist()).to(dtype)
    found = group(torch.tensor(z, dtype=dtype)).detach().double().numpy().reshape(8, 5, 5)
    expected = np.stack([expm(np.tensordot(row, generators, 1)) for row in z])
    error = np.abs(found - expected).max((1, 2)) / np.abs(expected).max((1, 2))
    assert error.max() < tolerance


def test_gradients_of_latents_and_generators_are_those_of_finite_differences():
    group = group_of(*np.random.default_rng(0).normal(size=(2, 3, 3)).tolist())
    z = torch.randn(2, 2, generator=generator(), dtype=torch.float64, requires_grad=True)

    def of(latents, generators):
        return torch.func.functional_call(group, {"generators": generators}, (latents,))

    assert torch.autograd.gradcheck(of, (z, group.generators))


def test_new_generators_are_drawn_with_the_published_deviation():
    model = LieGroupVAE(SHAPE)
    initialise(model, generator(3))
    generators = model.lie_group.generators
    assert generators.shape == (10, 10, 10)
    assert generators.std().item() == pytest.approx(0.001, rel=0.1)
    assert generators.mean().abs().item() < 2e-4
    again = LieGroupVAE(SHAPE)
    initialise(again, generator(3))
    assert torch.equal(again.lie_group.generators, generators)


def test_the_group_is_not_in_half_precision(model, images):
    exact = model(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(images)
    fields = ("mean", "logvar", "z", "features", "group")
    assert all(getattr(half, field).dtype == torch.float32 for field in fields)
    torch.testing.assert_close(half.group, model.lie_group(half.z), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(half.group, exact.group, rtol=0.05, atol=0.05)


def test_what_is_decoded_is_the_group_and_in_training_at_times_the_features(model, images):
    model.feature_probability = 0.3
    output = model(images, generator(2))
    assert torch.equal(output.decoded, output.group)  # in evaluation always
    torch.testing.assert_close(output.logits, model.decode(output.z))
    model.train()
    assert torch.equal(model(images).decoded, model(images).group)  # and without a generator
    noise, share = generator(5), []
    for _ in range(200):
        output = model(images[:1], noise)
        of_features = torch.equal(output.decoded, output.features)
        assert of_features != torch.equal(output.decoded, output.group)
        torch.testing.assert_close(output.logits, model.decoder(output.decoded))
        share.append(of_features)
    assert 0.2 < np.mean(share) < 0.4  # 3 standard errors


@pytest.mark.parametrize(("probability", "reached"), [(0.0, True), (1.0, False)])
def test_gradients_go_where_the_decoder_reads(model, images, probability, reached):
    model.feature_probability = probability
    model.train()(images, generator()).logits.square().sum().backward()
    moved = {
        name: p.grad is not None and p.grad.abs().sum() > 0 for name, p in model.named_parameters()
    }
    assert moved["lie_group.generators"] == moved["to_mean.0.weight"] == reached
    assert moved["encoder.0.0.weight"] and moved["decoder.0.0.weight"]


def test_layers_have_the_parameters_of_the_network(model):
    rows = {row.name: row for row in layer_table(LieGroupVAE((1, 64, 64)))}
    names = list(rows)
    assert names[5:10] == ["features", "mean", "logvar", "z", "group"]
    assert rows["features"].n_parameters == 257 * 100
    assert rows["mean"].n_parameters == rows["logvar"].n_parameters == 101 * 400 + 401 * 10
    assert rows["group"].n_parameters == 10 * 10 * 10 and rows["group"].shape == (100,)
    assert rows["decoder.0"].n_parameters == 101 * 256
    total = sum(p.numel() for p in LieGroupVAE((1, 64, 64)).parameters())
    assert sum(row.n_parameters for row in rows.values()) == total


def test_another_decoder_reads_the_group(images):
    model = LieGroupVAE(SHAPE, "burgess", "sbd3", latent_size=2, matrix_size=2)
    assert model(images).logits.shape == images.shape
    model.compose_with("interp", 5)
    assert model.operator is not None


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"matrix_size": 0}, "matrix_size must be a positive integer, got 0"),
        ({"feature_probability": 1.5}, "feature_probability must be a number from 0 to 1, got 1.5"),
        ({"latent_size": 0}, "latent_size must be a positive integer, got 0"),
        ({"encoder": "kin"}, "unknown encoder 'kin'; did you mean 'kim'?"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        build(MODELS, "lie_group_vae", kind="model", image_shape=SHAPE, **params)
