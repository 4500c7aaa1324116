"""Declare networks of affine layers over the flattened image."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from torch import nn

from replearn.models.architectures.stack import ImageShape, Stack

NONLINEARITIES = {"relu": nn.ReLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class FullyConnected:
    """Affine layers over the flattened image; takes images of any size.

    Attributes:
        widths: sizes of the hidden layers, from input to output.
        nonlinearity: after each hidden layer, a name in NONLINEARITIES.
        init: how the weights are drawn.
    """

    widths: tuple[int, ...]
    nonlinearity: str = "relu"
    init: str = "kaiming"

    def encoder(self, image_shape: ImageShape, n_outputs: int) -> Stack:
        """Return a stack that maps images (B, C, H, W) to (B, n_outputs)."""
        blocks = self._hidden(prod(image_shape), nn.Flatten())
        return Stack([*blocks, nn.Linear(self.widths[-1], n_outputs)], self.init)

    def decoder(self, latent_size: int, image_shape: ImageShape) -> Stack:
        """Return a stack that maps latents (B, D) to the logits of images (B, C, H, W)."""
        head = nn.Sequential(
            nn.Linear(self.widths[-1], prod(image_shape)), nn.Unflatten(1, image_shape)
        )
        return Stack([*self._hidden(latent_size), head], self.init)

    def _hidden(self, n_inputs: int, *first: nn.Module) -> list[nn.Module]:
        sizes = pairwise((n_inputs, *self.widths))
        blocks = [nn.Sequential(nn.Linear(*size), self._activation()) for size in sizes]
        blocks[0] = nn.Sequential(*first, *blocks[0])
        return list(blocks)

    def _activation(self) -> nn.Module:
        return NONLINEARITIES[self.nonlinearity]()
