"""The cascade VAE: continuous latents of an encoder, and a category that the decoder chooses."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from replearn.errors import InputError
from replearn.models.architectures import DECODERS, ENCODERS, ImageShape
from replearn.models.assignment import assign_categories
from replearn.models.autoencoder import AutoEncoder, sample
from replearn.models.network import blocks, positive_integer
from replearn.models.output import VAEOutput
from replearn.models.precision import full_precision
from replearn.registry import lookup


@dataclass(frozen=True, kw_only=True)
class CascadeVAEOutput(VAEOutput):
    """One pass of a cascade VAE over B images; z is (B, D + K), latents and category.

    Attributes:
        category_nll: (B, K), negative log-likelihood of an image with each category, in nats;
            like the categories all 0 as long as there are none yet.
        categories: (B, K), the chosen one as 1.
    """

    category_nll: Tensor
    categories: Tensor


class CascadeVAE(AutoEncoder):
    """A VAE with D continuous latents and a category out of K, which no encoder infers.

    Each image is decoded once with each category. In training the images of a batch are assigned
    to categories by likelihood, with a price on crowding (`assign_categories`). Otherwise each
    image has the category in which it is likeliest: a code does not depend on the other images of
    its batch. The likelihood of categories is the Bernoulli one, and is found without gradients.

    Args:
        image_shape: (C, H, W) of the images, whose values lie in [0, 1].
        encoder: a name in ENCODERS.
        decoder: a name in DECODERS.
        latent_size: number D of continuous latents.
        n_categories: number K of categories, at least 2.
        crowding: price of a pair of images of a training batch in one category, in nats.
        category_warm_up: training passes before there are categories. Until then the decoder reads
            zeros in their place, in evaluation, too: it has not learned what they mean.

    Raises:
        InputError: if a name is unknown, a number is not one that it can be, or the images are too
            small for the architecture.

    Source:
        Jeong & Song (2019), "Learning Discrete and Continuous Factors of Data via Alternating
        Disentanglement", arXiv:1905.09432; sizes for dSprites.
    """

    output_type = CascadeVAEOutput
    passes: Tensor

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: str = "kim",
        decoder: str = "kim",
        latent_size: int = 6,
        n_categories: int = 3,
        crowding: float = 0.001,
        category_warm_up: int = 0,
    ) -> None:
        super().__init__(image_shape)
        self.latent_size = positive_integer("latent_size", latent_size)
        if positive_integer("n_categories", n_categories) < 2:
            raise InputError("n_categories must be at least 2: one category says nothing")
        self.n_categories = n_categories
        for name, value in {"crowding": crowding, "category_warm_up": category_warm_up}.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise InputError(f"{name} must be a number of at least 0, got {value!r}")
        self.crowding, self.category_warm_up = crowding, category_warm_up
        self.encoder = lookup(ENCODERS, encoder, "encoder")(self.image_shape, 2 * latent_size)
        self.decoder = lookup(DECODERS, decoder, "decoder")(self.code_size, self.image_shape)
        # Among the weights: those of a step know whether they have categories.
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))
        last = len(self.encoder) - 1
        self.heads = {
            "mean": f"encoder.{last}",
            "logvar": f"encoder.{last}",
            "logits": f"decoder.{len(self.decoder) - 1}",
        }

    @property
    def code_size(self) -> int:
        """Columns of z: the latents and a column for each category."""
        return self.latent_size + self.n_categories

    @property
    def _has_categories(self) -> bool:
        return not self.category_warm_up or int(self.passes) >= self.category_warm_up

    def further_codes(self) -> Tensor:
        """Return (K, K), a category a row as its indicators; (1, K) zeros as long as none is."""
        k = self.n_categories
        return torch.eye(k) if self._has_categories else torch.zeros(1, k)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar (B, D) of the continuous latents, in float32 under autocast."""
        self.check_images(x)
        mean, logvar = full_precision(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar

    def infer(self, x: Tensor, generator: Generator | None = None) -> dict[str, Any]:
        """Return z (B, D + K), mean, logvar, category_nll, categories for images (B, C, H, W)."""
        mean, logvar = self.encode(x)
        z = mean if generator is None else sample(mean, logvar, generator)
        if not self._has_categories:
            nll = categories = z.new_zeros(len(z), self.n_categories)
        else:
            nll = self.category_nll(x, z)
            categories = one_hot(self._choose(nll), self.n_categories).to(z.dtype)
        if self.training:
            self.passes += 1
        return {
            "z": torch.cat([z, categories], 1), "mean": mean, "logvar": logvar,
            "category_nll": nll, "categories": categories,
        }  # fmt: skip

    def _choose(self, nll: Tensor) -> Tensor:
        if not self.training:
            return nll.argmin(1)
        chosen = assign_categories(nll.cpu().numpy(), self.crowding)
        return torch.from_numpy(chosen).to(nll.device)

    @torch.no_grad()
    def category_nll(self, x: Tensor, z: Tensor) -> Tensor:
        """Return -log p(x | z, category k) (B, K) in nats, of images and their latents (B, D).

        Normalisations are as in evaluation, and no hook sees these passes of the decoder.
        """
        codes = torch.eye(self.n_categories, dtype=z.dtype, device=z.device)
        modes = [(module, module.training) for module in self.decoder.modules()]
        self.decoder.eval()
        nll = []
        for code in codes:  # one after the other: no more memory than a step needs
            logits = _forward(self.decoder, torch.cat([z, code.expand(len(z), -1)], 1))
            each = binary_cross_entropy_with_logits(full_precision(logits), x, reduction="none")
            nll.append(each.flatten(1).sum(1))
        for module, mode in modes:
            module.training = mode
        # What is not finite stops the training by its loss, not here.
        return torch.stack(nll, 1).nan_to_num(nan=0.0)

    def layers(self) -> list[str]:
        """Return the layers of a VAE, with `category_nll` before z, which ends in the category."""
        latents = ["mean", "logvar", "category_nll", "z"]
        return (
            blocks(self.encoder, "encoder") + latents + blocks(self.decoder, "decoder") + ["logits"]
        )


def _forward(module: nn.Module, x: Tensor) -> Tensor:
    """Return `module(x)` without its hooks and those of the parts of a sequence."""
    if isinstance(module, nn.Sequential):
        for part in module:
            x = _forward(part, x)
        return x
    return module.forward(x)
