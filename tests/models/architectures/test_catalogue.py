"""Published architectures have the parameters and multiply-accumulates of the published code."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from replearn.models import DECODERS, ENCODERS, VAE, layer_table

# The same decoder in both halves of a test where an architecture has only an encoder, and so on.
PAIRS = {
    name: (name if name in ENCODERS else "kim", name if name in DECODERS else "kim")
    for name in [*ENCODERS, *DECODERS]
}


def counts(name, channels, size=64):
    """Return parameters and MACs of the encoder and of the decoder, for images of size x size."""
    with torch.device("meta"):
        rows = layer_table(VAE((channels, size, size), *PAIRS[name]))
    split = [row.name for row in rows].index("z")
    return [
        sum(number)
        for half in (rows[:split], rows[split:])
        for number in ([row.n_parameters for row in half], [row.n_macs for row in half])
    ]


# The published code, run: lost-in-latent-space, and VAE_learning_dynamics (locatello,
# fully_connected, which higgins equals in sizes); 10 latents, 64 x 64 pixels.
@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("higgins", 1, 6_381_620),
        ("fully_connected", 1, 6_381_620),
        ("burgess", 1, 252_052),
        ("burgess", 3, 253_076),
        ("burgess_v2", 1, 448_724),
        ("burgess_v2", 3, 449_748),
        ("kim", 1, 382_932),
        ("kim", 3, 383_956),
        ("abdi", 1, 973_076),
        ("abdi", 3, 974_100),
        ("locatello", 1, 309_204),
        ("locatello", 3, 310_228),
    ],
)
def test_encoder_has_the_published_number_of_parameters(name, channels, expected):
    assert counts(name, channels)[0] == expected


@pytest.mark.parametrize(
    ("name", "channels", "unit", "expected"),
    [
        ("montero", 1, 1e6, 1.252),
        ("montero", 3, 1e6, 1.254),
        ("watters", 1, 1e3, 465),
        ("watters", 3, 1e3, 467),
        ("tolstikhin", 3, 1e6, 15.2),
    ],
)
def test_encoder_has_the_published_number_of_parameters_rounded(name, channels, unit, expected):
    digits = len(f"{expected}".partition(".")[2])
    assert round(counts(name, channels)[0] / unit, digits) == expected


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("higgins", 1, 7_814_896),
        ("fully_connected", 1, 7_814_896),
        ("kim", 1, 381_313),  # 764,245 with the encoder
        ("locatello", 1, 381_313),
        ("locatello", 3, 382_339),
        ("sbd3", 3, 126_531),
        ("sbd4", 3, 228_995),
    ],
)
def test_decoder_has_the_published_number_of_parameters(name, channels, expected):
    assert counts(name, channels)[2] == expected


# MMAC of the published code, run, for 1 and 3 channels.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("burgess", (6.2, 7.3)),
        ("burgess_v2", (8.2, 9.2)),
        ("kim", (8.1, 9.2)),
        ("abdi", (11.3, 12.3)),
        ("montero", (32.8, 34.9)),
        ("watters", (23.3, 25.4)),
    ],
)
def test_both_halves_have_the_published_multiply_accumulates(name, expected):
    for channels, mmac in zip((1, 3), expected, strict=True):
        _, encoder, _, decoder = counts(name, channels)
        assert encoder / 1e6 == pytest.approx(mmac, abs=0.05)
        assert decoder / 1e6 == pytest.approx(mmac, abs=0.05)


@pytest.mark.parametrize(
    ("name", "channels", "which", "expected", "rounding"),
    [
        ("higgins", 1, 1, 6.4, 0.05),
        ("higgins", 1, 3, 7.8, 0.05),
        ("tolstikhin", 1, 1, 409, 0.5),
        ("tolstikhin", 1, 3, 409, 0.5),
        ("sbd3", 3, 3, 518, 0.5),
        ("sbd4", 3, 3, 937, 0.5),
    ],
)
def test_one_half_has_the_published_multiply_accumulates(name, channels, which, expected, rounding):
    assert counts(name, channels)[which] / 1e6 == pytest.approx(expected, abs=rounding)


def conv(n_inputs, n_outputs, kernel=4):
    return n_inputs * n_outputs * kernel**2 + n_outputs


def affine(*sizes):
    return sum((n + 1) * m for n, m in zip(sizes[:-1], sizes[1:], strict=True))


# By hand, 1 channel, 10 latents, 64 x 64 pixels or where said 28 x 28: encoder, decoder.
BY_HAND = {
    "burgess": (
        conv(1, 32) + 3 * conv(32, 32) + affine(512, 256, 256, 20),
        affine(10, 256, 256, 512) + 3 * conv(32, 32) + conv(32, 1),
    ),
    "kim_bn": (382_932 + 2 * (32 + 32 + 64 + 64), 381_313 + 2 * (64 + 32 + 32)),
    # The encoder is kim's, in both.
    "deep": (
        382_932,
        affine(10, 512, 512, 1024, 1024) + 2 * conv(64, 64) + conv(64, 32) + conv(32, 1),
    ),
    "deep_bn": (
        382_932,
        affine(10, 512, 512, 1024, 1024) + 2 * conv(64, 64) + conv(64, 32) + conv(32, 1)
        + 2 * (512 + 512 + 1024 + 1024) + 2 * (64 + 64 + 32),
    ),
    "mathieu": (
        conv(1, 32) + conv(32, 32) + conv(32, 64) + conv(64, 64) + affine(1024, 128, 20),
        affine(10, 128, 1024) + conv(64, 64) + conv(64, 32) + conv(32, 32) + conv(32, 1),
    ),
    "mpcnn": (
        conv(1, 32, 3) + 2 * conv(32, 32, 3) + affine(2048, 256, 256, 20),
        affine(10, 256, 256, 2048) + 2 * conv(32, 32, 3) + conv(32, 1, 3),
    ),
    "tolstikhin": (
        conv(1, 128) + conv(128, 256) + conv(256, 512) + conv(512, 1024)
        + 2 * (128 + 256 + 512 + 1024) + affine(16384, 256, 20),
        affine(10, 256, 16384) + conv(1024, 512) + conv(512, 256) + conv(256, 128)
        + 2 * (1024 + 512 + 256 + 128) + conv(128, 1),
    ),
    "deepconv": (
        conv(1, 32) + conv(32, 32) + conv(32, 64) + conv(64, 64)
        + conv(64, 128) + 3 * conv(128, 128) + conv(128, 256) + 3 * conv(256, 256)
        + affine(4096, 4096, 2048, 1024, 512, 256, 20),
        affine(10, 256, 512, 1024, 2048, 4096) + 4 * conv(256, 256) + conv(256, 128)
        + 3 * conv(128, 128) + conv(128, 64) + conv(64, 64) + conv(64, 32) + conv(32, 32)
        + conv(32, 1),
    ),
}  # fmt: skip
BY_HAND_28 = {
    "murphy": (
        conv(1, 32) + conv(32, 64) + affine(7 * 7 * 64, 256, 20),
        affine(10, 7 * 7 * 32) + conv(32, 64) + conv(64, 32) + conv(32, 1),
    ),
    "chadebec": (affine(784, 400, 20), affine(10, 400, 784)),
    "chadebec_conv": (
        conv(1, 16, 5) + conv(16, 32, 5) + conv(32, 32, 5) + affine(512, 450, 20),
        affine(10, 450, 512) + conv(32, 32, 5) + conv(32, 16, 5) + conv(16, 1, 5),
    ),
}


@pytest.mark.parametrize(
    ("name", "size"), [(n, 64) for n in BY_HAND] + [(n, 28) for n in BY_HAND_28]
)
def test_parameters_are_those_counted_by_hand(name, size):
    encoder, _, decoder, _ = counts(name, 1, size)
    assert (encoder, decoder) == (BY_HAND | BY_HAND_28)[name]


def test_multiply_accumulates_of_kim_are_those_counted_by_hand():
    convs = 32**2 * 1 * 32 + 16**2 * 32 * 32 + 8**2 * 32 * 64 + 4**2 * 64 * 64
    _, encoder, _, decoder = counts("kim", 1)
    assert encoder == 16 * convs + 1024 * 256 + 256 * 20
    assert decoder == 16 * convs + 1024 * 256 + 256 * 10


@pytest.mark.parametrize("name", PAIRS)
def test_multiply_accumulates_are_half_of_the_operations_that_pytorch_counts(name):
    shape = (3, 40, 56)
    with torch.device("meta"):
        model = VAE(shape, *PAIRS[name]).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, *shape))
    assert 2 * sum(row.n_macs for row in layer_table(model)) == counter.get_total_flops()
