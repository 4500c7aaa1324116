"""The Lie group VAE: latents move along one-parameter groups of matrices, which are decoded."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from replearn.errors import InputError
from replearn.models.architectures import DECODERS, ENCODERS, ImageShape
from replearn.models.autoencoder import AutoEncoder, sample
from replearn.models.network import blocks, positive_integer
from replearn.models.output import VAEOutput
from replearn.models.precision import full_precision
from replearn.registry import lookup


@dataclass(frozen=True, kw_only=True)
class LieGroupVAEOutput(VAEOutput):
    """One pass of a Lie group VAE over B images, with n x n matrices and D latents.

    Attributes:
        features: (B, n^2), what the encoder says of an image.
        group: (B, n^2), the matrix exp(sum_i z_i A_i), row by row.
        decoded: (B, n^2), what was decoded: the group elements, or in training now and then the
            features.
        generators: (D, n, n), the matrices A_i, the same for all images.
    """

    features: Tensor
    group: Tensor
    decoded: Tensor
    generators: Tensor


class LieGroup(nn.Module):
    """The map of latents to a matrix group, z -> exp(sum_i z_i A_i).

    Args:
        latent_size: number D of generators A_i.
        matrix_size: n of the n x n matrices.
        deviation: of the entries of new generators, which are drawn from N(0, deviation^2).
    """

    def __init__(self, latent_size: int, matrix_size: int, deviation: float = 0.001) -> None:
        super().__init__()
        self.generators = nn.Parameter(torch.zeros(latent_size, matrix_size, matrix_size))
        self.deviation = deviation

    def forward(self, z: Tensor) -> Tensor:
        """Return the matrices (B, n^2) of latents (B, D), row by row; never in half precision."""
        with torch.autocast(z.device.type, enabled=False):
            z = full_precision(z)
            algebra = torch.einsum("bd,dij->bij", z, self.generators.to(z.dtype))
            return torch.matrix_exp(algebra).flatten(1)

    @torch.no_grad()
    def draw_weights(self, generator: Generator) -> None:
        """Draw the generators anew: almost zero, so that all latents begin at the identity."""
        draws = torch.randn(self.generators.shape, generator=generator, device=generator.device)
        self.generators.copy_(self.deviation * draws)


class LieGroupVAE(AutoEncoder):
    """A VAE whose decoder reads the matrix exp(sum_i z_i A_i) with learned generators A_i.

    The encoder's features (n^2 numbers) go through a hidden layer four times as wide to mean and
    logvar of q(z|x). In training the decoder reads the features themselves, in place of the group
    elements, in a fraction of the batches, which teaches the encoder to speak as the group does.

    Args:
        image_shape: (C, H, W) of the images, whose values lie in [0, 1].
        encoder: a name in ENCODERS.
        decoder: a name in DECODERS.
        latent_size: number D of latents, one for each generator.
        matrix_size: n of the n x n matrices: one group, as in all of the paper's experiments.
        feature_probability: of a training batch whose features are decoded.

    Raises:
        InputError: if a name is unknown, a size is not a positive integer, the probability is none,
            or the images are too small for the architecture.

    Source:
        Zhu, Xu & Tao (2021), "Commutative Lie Group VAE for Disentanglement Learning",
        arXiv:2106.03375, with the sizes of github.com/zhuxinqimac/CommutativeLieGroupVAE-Pytorch
        for dSprites (3DShapes: matrix_size of 20).
    """

    output_type = LieGroupVAEOutput
    # The group is between latents and images: what latents do is learned with how it looks.
    halves = {"encoder": ("encoder", "to_mean", "to_logvar"), "decoder": ("lie_group", "decoder")}

    def __init__(
        self,
        image_shape: ImageShape,
        encoder: str = "kim",
        decoder: str = "kim",
        latent_size: int = 10,
        matrix_size: int = 10,
        feature_probability: float = 0.2,
    ) -> None:
        super().__init__(image_shape)
        self.latent_size = positive_integer("latent_size", latent_size)
        n_features = positive_integer("matrix_size", matrix_size) ** 2
        if not 0 <= feature_probability <= 1:
            raise InputError(
                f"feature_probability must be a number from 0 to 1, got {feature_probability!r}"
            )
        self.feature_probability = feature_probability
        self.encoder = lookup(ENCODERS, encoder, "encoder")(self.image_shape, n_features)
        self.to_mean = _perceptron(n_features, latent_size)
        self.to_logvar = _perceptron(n_features, latent_size)
        self.lie_group = LieGroup(latent_size, matrix_size)
        self.decoder = lookup(DECODERS, decoder, "decoder")(n_features, self.image_shape)
        self.heads = {
            "features": f"encoder.{len(self.encoder) - 1}",
            "mean": "to_mean",
            "logvar": "to_logvar",
            "group": "lie_group",
            "logits": f"decoder.{len(self.decoder) - 1}",
        }

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar (B, D) of q(z|x), in float32 also under autocast."""
        self.check_images(x)
        return self._posterior(self.encoder(x))

    def infer(self, x: Tensor, generator: Generator | None = None) -> dict[str, Tensor]:
        """Return z, mean, logvar, features, group, decoded, generators for images (B, C, H, W)."""
        features = full_precision(self.encoder(x))
        mean, logvar = self._posterior(features)
        z = mean if generator is None else sample(mean, logvar, generator)
        group = self.lie_group(z)
        decoded = group
        if self.training and generator is not None:
            # One draw for the batch, as published, and no branch, which would wait for the device.
            draw = torch.rand((), generator=generator, device=generator.device).to(group.device)
            decoded = torch.where(draw < self.feature_probability, features, group)
        return {
            "z": z, "mean": mean, "logvar": logvar, "features": features, "group": group,
            "decoded": decoded, "generators": self.lie_group.generators,
        }  # fmt: skip

    def expand(self, z: Tensor, inferred: dict[str, Tensor] | None = None) -> Tensor:
        """Return the matrices (B, n^2) of latents (B, D), or what `infer` chose to decode."""
        return self.lie_group(z) if inferred is None else inferred["decoded"]

    def layers(self) -> list[str]:
        """Return the layers of a VAE, with the features before and the group after the latents."""
        latents = ["features", "mean", "logvar", "z", "group"]
        return (
            blocks(self.encoder, "encoder") + latents + blocks(self.decoder, "decoder") + ["logits"]
        )

    def _posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return full_precision(self.to_mean(features)), full_precision(self.to_logvar(features))


def _perceptron(n_inputs: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_inputs, 4 * n_inputs), nn.ReLU(), nn.Linear(4 * n_inputs, n_outputs)
    )
