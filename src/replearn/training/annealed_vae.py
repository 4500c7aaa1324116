"""Annealed VAE: a KL term that is held at a capacity, which grows."""

import torch
from torch import Generator, Tensor

from replearn.training.elbo import LatentOutput, VAELoss
from replearn.training.loss import not_negative, ramp


class AnnealedVAELoss(VAELoss):
    """reconstruction + gamma |KL - C(t)|, C(t) = capacity min(t / capacity_steps, 1).

    The absolute value is that of the batch's mean KL. A validation uses the capacity of the step
    that it comes after.

    Terms: loss, reconstruction, kl, capacity (nats per image).

    Args:
        gamma: weight of the distance between KL and capacity.
        capacity: the last capacity, in nats.
        capacity_steps: optimiser steps from capacity 0 to the last; 0 for the last at once.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Burgess et al. (2018), arXiv:1804.03599, eq. 8; defaults of Locatello et al. (2019), where
        the capacities are 5, 10, 25, 50, 75 and 100.
    """

    def __init__(
        self,
        gamma: float = 1000.0,
        capacity: float = 25.0,
        capacity_steps: float = 100_000,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(1.0, likelihood, variance)
        self.gamma = not_negative("gamma", gamma)
        self.capacity = not_negative("capacity", capacity)
        self.capacity_steps = not_negative("capacity_steps", capacity_steps)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return gamma |KL - C|, and kl and capacity."""
        _, terms = super().penalty(output, step, generator)
        capacity = ramp(0.0, self.capacity, self.capacity_steps, step)
        distance = (terms["kl"] - capacity).abs()
        return self.gamma * distance, terms | {"capacity": torch.full_like(terms["kl"], capacity)}
