"""Spatial-broadcast decoders."""

import pytest
import torch

from replearn.models import DECODERS, initialise
from replearn.models.architectures.spatial_broadcast import Broadcast


def test_latents_stand_at_every_pixel_before_x_and_y():
    z = torch.tensor([[0.5, -2.0], [3.0, 4.0]])
    maps = Broadcast(3, 5)(z)
    assert maps.shape == (2, 4, 3, 5)
    assert torch.equal(maps[:, :2], z[:, :, None, None].expand(2, 2, 3, 5))
    for image in maps:
        assert image[2].tolist() == [[-1, -0.5, 0, 0.5, 1]] * 3  # to the right
        assert image[3].tolist() == [[-1] * 5, [0] * 5, [1] * 5]  # downwards


def test_positions_are_no_weights():
    decoder = DECODERS["sbd3"](10, (3, 64, 64))
    assert list(decoder.state_dict()) == [
        f"{block}.{part}" for block in ("0.1", "1.0", "2") for part in ("weight", "bias")
    ]


@pytest.mark.parametrize(("name", "hidden"), [("sbd3", 2), ("sbd4", 3)])
def test_layers_are_convolutions_of_five_pixels_that_keep_the_size(name, hidden):
    decoder = DECODERS[name](10, (3, 20, 28))
    shapes = [tuple(p.shape) for p in decoder.parameters() if p.ndim == 4]
    assert shapes == [(64, 12, 5, 5), *[(64, 64, 5, 5)] * (hidden - 1), (3, 64, 5, 5)]
    assert decoder(torch.zeros(2, 10)).shape == (2, 3, 20, 28)
    assert len(decoder) == hidden + 1


def test_a_first_convolution_sees_constant_latents_inside():
    # Away from the borders a change of z shifts a map by the same number at all pixels: the sum
    # of the kernel's weights.
    decoder = DECODERS["sbd3"](4, (1, 12, 12)).double()
    initialise(decoder, torch.Generator().manual_seed(0))
    _, conv, _ = decoder[0]
    z = torch.zeros(2, 4, dtype=torch.float64)
    z[1, 3] = 1
    maps = conv(decoder[0][0](z))
    shift = (maps[1] - maps[0])[:, 2:-2, 2:-2]
    expected = conv.weight[:, 3].sum((1, 2))[:, None, None].expand_as(shift)
    torch.testing.assert_close(shift, expected)
