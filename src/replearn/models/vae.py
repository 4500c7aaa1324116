"""The variational auto-encoder, over any encoder and decoder architecture."""

from torch import Tensor

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

    Raises:
        InputError: if a name is unknown, `latent_size` is not a positive integer, the images are
            too small for the architecture, or (in a pass) an image has another shape.

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, section 3 and appendix C.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: str = "kim",
        decoder: str = "kim",
        latent_size: int = 10,
    ) -> None:
        super().__init__(image_shape)
        self.latent_size = positive_integer("latent_size", latent_size)
        self.encoder = lookup(ENCODERS, encoder, "encoder")(self.image_shape, 2 * latent_size)
        self.decoder = lookup(DECODERS, decoder, "decoder")(latent_size, self.image_shape)
        posterior, logits = len(self.encoder) - 1, len(self.decoder) - 1
        self.heads = {
            "mean": f"encoder.{posterior}",
            "logvar": f"encoder.{posterior}",
            "logits": f"decoder.{logits}",
        }

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar (B, D) of q(z|x), in float32 also under autocast."""
        self.check_images(x)
        mean, logvar = full_precision(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar
