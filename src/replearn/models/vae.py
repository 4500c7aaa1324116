"""The variational auto-encoder, over any encoder and decoder architecture."""

import torch
from torch import Tensor

from replearn.errors import InputError
from replearn.models.architectures import DECODERS, ENCODERS, ImageShape
from replearn.models.autoencoder import AutoEncoder
from replearn.models.network import positive_integer
from replearn.models.precision import full_precision
from replearn.registry import lookup


class VAE(AutoEncoder):
    """Variational auto-encoder: q(z|x) = N(mean(x), diag exp(logvar(x))), p(z) = N(0, I).

    Args:
        image_shape: (C, H, W) of the images, whose values lie in [0, 1].
        encoder: a name in ENCODERS.
        decoder: a name in DECODERS.
        latent_size: number D of latent dimensions.
        posterior: "bounded" for means in (-1, 1), their hyperbolic tangent. Every loss reads these
            means; in the published code the KL term is that of the unbounded ones.

    Raises:
        InputError: if a name is unknown, `latent_size` is not a positive integer, the images are
            too small for the architecture, or (in a pass) an image has another shape.

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, section 3 and appendix C. The bounded posterior:
        `BoundedGaussian` of Montero et al. (2022), github.com/mmrl/lost-in-latent-space.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: str = "kim",
        decoder: str = "kim",
        latent_size: int = 10,
        posterior: str | None = None,
    ) -> None:
        super().__init__(image_shape)
        if posterior not in (None, "bounded"):
            raise InputError(
                f"posterior must be 'bounded', or left out for a normal one, got {posterior!r}"
            )
        self.bounded = posterior == "bounded"
        self.latent_size = positive_integer("latent_size", latent_size)
        self.encoder = lookup(ENCODERS, encoder, "encoder")(self.image_shape, 2 * latent_size)
        self.decoder = lookup(DECODERS, decoder, "decoder")(latent_size, self.image_shape)
        last = len(self.encoder) - 1
        self.heads = {
            "mean": f"encoder.{last}",
            "logvar": f"encoder.{last}",
            "logits": f"decoder.{len(self.decoder) - 1}",
        }

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar (B, D) of q(z|x), in float32 also under autocast."""
        self.check_images(x)
        mean, logvar = full_precision(self.encoder(x)).chunk(2, dim=1)
        return torch.tanh(mean) if self.bounded else mean, logvar
