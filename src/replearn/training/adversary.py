"""Losses with a discriminator of two kinds of latents, which learns in steps of its own."""

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from replearn.models import initialise
from replearn.training.elbo import VAELoss
from replearn.training.loss import positive


class Discriminator(nn.Sequential):
    """Leaky ReLU layers: latents (B, D) to scores (B, 2), the logits of the two kinds.

    Six layers of 1000 with slope 0.2 are FactorVAE's; slope 0 is a ReLU.
    """

    def __init__(
        self, latent_size: int, width: int = 1000, depth: int = 6, slope: float = 0.2
    ) -> None:
        sizes = [latent_size] + [width] * depth
        hidden = [
            layer
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
            for layer in (nn.Linear(n_in, n_out), nn.LeakyReLU(slope))
        ]
        super().__init__(*hidden, nn.Linear(width, 2))


class AdversarialLoss(VAELoss):
    """A VAE's loss and a discriminator that takes one step after each step of the model.

    Attributes:
        discriminator: made by `bind`; its width, depth and slope are those of the class.
    """

    width, depth, slope = 1000, 6, 0.2

    def __init__(
        self, discriminator_lr: float, beta: float, likelihood: str, variance: float | None
    ) -> None:
        super().__init__(beta, likelihood, variance)
        self.discriminator_lr = positive("discriminator_lr", discriminator_lr)
        self.discriminator: nn.Module | None = None
        self._optimizer: torch.optim.Optimizer | None = None
        self._pending: Tensor | None = None

    def bind(self, latent_size: int, generator: Generator) -> None:
        """Make the discriminator for `latent_size` latents, its weights drawn from `generator`."""
        super().bind(latent_size, generator)
        self.discriminator = Discriminator(latent_size, self.width, self.depth, self.slope)
        # As the published nn.Linear are drawn: with the gain of the VAE's layers (kaiming) first
        # scores would be off by nats, and their gradients a hundred times those of the ELBO.
        initialise(self.discriminator, generator, "pytorch")
        self._optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.discriminator_lr, betas=(0.5, 0.9)
        )

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The discriminator's Adam, once bound."""
        return {} if self._optimizer is None else {"discriminator": self._optimizer}

    def judge(self, latents: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (B, 2) of the model's latents, and the discriminator's cross-entropy.

        Gradients of the scores reach the model alone; the cross-entropy (nats) has none and is
        what `after_step` lowers.

        Args:
            latents: (B, D) of the model, the first kind.
            others: (B', D), the second kind.
        """
        if self.discriminator is None:
            raise RuntimeError(f"{type(self).__name__}.bind(...) comes before its use")
        others = others.detach()
        with torch.autocast(latents.device.type, enabled=False):
            frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
            scores = functional_call(self.discriminator, frozen, (latents,))
            learned = discriminator_loss(
                self.discriminator(latents.detach()), self.discriminator(others)
            )
        self._pending = learned if learned.requires_grad else None
        return scores, learned.detach()

    def after_step(self, generator: Generator | None = None) -> None:
        """Take one step of the discriminator on the latents of the last forward pass."""
        if self._pending is None or self._optimizer is None:
            return
        self._optimizer.zero_grad(set_to_none=True)
        self._pending.backward()
        self._optimizer.step()
        self._pending = None


def discriminator_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the cross-entropy (nats) of scores (B, 2), half of it from each kind of latents."""
    zeros = torch.zeros(len(first), dtype=torch.long, device=first.device)
    ones = torch.ones(len(second), dtype=torch.long, device=second.device)
    return (cross_entropy(first, zeros) + cross_entropy(second, ones)) / 2
