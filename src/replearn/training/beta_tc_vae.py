"""beta-TC-VAE: the ELBO with more weight on the total correlation, estimated within the batch."""

import torch
from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.elbo import LatentOutput, VAELoss
from replearn.training.loss import not_negative


class BetaTCVAELoss(VAELoss):
    """reconstruction + KL + (beta - 1) TC, TC = KL(q(z) || prod_k q(z_k)) of the batch.

    Terms: loss, reconstruction, kl, total_correlation. The last is the minibatch-weighted estimate
    less its constant (D - 1) log(B N), as in disentanglement_lib: the constant has no gradient and
    would make numbers of data sets of other sizes N incomparable. So it is mostly negative, and
    only values of one batch size compare; of a single image it is 0.

    Args:
        beta: weight of the total correlation within the KL term; 1 gives the VAE.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Chen et al. (2018), arXiv:1802.04942, eq. 2 and 4 with alpha = gamma = 1.
    """

    least_batch = 2

    def __init__(
        self, beta: float = 6.0, likelihood: str = "bernoulli", variance: float | None = None
    ) -> None:
        super().__init__(1.0, likelihood, variance)
        self.correlation_weight = not_negative("beta", beta) - 1

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return KL + (beta - 1) TC, and kl and total_correlation."""
        kl, terms = super().penalty(output, step, generator)
        correlation = batch_total_correlation(output.continuous, output.mean, output.logvar)
        penalty = kl + self.correlation_weight * correlation
        return penalty, terms | {"total_correlation": correlation}


def batch_total_correlation(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the minibatch-weighted TC of latents z (B, D) of N(mean, diag exp(logvar)), in nats.

    The mean over j of log sum_i prod_k q(z_jk | x_i) - sum_k log sum_i q(z_jk | x_i); to be an
    estimate of TC it lacks (D - 1) log(B N) for N training images.
    """
    z, mean, logvar = full_precision(z), full_precision(mean), full_precision(logvar)
    # [j, i, k]; log(2 pi) cancels between the two sums.
    deviation = (z[:, None] - mean[None]) * torch.exp(-logvar / 2)[None]
    log_density = -(deviation.square() + logvar[None]) / 2
    joint = log_density.sum(2).logsumexp(1)
    marginals = log_density.logsumexp(1).sum(1)
    return (joint - marginals).mean()
