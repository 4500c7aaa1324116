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
        judges: what kind of model's output it reads: "auto-encoder", "predictor" or
            "decoder".
        least_batch: images of the smallest batch that it can train on.
        from_data: parameters that follow from the data, so that no config has them.
    """

    judges: str = "auto-encoder"
    least_batch: int = 1
    from_data: tuple[str, ...] = ()

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

    def check_batch(self, n: int) -> None:
        """Raise an InputError if a batch of `n` images is too small to train on."""
        if n < self.least_batch:
            raise InputError(
                f"{type(self).__name__} compares the images of a batch, so training.batch_size "
                f"must be at least {self.least_batch}, got {n}"
            )

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
