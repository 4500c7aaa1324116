"""The negative ELBO of a VAE, with a weight on its KL term."""

from typing import Protocol

import torch
from torch import Generator, Tensor

from replearn.errors import InputError
from replearn.models.precision import full_precision
from replearn.training.likelihoods import Likelihood
from replearn.training.loss import Loss, not_negative, ramp


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
    @property
    def continuous(self) -> Tensor: ...
    @property
    def n_encoded(self) -> int: ...


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, diag exp(logvar)) || N(0, I)) (B,) of (B, D), in nats.

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, appendix B.
    """
    return latent_kl(mean, logvar).sum(1)


def latent_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mean, exp(logvar)) || N(0, 1)) of each latent, (B, D) of (B, D), in nats."""
    mean, logvar = full_precision(mean), full_precision(logvar)
    return (mean.square() + torch.expm1(logvar) - logvar) / 2


class VAELoss(Loss):
    """reconstruction + beta KL: the negative ELBO where beta is 1.

    Every loss of an auto-encoder is this one with another `penalty` in place of beta KL. Of an
    example of the composition task the reconstruction is summed over its decoded images, and the
    penalty, which all encoded images of the batch have together, counts once for each image that
    an example has encoded.

    Terms: loss, reconstruction, kl (nats per image; of examples the reconstruction is one of all
    images, and transformed_reconstruction that of the transformed image alone).

    Args:
        beta: weight of the KL term.
        likelihood: "bernoulli", "gaussian" or "squared_error".
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

    def bind(self, latent_size: int, generator: Generator) -> None:
        """Refuse a model without latents."""
        if latent_size < 1:
            raise InputError(
                f"{type(self).__name__} needs a model with latents, such as 'vae'; got one without"
            )

    def weight(self, step: int) -> float:
        """Return the weight of the divergence from the prior after `step` steps."""
        return self.beta

    def forward(
        self,
        output: LatentOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for images `target` (B, C, H, W) in [0, 1], or (B, I, C, H, W).

        Raises:
            InputError: if gradients are taken and the batch is smaller than `least_batch`; a last
                held-out batch may be.
        """
        if torch.is_grad_enabled():
            self.check_batch(len(output.z))
        reconstruction = self.reconstruction(output.logits, target)
        penalty, terms = self.penalty(output, step, generator)
        terms = {
            "loss": reconstruction + output.n_encoded * penalty,
            "reconstruction": reconstruction,
            **terms,
        }
        if target.ndim == 5:
            last = self.reconstruction(output.logits[:, -1], target[:, -1])
            terms["transformed_reconstruction"] = last.detach()
        return terms

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what is added to the reconstruction, and terms to report.

        Both are averages over encoded images, whatever example they belong to: `output.z`, `mean`
        and `logvar` have a row for each.
        """
        kl = gaussian_kl(output.mean, output.logvar).mean()
        return self.weight(step) * kl, {"kl": kl}

    def reconstruction(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of examples, averaged over the batch (nats)."""
        return self.likelihood.nll(logits, target).mean()


class BetaVAELoss(VAELoss):
    """reconstruction + beta KL with beta of 4 unless given, or on a line from beta_start to it.

    Terms: loss, reconstruction, kl, and with a schedule beta, that of the step.

    Args:
        beta: weight of the KL term, from step `beta_steps` on.
        beta_start: weight at step 0 where `beta_steps` is given.
        beta_steps: optimiser steps from `beta_start` to `beta`; 0 for a constant weight. A
            validation uses the weight of the step that it comes after.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Higgins et al. (2017), eq. 4; warm-up of the KL term: Bowman et al. (2016),
        arXiv:1511.06349, section 3.1.
    """

    def __init__(
        self,
        beta: float = 4.0,
        beta_start: float = 0.0,
        beta_steps: float = 0,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(beta, likelihood, variance)
        self.beta_start = not_negative("beta_start", beta_start)
        self.beta_steps = not_negative("beta_steps", beta_steps)
        if beta_start and not beta_steps:
            raise InputError(f"beta_start={beta_start} has no effect without beta_steps; set both")

    def weight(self, step: int) -> float:
        """Return beta after `step` steps."""
        return ramp(self.beta_start, self.beta, self.beta_steps, step)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return beta KL, and kl and with a schedule beta."""
        penalty, terms = super().penalty(output, step, generator)
        if self.beta_steps:
            terms["beta"] = torch.full_like(terms["kl"], self.weight(step))
        return penalty, terms
