"""Wasserstein auto-encoders: a reconstruction cost and a distance of all latents to the prior."""

from math import sqrt

import torch
from torch import Generator, Tensor
from torch.nn.functional import softplus

from replearn.models.precision import full_precision
from replearn.training.adversary import AdversarialLoss
from replearn.training.elbo import LatentOutput, VAELoss
from replearn.training.loss import not_negative, positive

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class WAEMMDLoss(VAELoss):
    """reconstruction + lambda_mmd MMD^2(q(z), prior) + lambda_logvar |logvar|_1.

    The latents of the batch, sampled or not as the model gives them, are compared with as many
    draws from the prior N(0, prior_variance I).

    Terms: loss, reconstruction (squared error unless another likelihood is given), kl (to N(0, I),
    not part of the loss), mmd (unbiased, so slightly negative at times; 0 of a single image, which
    only a held-out batch may be), logvar_l1 (summed over latents).

    Args:
        lambda_mmd: weight of the squared maximum mean discrepancy.
        lambda_logvar: weight of |logvar|_1, which keeps a sampling encoder from becoming
            deterministic.
        prior_variance: of each latent. The published code has 2 and takes it for a standard
            deviation, which is a variance of 4.
        kernel_scale: C of the kernel, see `mmd`; 2 D prior_variance unless given.
        likelihood: "squared_error", "gaussian" or "bernoulli".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Tolstikhin et al. (2018), arXiv:1711.01558, algorithm 2; |logvar|_1 and the kernels' scales:
        Rubenstein et al. (2018), "Learning disentangled representations with Wasserstein
        Auto-Encoders".
    """

    least_batch = 2

    def __init__(
        self,
        lambda_mmd: float = 10.0,
        lambda_logvar: float = 0.001,
        prior_variance: float = 1.0,
        kernel_scale: float | None = None,
        likelihood: str = "squared_error",
        variance: float | None = None,
    ) -> None:
        super().__init__(0.0, likelihood, variance)
        self.lambda_mmd = not_negative("lambda_mmd", lambda_mmd)
        self.lambda_logvar = not_negative("lambda_logvar", lambda_logvar)
        self.prior_variance = positive("prior_variance", prior_variance)
        self.kernel_scale = None if kernel_scale is None else positive("kernel_scale", kernel_scale)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the two distances, and kl, mmd and logvar_l1.

        Without a generator the sample of the prior is a fixed one.
        """
        _, terms = super().penalty(output, step, generator)
        z = full_precision(output.continuous)
        scale = self.kernel_scale or 2 * z.shape[1] * self.prior_variance
        prior = prior_sample(z, self.prior_variance, generator)
        discrepancy = mmd(z, prior, scale) if len(z) > 1 else torch.zeros_like(terms["kl"])
        width = full_precision(output.logvar).abs().sum(1).mean()
        penalty = self.lambda_mmd * discrepancy + self.lambda_logvar * width
        return penalty, {"kl": terms["kl"].detach(), "mmd": discrepancy, "logvar_l1": width}


class WAEGANLoss(AdversarialLoss):
    """reconstruction + lambda_gan E[-log D(z)] + lambda_logvar |logvar|_1, D(z) = P(z of prior).

    The discriminator, four layers of 512 ReLU, tells the latents of the batch from as many draws
    from the prior N(0, prior_variance I) and takes one step after each step of the model.

    Terms: loss, reconstruction (squared error unless another likelihood is given), kl (to N(0, I),
    not part of the loss), adversarial (E[-log D], log 2 where the two cannot be told apart),
    logvar_l1 (summed over latents), discriminator (its cross-entropy). All but the first in nats.

    Args:
        lambda_gan: weight of the adversarial term.
        lambda_logvar: weight of |logvar|_1.
        prior_variance: of each latent. The published code has 2 and takes it for a standard
            deviation, which is a variance of 4.
        discriminator_lr: learning rate of the discriminator's Adam (betas 0.5, 0.9).
        likelihood: "squared_error", "gaussian" or "bernoulli".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Tolstikhin et al. (2018), arXiv:1711.01558, algorithm 1. Montero et al. (2022) take the
        mean log-odds in place of -log D; that has no lower bound.
    """

    width, depth, slope = 512, 4, 0.0

    def __init__(
        self,
        lambda_gan: float = 10.0,
        lambda_logvar: float = 0.0,
        prior_variance: float = 1.0,
        discriminator_lr: float = 1e-3,
        likelihood: str = "squared_error",
        variance: float | None = None,
    ) -> None:
        super().__init__(discriminator_lr, 0.0, likelihood, variance)
        self.lambda_gan = not_negative("lambda_gan", lambda_gan)
        self.lambda_logvar = not_negative("lambda_logvar", lambda_logvar)
        self.prior_variance = positive("prior_variance", prior_variance)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the two, and kl, adversarial, logvar_l1 and discriminator.

        Without a generator the sample of the prior is a fixed one.
        """
        _, terms = super().penalty(output, step, generator)
        z = full_precision(output.continuous)
        scores, learned = self.judge(z, prior_sample(z, self.prior_variance, generator))
        # -log of the softmax's second probability.
        adversarial = softplus(scores[:, 0] - scores[:, 1]).mean()
        width = full_precision(output.logvar).abs().sum(1).mean()
        penalty = self.lambda_gan * adversarial + self.lambda_logvar * width
        return penalty, {
            "kl": terms["kl"].detach(),
            "adversarial": adversarial,
            "logvar_l1": width,
            "discriminator": learned,
        }


def prior_sample(like: Tensor, variance: float, generator: Generator | None) -> Tensor:
    """Return draws from N(0, variance I) of the shape of `like`; fixed ones without a generator."""
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    draws = torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype)
    return sqrt(variance) * draws.to(like.device)


def mmd(x: Tensor, y: Tensor, scale: float) -> Tensor:
    """Return the unbiased estimate of MMD^2 between samples x (n, D) and y (m, D), n and m > 1.

    The kernel is the sum of c C / (c C + |x - y|^2) over c = 0.1, 0.2, 0.5, 1, 2, 5, 10, where C is
    `scale`: many widths, because nobody knows the distances within a batch beforehand.

    Source:
        Gretton et al. (2012), "A kernel two-sample test", lemma 6.
    """
    within = sum(
        (kernel(v, v, scale).sum() - len(SCALES) * len(v)) / (len(v) * (len(v) - 1)) for v in (x, y)
    )
    return within - 2 * kernel(x, y, scale).mean()


def kernel(x: Tensor, y: Tensor, scale: float) -> Tensor:
    """Return the inverse multiquadratic kernels (n, m) of x (n, D) and y (m, D), summed."""
    # Differences, not |x|^2 + |y|^2 - 2 x.y, which cancels and under autocast is a half product.
    squared = (x[:, None] - y[None]).square().sum(2)
    return torch.stack([c * scale / (c * scale + squared) for c in SCALES]).sum(0)
