"""What models return: frozen records of named tensors."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class VAEOutput:
    """One pass of a VAE over B images, or over B examples of E encoded and I decoded images each.

    Attributes:
        logits: (B, C, H, W), the reconstruction before the sigmoid; of examples (B, I, C, H, W).
        z: (E B, D), the latents that were decoded, or of examples those of the encoded images; a
            model with latents of other kinds has them in further columns.
        mean: (E B, D), mean of q(z|x).
        logvar: (E B, D), log of the variance of q(z|x).
        n_encoded: E, of examples of the composition task 2, else 1.
    """

    logits: Tensor
    z: Tensor
    mean: Tensor
    logvar: Tensor
    n_encoded: int = field(default=1, kw_only=True)

    @property
    def continuous(self) -> Tensor:
        """The latents (E B, D) that mean and logvar are of: all of z, or its first columns."""
        return self.z[:, : self.mean.shape[1]]

    @property
    def x_mean(self) -> Tensor:
        """The reconstructed images (B, C, H, W) or (B, I, C, H, W), in [0, 1]."""
        return torch.sigmoid(self.logits)


@dataclass(frozen=True)
class PredictorOutput:
    """One pass of a predictor over B images.

    Attributes:
        logits: (B, n_outputs), class scores or predicted values.
    """

    logits: Tensor


@dataclass(frozen=True)
class DecoderOutput:
    """One pass of a decoder of true factors over B examples.

    Attributes:
        logits: (B, C, H, W), the images before the sigmoid.
    """

    logits: Tensor

    @property
    def x_mean(self) -> Tensor:
        """The images (B, C, H, W), in [0, 1]."""
        return torch.sigmoid(self.logits)
