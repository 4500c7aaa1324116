"""The negative ELBO of a VAE, with a weight on its KL term."""

from typing import Protocol

import torch
from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.likelihoods import Likelihood
from replearn.training.loss import Loss, not_negative


class LatentOutput(Protocol):
    """What these losses read of a model's output."""

    @property
    def logits(self) -> Tensor: ...
    @property
    def z(self) -> Tensor: ...
    @property
    def mean(self) -> Tensor: ...
    @property
    def logvar(self) -> Tensor: ...


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, diag exp(logvar)) || N(0, I)) (B,) of (B, D), in nats.

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, appendix B.
    """
    mean, logvar = full_precision(mean), full_precision(logvar)
    return (mean.square() + torch.expm1(logvar) - logvar).sum(1) / 2


class VAELoss(Loss):
    """reconstruction + beta KL: the negative ELBO where beta is 1.

    Terms: loss, reconstruction, kl (nats per image).

    Args:
        beta: weight of the KL term.
        likelihood: "bernoulli" or "gaussian".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, eq. 10.
    """

    def __init__(
        self, beta: float = 1.0, likelihood: str = "bernoulli", variance: float | None = None
    ) -> None:
        super().__init__()
        self.beta = not_negative("beta", beta)
        self.likelihood = Likelihood(likelihood, variance)

    def forward(
        self,
        output: LatentOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for images `target` (B, C, H, W) in [0, 1]."""
        reconstruction = self.reconstruction(output.logits, target)
        kl = gaussian_kl(output.mean, output.logvar).mean()
        return {
            "loss": reconstruction + self.beta * kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }

    def reconstruction(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of images, averaged over the batch (nats)."""
        return self.likelihood.nll(logits, target).mean()


class BetaVAELoss(VAELoss):
    """reconstruction + beta KL with beta of 4 unless given.

    Source:
        Higgins et al. (2017), eq. 4.
    """

    def __init__(
        self, beta: float = 4.0, likelihood: str = "bernoulli", variance: float | None = None
    ) -> None:
        super().__init__(beta, likelihood, variance)
