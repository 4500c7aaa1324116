"""What every model has: a fixed image shape, and layers that analyses can name."""

import torch
from torch import Tensor, nn

from replearn.errors import InputError
from replearn.models.architectures import ImageShape


class Network(nn.Module):
    """A network of images (B, C, H, W), in or out, that declares its layers.

    Attributes:
        image_shape: (C, H, W) of the images.
        heads: for each field of the output that a module computes, the name of that module.
        kind: what losses judge: "auto-encoder", "predictor" or "decoder".
    """

    kind: str = "auto-encoder"
    heads: dict[str, str]

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.image_shape = (int(channels), int(height), int(width))

    def layers(self) -> list[str]:
        """Return the names of the representations, from input to output.

        A name is that of a module, whose output is taken after the non-linearity, or of a field of
        the model's output. No two of them hold the same numbers.
        """
        raise NotImplementedError

    def blank(self) -> Tensor:
        """Return the input of one blank example, of the weights' type and on their device."""
        weight = next(self.parameters())
        return torch.zeros(1, *self.image_shape, dtype=weight.dtype, device=weight.device)

    def check_images(self, x: Tensor) -> None:
        """Raise an InputError unless `x` is a batch of images of this model's shape."""
        if x.shape[1:] != self.image_shape or x.ndim != 4:
            raise InputError(
                f"expected images of shape (B, {', '.join(map(str, self.image_shape))}), got "
                f"{tuple(x.shape)}; the model was built for that shape alone"
            )


def blocks(stack: nn.Sequential, name: str) -> list[str]:
    """Return the module names of a stack's blocks, without its head."""
    return [f"{name}.{k}" for k in range(len(stack) - 1)]


def positive_integer(name: str, value: int) -> int:
    """Return `value` if it is a positive integer, else raise an InputError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")
    return value
