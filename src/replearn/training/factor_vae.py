"""FactorVAE: the ELBO less a total correlation that a discriminator estimates."""

import torch
from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.adversary import AdversarialLoss
from replearn.training.elbo import LatentOutput
from replearn.training.loss import not_negative


class FactorVAELoss(AdversarialLoss):
    """reconstruction + beta KL + gamma TC, TC = mean(D(z)_joint - D(z)_permuted).

    The batch is split: the first half is the sample of q(z) on which TC is taken and the
    discriminator learns "joint"; the second half, each latent permuted over images, is where it
    learns "permuted" (reconstruction and KL use the whole batch). Of an odd batch the first half
    has one image more. A batch to train on has at least two images in each half: one alone has
    no permutation. After each step of the model the discriminator takes one, on the same latents.

    Terms: loss, reconstruction, kl, total_correlation, discriminator (its cross-entropy, nats).

    Args:
        gamma: weight of the total correlation.
        beta: weight of the KL term.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).
        same_batch: take both from the whole batch instead, as disentanglement_lib does.
        discriminator_lr: learning rate of the discriminator's Adam (betas 0.5, 0.9).

    Source:
        Kim & Mnih (2018), arXiv:1802.05983, algorithms 1 and 2 and appendix A.
    """

    def __init__(
        self,
        gamma: float = 100.0,
        beta: float = 1.0,
        likelihood: str = "bernoulli",
        variance: float | None = None,
        same_batch: bool = False,
        discriminator_lr: float = 1e-4,
    ) -> None:
        super().__init__(discriminator_lr, beta, likelihood, variance)
        self.gamma = not_negative("gamma", gamma)
        self.same_batch = bool(same_batch)
        self.least_batch = 2 if self.same_batch else 4

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return beta KL + gamma TC, and kl, total_correlation and discriminator.

        Without a generator the "permutation" is a fixed one: latent k is moved by k + 1 images.
        """
        kl, terms = super().penalty(output, step, generator)
        joint, other = self._halves(full_precision(output.continuous))
        scores, learned = self.judge(joint, permute_latents(other.detach(), generator))
        correlation = total_correlation(scores)
        terms |= {"total_correlation": correlation, "discriminator": learned}
        return kl + self.gamma * correlation, terms

    def _halves(self, z: Tensor) -> tuple[Tensor, Tensor]:
        if self.same_batch or len(z) == 1:
            return z, z
        middle = (len(z) + 1) // 2
        return z[:middle], z[middle:]


def permute_latents(z: Tensor, generator: Generator | None = None) -> Tensor:
    """Return z (B, D) with each column permuted on its own: a sample of the product of marginals.

    Without a generator column k is rolled by k + 1 rows.
    """
    n, d = z.shape
    if generator is None:
        rows = torch.arange(n, device=z.device)[:, None] - torch.arange(1, d + 1, device=z.device)
        return z.gather(0, rows % n)
    noise = torch.rand(n, d, generator=generator, device=generator.device)
    return z.gather(0, noise.argsort(0).to(z.device))


def total_correlation(scores: Tensor) -> Tensor:
    """Return mean(log D - log(1 - D)) of scores (B, 2): the log-odds of "joint", unclipped."""
    return (scores[:, 0] - scores[:, 1]).mean()
