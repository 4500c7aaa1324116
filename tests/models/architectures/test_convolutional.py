"""Convolutional architectures: feature maps, image sizes, padding, pooling, normalisation."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import nn

from replearn.errors import InputError
from replearn.models import DECODERS, ENCODERS
from replearn.models.architectures import Convolutional
from replearn.models.architectures.catalogue import (
    BURGESS,
    CHADEBEC_CONV,
    DEEPCONV_DECODER,
    DEEPCONV_ENCODER,
    KIM,
    LOCATELLO_ENCODER,
    MPCNN,
    MURPHY_DECODER,
    MURPHY_ENCODER,
)
from replearn.models.architectures.convolutional import BatchNorm


def test_strides_halve_the_feature_maps_of_64_pixels():
    expected = [(3, 64, 64), (32, 32, 32), (32, 16, 16), (64, 8, 8), (64, 4, 4)]
    assert KIM.feature_shapes((3, 64, 64)) == expected
    assert LOCATELLO_ENCODER.feature_shapes((3, 64, 64)) == expected
    assert BURGESS.feature_shapes((1, 64, 64))[-1] == (32, 4, 4)
    assert DEEPCONV_ENCODER.feature_shapes((1, 64, 64))[-1] == (256, 4, 4)
    assert DEEPCONV_DECODER.feature_shapes((1, 64, 64))[-1] == (256, 4, 4)
    assert MPCNN.feature_shapes((1, 64, 64))[1:] == [(32, 32, 32), (32, 16, 16), (32, 8, 8)]


def test_feature_maps_of_28_pixels_are_the_published_ones():
    assert MURPHY_ENCODER.feature_shapes((1, 28, 28))[1:] == [(32, 14, 14), (64, 7, 7)]
    assert MURPHY_DECODER.feature_shapes((1, 28, 28))[-1] == (32, 7, 7)
    expected = [(16, 14, 14), (32, 7, 7), (32, 4, 4)]  # 512 = 32 x 4 x 4 features
    assert CHADEBEC_CONV.feature_shapes((1, 28, 28))[1:] == expected


def test_blocks_of_the_deepconv_decoder_double_the_image_last():
    decoder = DECODERS["deepconv"](10, (1, 64, 64))
    shapes = []
    for block in list(decoder)[5:]:
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    decoder(torch.zeros(1, 10))
    blocks = [(256, 4)] * 3 + [(256, 8)] + [(128, 8)] * 3 + [(128, 16)]
    blocks += [(64, 16), (64, 32), (32, 32), (32, 64), (1, 64)]
    assert shapes == [(channels, size, size) for channels, size in blocks]


@pytest.mark.parametrize("name", ["burgess", "kim", "kim_bn", "locatello", "watters", "tolstikhin"])
@pytest.mark.parametrize("shape", [(1, 15, 64), (1, 64, 15)])
def test_too_small_images_are_refused_in_one_sentence(name, shape):
    sentence = (
        f"^architecture '{name}' needs images of at least 16 x 16 pixels, "
        f"got {shape[1]} x {shape[2]}; choose larger images or .*'higgins'$"
    )
    with pytest.raises(InputError, match=sentence):
        ENCODERS[name](shape, 20)
    with pytest.raises(InputError, match=sentence):
        DECODERS[name](10, shape)


# Five halvings; three poolings; 4 x 4 pixels whose kernel "same" padding fits; 28 x 28 nets.
@pytest.mark.parametrize(
    ("name", "smallest"),
    [("abdi", 32), ("montero", 32), ("mpcnn", 8), ("deepconv", 16), ("murphy", 4),
     ("chadebec_conv", 1), ("deep", 16)],
)  # fmt: skip
@pytest.mark.parametrize("registry", [ENCODERS, DECODERS])
def test_the_smallest_size_is_the_smallest_that_can_be_built(registry, name, smallest):
    if name not in registry:
        return
    arguments = (lambda shape: (shape, 4)) if registry is ENCODERS else (lambda shape: (4, shape))
    with torch.device("meta"):
        registry[name](*arguments((1, smallest, smallest)))
        if smallest > 1:
            with pytest.raises(InputError, match=f"at least {smallest} x {smallest} pixels, got"):
                registry[name](*arguments((1, smallest, smallest - 1)))


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


def test_an_unknown_part_of_a_block_is_an_error_of_the_declaration():
    with pytest.raises(ValueError, match="'wrong' has an unknown part 'drop'"):
        Convolutional("wrong", ((8, 4, 2, 1),), (4,), order=("conv", "drop")).encoder((1, 8, 8), 2)


SAME = Convolutional("same", ((1, 4, 1, "same"),), (4,), order=("conv",))


def test_same_padding_of_an_even_kernel_is_that_of_tensorflow():
    # One zero before and two after: as for a kernel of 4 and stride 1 in TensorFlow.
    block = SAME.encoder((1, 5, 7), 2)[0].double()
    weight, bias = (p.detach().numpy() for p in block.parameters())
    image = np.random.default_rng(0).normal(size=(5, 7))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, (1, 2)), (4, 4))
    expected = (windows * weight[0, 0]).sum((2, 3)) + bias
    found = block(torch.from_numpy(image)[None, None]).detach().numpy()[0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_same_padding_of_an_even_transposed_kernel_is_the_gradient_of_that_convolution():
    # SciPy's "same" starts at the second value of the full convolution, as TensorFlow's does.
    block = SAME.decoder(2, (1, 5, 7))[-1].double()
    weight, bias = (p.detach().numpy() for p in block.parameters())
    image = np.random.default_rng(0).normal(size=(5, 7))
    found = block(torch.from_numpy(image)[None, None]).detach().numpy()[0, 0]
    expected = convolve2d(image, weight[0, 0], mode="same") + bias
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_upsampling_is_bilinear_with_the_corners_in_place():
    # A ramp along an axis stays one, from corner to corner, at twice the size and at odd sizes.
    decoder = MPCNN.decoder(10, (1, 18, 23))
    upsample = decoder[-1][0]
    small, large = MPCNN.feature_shapes((1, 18, 23))[1][1:], (18, 23)
    ramp = torch.linspace(0, 1, small[0])[:, None] + torch.linspace(0, 3, small[1])
    expected = torch.linspace(0, 1, large[0])[:, None] + torch.linspace(0, 3, large[1])
    torch.testing.assert_close(upsample(ramp[None, None])[0, 0], expected)


def parts(block):
    return [type(module) for module in block.modules() if not list(module.children())]


def test_normalisation_stands_where_it_was_published():
    shape = (1, 64, 64)
    encoder, decoder = list(ENCODERS["kim_bn"](shape, 20)), list(DECODERS["kim_bn"](10, shape))
    for half in (encoder[:4], decoder[2:5]):
        assert all(parts(block)[1:] == [nn.ReLU, BatchNorm] for block in half)
        assert all(block[2].momentum == 0.001 for block in half)
    assert parts(decoder[-1]) == [nn.ConvTranspose2d]
    for block in list(ENCODERS["tolstikhin"](shape, 20))[:4]:
        assert parts(block) == [nn.Conv2d, BatchNorm, nn.ReLU] and block[1].momentum == 0.1
    decoder = list(DECODERS["tolstikhin"](10, shape))
    assert all(parts(b) == [BatchNorm, nn.ConvTranspose2d, nn.ReLU] for b in decoder[2:5])
    assert parts(decoder[-1]) == [BatchNorm, nn.ConvTranspose2d]
    assert [b[0].num_features for b in decoder[2:]] == [1024, 512, 256, 128]


def test_pooling_and_upsampling_stand_where_they_were_published():
    shape = (3, 64, 64)
    encoder, decoder = list(ENCODERS["mpcnn"](shape, 20)), list(DECODERS["mpcnn"](10, shape))
    assert all(parts(b) == [nn.Conv2d, nn.MaxPool2d, nn.ReLU] for b in encoder[:3])
    assert all(parts(b) == [nn.Upsample, nn.ConvTranspose2d, nn.ReLU] for b in decoder[3:5])
    assert parts(decoder[-1]) == [nn.Upsample, nn.ConvTranspose2d]


def test_one_value_a_channel_cannot_be_normalised_in_training():
    encoder = ENCODERS["tolstikhin"]((1, 16, 16), 4)  # 1 x 1 pixels in the end
    sentence = (
        "^batch normalisation cannot train on a batch of 1 image .* larger training.batch_size$"
    )
    with pytest.raises(InputError, match=sentence):
        encoder(torch.rand(1, 1, 16, 16))
    assert encoder(torch.rand(2, 1, 16, 16)).shape == (2, 4)
    assert encoder.eval()(torch.rand(1, 1, 16, 16)).shape == (1, 4)


def test_one_image_trains_where_its_feature_maps_have_pixels():
    encoder = ENCODERS["kim_bn"]((1, 32, 32), 4)
    encoder(torch.rand(1, 1, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_running_statistics_follow_the_momentum():
    norm = ENCODERS["kim_bn"]((1, 32, 32), 4)[0][2]
    x = torch.rand(8, 32, 4, 4)
    norm(x)
    torch.testing.assert_close(norm.running_mean, 0.001 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.999 + 0.001 * x.var((0, 2, 3)))
