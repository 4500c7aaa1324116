"""Published architectures: parameter counts, feature maps, image sizes."""

from math import prod

import pytest
import torch

from replearn.errors import InputError
from replearn.models import DECODERS, ENCODERS
from replearn.models.architectures import BURGESS, KIM, LOCATELLO_ENCODER, Convolutional


def count(module):
    return sum(p.numel() for p in module.parameters())


# From the published code, run: lost-in-latent-space (burgess, kim) and VAE_learning_dynamics
# (locatello, and higgins as its "fully_connected"); 10 latents, 64 x 64 pixels.
@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("higgins", 1, 6_381_620),
        ("burgess", 1, 252_052),
        ("burgess", 3, 253_076),
        ("kim", 1, 382_932),
        ("kim", 3, 383_956),
        ("locatello", 1, 309_204),
        ("locatello", 3, 310_228),
    ],
)
def test_encoder_has_the_published_number_of_parameters(name, channels, expected):
    assert count(ENCODERS[name]((channels, 64, 64), 20)) == expected


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("higgins", 1, 7_814_896),
        ("kim", 1, 381_313),  # 764,245 with the encoder
        ("locatello", 1, 381_313),
        ("locatello", 3, 382_339),
    ],
)
def test_decoder_has_the_published_number_of_parameters(name, channels, expected):
    assert count(DECODERS[name](10, (channels, 64, 64))) == expected


def test_burgess_decoder_has_the_parameters_counted_by_hand():
    affine = 11 * 256 + 257 * 256 + 257 * 512
    transposed = 3 * (32 * 32 * 16 + 32) + (32 * 3 * 16 + 3)
    assert count(DECODERS["burgess"](10, (3, 64, 64))) == affine + transposed


def test_strides_halve_the_feature_maps_of_64_pixels():
    expected = [(3, 64, 64), (32, 32, 32), (32, 16, 16), (64, 8, 8), (64, 4, 4)]
    assert KIM.feature_shapes((3, 64, 64)) == expected
    assert LOCATELLO_ENCODER.feature_shapes((3, 64, 64)) == expected
    assert BURGESS.feature_shapes((1, 64, 64))[-1] == (32, 4, 4)


@pytest.mark.parametrize(
    "shape", [(1, 64, 64), (3, 64, 64), (1, 28, 28), (3, 33, 50), (2, 16, 128)]
)
@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_returns_images_of_the_size_that_the_encoder_takes(name, shape):
    images = torch.rand(2, *shape)
    outputs = ENCODERS[name](shape, 6)(images)
    assert outputs.shape == (2, 6)
    assert DECODERS[name](6, shape)(outputs).shape == images.shape


@pytest.mark.parametrize("name", ["burgess", "kim", "locatello"])
@pytest.mark.parametrize("shape", [(1, 15, 64), (1, 64, 15), (1, 8, 8)])
def test_too_small_images_are_refused_in_one_sentence(name, shape):
    sentence = (
        f"architecture '{name}' needs images of at least 16 x 16 pixels, "
        f"got {shape[1]} x {shape[2]}; choose larger images or .*'higgins'$"
    )
    with pytest.raises(InputError, match=sentence):
        ENCODERS[name](shape, 20)
    with pytest.raises(InputError, match=sentence):
        DECODERS[name](10, shape)


def test_smallest_size_is_the_smallest_that_leaves_a_pixel():
    # 1 <- 5 (kernel 5, stride 3) <- 11 (kernel 3, stride 2, padding 0)
    architecture = Convolutional("odd", ((4, 3, 2, 0), (4, 5, 3, 0)), (8,))
    assert architecture.smallest_size() == 11
    assert architecture.feature_shapes((1, 11, 11))[-1] == (4, 1, 1)
    with pytest.raises(InputError, match="at least 11 x 11 pixels, got 10 x 10"):
        architecture.encoder((1, 10, 10), 2)


def test_an_architecture_is_a_short_declaration():
    architecture = Convolutional("wide", ((8, 4, 2, 1), (16, 4, 2, 1)), (32, 24), init="glorot")
    encoder = architecture.encoder((1, 16, 16), 4)
    assert [tuple(p.shape) for p in encoder.parameters() if p.ndim > 1] == [
        (8, 1, 4, 4), (16, 8, 4, 4), (32, 256), (24, 32), (4, 24),
    ]  # fmt: skip
    decoder = architecture.decoder(2, (1, 16, 16))
    assert [tuple(p.shape) for p in decoder.parameters() if p.ndim > 1] == [
        (24, 2), (32, 24), (256, 32), (16, 8, 4, 4), (8, 1, 4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ENCODERS)
def test_no_layer_changes_the_output_of_another_in_place(name):
    kept = []
    encoder = ENCODERS[name]((1, 32, 32), 4)
    for module in encoder.modules():
        module.register_forward_hook(lambda _, __, output: kept.append((output, output.clone())))
    encoder(torch.rand(2, 1, 32, 32) - 0.5)
    assert all(torch.equal(seen, copy) for seen, copy in kept)
    assert prod(kept[-1][0].shape) == 8
