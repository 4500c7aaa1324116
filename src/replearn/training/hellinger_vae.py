"""Hellinger VAE: the Hellinger distance to the prior in place of the KL term."""

import torch
from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.elbo import BetaVAELoss, LatentOutput


class HellingerVAELoss(BetaVAELoss):
    """reconstruction + beta H, H the Hellinger distance of q(z|x) and prior, averaged over images.

    Terms: loss, reconstruction, kl (not part of the loss), hellinger (in [0, 1]), and with a
    schedule beta.

    Args:
        beta: weight of the distance, from step `beta_steps` on.
        beta_start: weight at step 0 where `beta_steps` is given.
        beta_steps: optimiser steps from `beta_start` to `beta`; 0 for a constant weight.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Bonheme & Grzes (2022), github.com/bonheml/VAE_learning_dynamics, whose scale is 100.
    """

    def __init__(
        self,
        beta: float = 100.0,
        beta_start: float = 0.0,
        beta_steps: float = 0,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(beta, beta_start, beta_steps, likelihood, variance)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return beta H, and kl, hellinger and with a schedule beta."""
        _, terms = super().penalty(output, step, generator)
        hellinger = gaussian_hellinger(output.mean, output.logvar).mean()
        terms |= {"kl": terms["kl"].detach(), "hellinger": hellinger}
        return self.weight(step) * hellinger, terms


def gaussian_hellinger(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the Hellinger distance H (B,) of N(mean, diag exp(logvar)) and N(0, I), (B, D) each.

    H^2 = 1 - integral of sqrt(p q), in [0, 1]. Where the two are equal the gradient is 0.
    """
    mean, logvar = full_precision(mean), full_precision(logvar)
    # -log of the integral: log cosh(logvar / 2) / 2 + mean^2 / (4 (exp(logvar) + 1)), by latent.
    widths = torch.log1p(2 * torch.sinh(logvar / 4).square()) / 2
    shifts = mean.square() * torch.sigmoid(-logvar) / 4
    squared = -torch.expm1(-(widths + shifts).sum(1))
    # A square root has no gradient at 0.
    return squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt()
