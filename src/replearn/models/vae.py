"""The variational auto-encoder, over any encoder and decoder architecture."""

import torch
from torch import Generator, Tensor

from replearn.models.architectures import DECODERS, ENCODERS, ImageShape
from replearn.models.network import Network, blocks, positive_integer
from replearn.models.output import VAEOutput
from replearn.models.precision import full_precision
from replearn.registry import lookup


class VAE(Network):
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

    def forward(self, x: Tensor, generator: Generator | None = None) -> VAEOutput:
        """Encode, sample and decode images (B, C, H, W).

        With a generator z = mean + exp(logvar / 2) * eps with eps ~ N(0, I) drawn from it; without
        one z = mean, and the pass is deterministic.
        """
        mean, logvar = self.encode(x)
        z = mean if generator is None else sample(mean, logvar, generator)
        return VAEOutput(logits=self.decode(z), z=z, mean=mean, logvar=logvar)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar (B, D) of q(z|x), in float32 also under autocast."""
        self.check_images(x)
        mean, logvar = full_precision(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits (B, C, H, W) of latents (B, D)."""
        return self.decoder(z)

    def layers(self) -> list[str]:
        """Return the encoder's blocks, mean, logvar, z, the decoder's blocks and the logits."""
        latents = ["mean", "logvar", "z"]
        return (
            blocks(self.encoder, "encoder") + latents + blocks(self.decoder, "decoder") + ["logits"]
        )


def sample(mean: Tensor, logvar: Tensor, generator: Generator) -> Tensor:
    """Return one sample of N(mean, diag exp(logvar)), drawn on the generator's device."""
    eps = torch.randn(mean.shape, generator=generator, device=generator.device, dtype=mean.dtype)
    return mean + torch.exp(logvar / 2) * eps.to(mean.device)
