"""FactorVAE: the ELBO less a total correlation that a discriminator estimates."""

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from replearn.errors import InputError
from replearn.models import initialise
from replearn.models.precision import full_precision
from replearn.training.elbo import LatentOutput, VAELoss
from replearn.training.loss import not_negative, positive


class Discriminator(nn.Sequential):
    """Six layers of 1000 leaky ReLU: latents (B, D) to scores (B, 2) of joint and permuted."""

    def __init__(self, latent_size: int, width: int = 1000, depth: int = 6) -> None:
        sizes = [latent_size] + [width] * depth
        hidden = [
            layer
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
            for layer in (nn.Linear(n_in, n_out), nn.LeakyReLU(0.2))
        ]
        super().__init__(*hidden, nn.Linear(width, 2))


class FactorVAELoss(VAELoss):
    """reconstruction + beta KL + gamma TC, TC = mean(D(z)_joint - D(z)_permuted).

    The batch is split: the first half is the sample of q(z) on which TC is taken and the
    discriminator learns "joint"; the second half, each latent permuted over images, is where it
    learns "permuted" (reconstruction and KL use the whole batch). Of an odd batch the first half
    has one image more; a batch of one is not split. After each step of the model the
    discriminator takes one, on the same latents.

    Terms: loss, reconstruction, kl, total_correlation, discriminator (its cross-entropy, nats).

    Args:
        gamma: weight of the total correlation.
        beta: weight of the KL term.
        likelihood: "bernoulli" or "gaussian".
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
        super().__init__(beta, likelihood, variance)
        self.gamma = not_negative("gamma", gamma)
        self.same_batch = bool(same_batch)
        self.discriminator_lr = positive("discriminator_lr", discriminator_lr)
        self.discriminator: nn.Module | None = None
        self._optimizer: torch.optim.Optimizer | None = None
        self._pending: Tensor | None = None

    def bind(self, latent_size: int, generator: Generator) -> None:
        """Make the discriminator for `latent_size` latents, its weights drawn from `generator`."""
        if latent_size < 1:
            raise InputError(
                "the loss 'factor_vae' needs a model with latents, such as 'vae'; got one without"
            )
        self.discriminator = Discriminator(latent_size)
        initialise(self.discriminator, generator)
        self._optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.discriminator_lr, betas=(0.5, 0.9)
        )

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The discriminator's Adam, once bound."""
        return {} if self._optimizer is None else {"discriminator": self._optimizer}

    def forward(
        self,
        output: LatentOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for images `target` (B, C, H, W) in [0, 1].

        Without a generator the "permutation" is a fixed one: latent k is moved by k + 1 images.
        """
        if self.discriminator is None:
            raise RuntimeError("FactorVAELoss.bind(latent_size, generator) comes before its use")
        terms = super().forward(output, target, step, generator)
        joint, other = self._halves(full_precision(output.z))
        with torch.autocast(joint.device.type, enabled=False):
            # The model's gradient passes through the discriminator, whose weights stay out of it.
            frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
            scores = functional_call(self.discriminator, frozen, (joint,))
            permuted = permute_latents(other.detach(), generator)
            learned = discriminator_loss(
                self.discriminator(joint.detach()), self.discriminator(permuted)
            )
        self._pending = learned if learned.requires_grad else None
        correlation = total_correlation(scores)
        return {
            **terms,
            "loss": terms["loss"] + self.gamma * correlation,
            "total_correlation": correlation,
            "discriminator": learned.detach(),
        }

    def after_step(self, generator: Generator | None = None) -> None:
        """Take one step of the discriminator on the latents of the last forward pass."""
        if self._pending is None or self._optimizer is None:
            return
        self._optimizer.zero_grad(set_to_none=True)
        self._pending.backward()
        self._optimizer.step()
        self._pending = None

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


def discriminator_loss(joint: Tensor, permuted: Tensor) -> Tensor:
    """Return the cross-entropy (nats) of scores (B, 2), half of it from each kind of latents."""
    zeros = torch.zeros(len(joint), dtype=torch.long, device=joint.device)
    ones = torch.ones(len(permuted), dtype=torch.long, device=permuted.device)
    return (cross_entropy(joint, zeros) + cross_entropy(permuted, ones)) / 2
