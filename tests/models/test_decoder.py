"""The decoder of true factors: shapes, layers, sentences."""

import pytest
import torch

from replearn.errors import InputError
from replearn.models import DECODERS, MODELS, Decoder, initialise, layer_table
from replearn.registry import build

SHAPE = (1, 64, 64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_draws_factors_and_learns_from_all_of_its_weights(name):
    model = Decoder((3, 32, 32), name, n_factors=5)
    initialise(model, generator())
    output = model(torch.rand(4, 5, generator=generator(1)), generator())
    assert output.logits.shape == (4, 3, 32, 32)
    torch.testing.assert_close(output.x_mean, 1 / (1 + torch.exp(-output.logits)))
    output.logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_decoder_is_that_of_the_vae_of_as_many_latents():
    vae = MODELS["vae"](SHAPE, "kim", "kim", latent_size=5)
    model = Decoder(SHAPE, "kim", n_factors=5)
    model.decoder.load_state_dict(vae.decoder.state_dict())
    factors = torch.randn(3, 5, generator=generator())
    assert torch.equal(model(factors).logits, vae.decode(factors))


def test_layers_have_the_parameters_of_the_decoder_alone():
    model = Decoder(SHAPE, "kim", n_factors=10)
    rows = layer_table(model)
    assert [row.name for row in rows] == [f"decoder.{k}" for k in range(5)] + ["logits"]
    assert sum(row.n_parameters for row in rows) == 381_313  # as published
    assert rows[-1].shape == SHAPE


@pytest.mark.parametrize("shape", [(3, 4), (3,), (3, 1, 64, 64)])
def test_another_number_of_factors_is_refused_in_one_sentence(shape):
    with pytest.raises(InputError, match=r"expected values of 5 factors, \(B, 5\), got \("):
        Decoder(SHAPE, n_factors=5)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"decoder": "kin", "n_factors": 5}, "unknown decoder 'kin'; did you mean 'kim'?"),
        ({"n_factors": 0}, "n_factors must be a positive integer, got 0"),
        ({}, "model 'decoder' needs 'n_factors'"),
        ({"encoder": "kim", "n_factors": 5}, "model 'decoder' takes no parameter 'encoder'"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        build(MODELS, "decoder", kind="model", image_shape=SHAPE, **params)


def test_a_normalised_decoder_cannot_train_on_one_image_and_can_draw_one():
    model = Decoder(SHAPE, "deep_bn", n_factors=5)
    with pytest.raises(InputError, match="batch normalisation cannot train on a batch of 1 image"):
        model.train()(torch.zeros(1, 5))
    assert model.eval()(torch.zeros(1, 5)).logits.shape == (1, *SHAPE)
