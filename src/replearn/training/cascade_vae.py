"""The information cascade: latents are held back, and released one after the other."""

import torch
from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.elbo import LatentOutput, VAELoss, latent_kl
from replearn.training.loss import not_negative, positive


class CascadeVAELoss(VAELoss):
    """reconstruction + sum_d beta_d KL_d; beta_d falls from beta_high to beta_low, one at a time.

    Latent 1 is released after `steps_per_latent` steps, latent 2 after as many more, and so on. A
    validation uses the weights of the step that it comes after. The choice of categories has no
    term: it is not learned but made, by the model. Of a VAE without categories this is the paper's
    CascadeVAE-C.

    Terms: loss, reconstruction, kl (nats per image, of all latents and not weighted),
    released_latents (their number), and of a model with categories category_entropy (of their use
    in the batch, nats; 0 if all images are in one or there are none yet).

    Args:
        beta_high: weight of the KL term of a latent that is held back.
        beta_low: weight of that of a released latent.
        steps_per_latent: optimiser steps from one release to the next.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Jeong & Song (2019), arXiv:1905.09432, section 3.2, with the strengths for dSprites. Their
        own code begins with one latent released; here none is, as in Montero et al. (2022).
    """

    def __init__(
        self,
        beta_high: float = 10.0,
        beta_low: float = 2.0,
        steps_per_latent: float = 20_000,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(1.0, likelihood, variance)
        self.beta_high = not_negative("beta_high", beta_high)
        self.beta_low = not_negative("beta_low", beta_low)
        self.steps_per_latent = positive("steps_per_latent", steps_per_latent)

    def released(self, latent_size: int, step: int) -> int:
        """Return how many of the latents are released after `step` steps."""
        return min(int(step // self.steps_per_latent), latent_size)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted KL term, and kl, released_latents and perhaps category_entropy."""
        kl = latent_kl(output.mean, output.logvar).mean(0)
        n = self.released(len(kl), step)
        penalty = self.beta_low * kl[:n].sum() + self.beta_high * kl[n:].sum()
        terms = {"kl": kl.sum(), "released_latents": torch.full_like(kl[0], n)}
        categories = getattr(output, "categories", None)
        if categories is not None:
            share = full_precision(categories).mean(0)
            terms["category_entropy"] = -torch.xlogy(share, share).sum()
        return penalty, terms
