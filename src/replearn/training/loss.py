"""What every loss is: (output, target, step) to named scalar tensors, "loss" among them."""

from math import isfinite

import torch
from torch import Generator, Tensor, nn

from replearn.errors import InputError


class Loss(nn.Module):
    """An objective; terms are sums over an image, averaged over the batch.

    A loss that trains networks of its own (a discriminator) holds them and their optimisers:
    `bind` makes them once the latent size is known, `after_step` trains them.

    Attributes:
        judges: what kind of model's output it reads: "auto-encoder" or "predictor".
    """

    judges: str = "auto-encoder"

    def forward(
        self, output, target: Tensor, step: int = 0, generator: Generator | None = None
    ) -> dict[str, Tensor]:
        """Return the terms of the loss as 0-d tensors.

        Args:
            output: what the model returned.
            target: what the output is compared with.
            step: optimiser steps done so far.
            generator: source of the loss's own draws.
        """
        raise NotImplementedError

    def bind(self, latent_size: int, generator: Generator) -> None:
        """Make the loss's own networks for a model of this latent size, drawn from `generator`."""

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers of the loss's own networks, by name."""
        return {}

    def after_step(self, generator: Generator | None = None) -> None:
        """Train the loss's own networks; called after each step of the model's optimiser."""


def not_negative(name: str, value: float) -> float:
    """Return `value` if it is a finite number >= 0, else raise an InputError that names it."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not isfinite(value) or value < 0:
        raise InputError(f"{name} must be a number of at least 0, got {value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    """Return `value` if it is a finite number > 0, else raise an InputError that names it."""
    if not_negative(name, value) == 0:
        raise InputError(f"{name} must be greater than 0, got {value!r}")
    return float(value)


def ramp(start: float, stop: float, steps: float, step: int) -> float:
    """Return the value at `step` of a line from `start` to `stop` over `steps`, then `stop`.

    With `steps` of 0 it is `stop` from the first step on.
    """
    return start + (stop - start) * min(step / steps, 1.0) if steps else stop


def check_several_images(loss: str, n: int) -> None:
    """Raise an InputError if `loss`, which compares the images of a batch, is to train on one.

    Where no gradient is taken, as on a last held-out batch, one image passes.
    """
    if n < 2 and torch.is_grad_enabled():
        raise InputError(
            f"the loss {loss!r} compares the images of a batch, so training.batch_size must be at "
            f"least 2, got {n}"
        )
