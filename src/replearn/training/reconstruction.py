"""The likelihood of images alone: what a decoder of true factors is trained on."""

import torch
from torch import Generator, Tensor

from replearn.models import DecoderOutput
from replearn.training.likelihoods import Likelihood
from replearn.training.loss import Loss


class ReconstructionLoss(Loss):
    """The negative log-likelihood of images, with nothing that regularises.

    Terms: loss, reconstruction (the same number, under the name that the VAEs' losses have for
    it), squared_error (summed over pixels).

    Args:
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Montero et al. (2021), "The role of disentanglement in generalisation", the Bernoulli one
        for ground-truth decoders.
    """

    judges = "decoder"

    def __init__(self, likelihood: str = "bernoulli", variance: float | None = None) -> None:
        super().__init__()
        self.likelihood = Likelihood(likelihood, variance)

    def forward(
        self,
        output: DecoderOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for images `target` (B, C, H, W) in [0, 1]."""
        reconstruction = self.reconstruction(output.logits, target)
        with torch.no_grad():
            error = Likelihood("squared_error").nll(output.logits, target).mean()
        return {
            "loss": reconstruction,
            "reconstruction": reconstruction.detach(),
            "squared_error": error,
        }

    def reconstruction(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of images, averaged over the batch (nats)."""
        return self.likelihood.nll(logits, target).mean()
