"""What every auto-encoder has: encoder, latents, decoder, and an operator on latents if asked."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from replearn.errors import InputError
from replearn.inputs import CompositionInput
from replearn.models.architectures import ImageShape
from replearn.models.network import Network, blocks
from replearn.models.operators import OPERATORS, FixedInterpolation
from replearn.models.output import VAEOutput
from replearn.registry import build

# The half to freeze, and the one that is then trained.
HALVES = {"encoder": "decoder", "decoder": "encoder"}


class AutoEncoder(Network):
    """Images to latents and back; with an operator also the image that two latents make together.

    A subclass sets `latent_size`, `encoder`, `decoder` and `heads`, and implements `encode`. It may
    override `infer` for other latents or more fields, `output_type` for an output that has them,
    `expand` where a decoder reads something else than latents, and `bounded` and `further_codes`
    where not every code can be one of an image. Then images, examples of the composition task,
    losses and analyses work with it.

    Attributes:
        latent_size: number D of latents that have a posterior: columns of mean and logvar.
        bounded: whether these lie in (-1, 1), as long as they are not sampled.
        encoder: images to what `encode` makes a posterior of.
        decoder: what `expand` returns to logits.
        operator: latents of reference and command, and the factor's number, to those of the
            transformed image; None until `compose_with`.
        output_type: VAEOutput or a subclass with more fields.
        halves: the parts that have weights, by the half that they are frozen with: images to the
            posterior, and latents to images. An operator is of neither.
    """

    output_type: type[VAEOutput] = VAEOutput
    halves: dict[str, tuple[str, ...]] = {"encoder": ("encoder",), "decoder": ("decoder",)}
    latent_size: int
    bounded: bool = False
    encoder: nn.Sequential
    decoder: nn.Sequential
    operator: nn.Module | None

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__(image_shape)
        self.operator = None
        self._retrained: tuple[str, ...] | None = None

    @property
    def code_size(self) -> int:
        """Columns of z, as `infer`, `expand` and the operator have it: D unless it has others."""
        return self.latent_size

    def codes(self, x: Tensor) -> Tensor:
        """Return z (N, code_size) of images (N, C, H, W) without sampling, as `decode` takes it.

        In evaluation mode; a VAE's are the means.
        """
        return self.infer(x)["z"]

    def further_codes(self) -> Tensor:
        """Return (C, code_size - D): all that the columns of a code after its latents can be."""
        return torch.zeros(1, self.code_size - self.latent_size)

    def nearest_codes(self, z: Tensor) -> Tensor:
        """Return the codes nearest to z (N, code_size) that images can have."""
        latents, others = z[:, : self.latent_size], z[:, self.latent_size :]
        choices = self.further_codes().to(z)
        chosen = choices[torch.cdist(others, choices).argmin(1)]
        return torch.cat([latents.clamp(-1, 1) if self.bounded else latents, chosen], 1)

    def compose_with(self, operator: str, n_factors: int) -> None:
        """Make the operator of this name, for `n_factors` factors.

        Raises:
            InputError: if the name is unknown, or there are too few latents for it.
        """
        # Factors take a latent each; what learns reads all columns.
        own = OPERATORS.get(operator) is FixedInterpolation
        size = self.latent_size if own else self.code_size
        sizes = {"latent_size": size, "n_factors": n_factors}
        self.operator = build(OPERATORS, operator, kind="composition_op", **sizes)

    def freeze(self, half: str) -> dict[str, Tensor]:
        """Train from now on one half alone, and return the weights of all else, by name.

        Freezing the encoder trains the decoder, and the other way round; what lies between them,
        such as the operator, stays as it is in both cases, as what the latents mean does. The
        frozen parts are in evaluation mode: normalisations keep their running statistics.

        Raises:
            InputError: if `half` is neither "encoder" nor "decoder".
        """
        check_half(half)
        self._retrained = self.halves[HALVES[half]]
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self._is_retrained(name))
        return {k: v.clone() for k, v in self.state_dict().items() if not self._is_retrained(k)}

    def train(self, mode: bool = True) -> "AutoEncoder":
        """Set the mode of all parts that are not frozen; these are in evaluation mode."""
        super().train(mode)
        if self._retrained is not None:
            for name, part in self.named_children():
                part.train(mode and name in self._retrained)
        return self

    def _is_retrained(self, name: str) -> bool:
        return self._retrained is None or name.partition(".")[0] in self._retrained

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logvar of q(z|x) for images (N, C, H, W), in float32 under autocast."""
        raise NotImplementedError

    def infer(self, x: Tensor, generator: Generator | None = None) -> dict[str, Any]:
        """Return the fields of the output, without logits and n_encoded, for images (N, C, H, W).

        "z" (N, code_size), "mean" and "logvar" (N, D) are among them; the first D columns of z are
        a sample drawn from the generator, without one they are the mean: a deterministic pass.
        """
        mean, logvar = self.encode(x)
        z = mean if generator is None else sample(mean, logvar, generator)
        return {"z": z, "mean": mean, "logvar": logvar}

    def expand(self, z: Tensor, inferred: dict[str, Any] | None = None) -> Tensor:
        """Return what the decoder reads of latents z (N, D): z itself.

        Args:
            inferred: what `infer` returned with these latents, where they are those of images.
        """
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits (N, C, H, W) of latents (N, D)."""
        return self.decoder(self.expand(z))

    def forward(
        self, x: Tensor | CompositionInput, generator: Generator | None = None
    ) -> VAEOutput:
        """Encode, sample and decode images (B, C, H, W), or examples of the composition task.

        Of examples both images are encoded, and what is decoded has an axis more: logits
        (B, 3, C, H, W) of reference, command and transformed image, or (B, 1, C, H, W) of the last
        alone. Latents have the rows (2 B, D) in the order reference, command, reference ...

        Raises:
            InputError: if the images have another shape than the model's, or examples of the
                composition task come to a model without an operator.
        """
        if isinstance(x, Tensor):
            self.check_images(x)
            inferred = self.infer(x, generator)
            logits = self.decoder(self.expand(inferred["z"], inferred))
            return self.output_type(logits=logits, **inferred)
        return self._compose(x, generator)

    def _compose(self, x: CompositionInput, generator: Generator | None) -> VAEOutput:
        if self.operator is None:
            raise InputError(
                "this model has no operator to compose latents with; build it with composition_op"
            )
        images = x.images.flatten(0, 1)
        self.check_images(images)
        inferred = self.infer(images, generator)
        z = inferred["z"].unflatten(0, (-1, 2))
        # The operator is small and its answer is decoded: half precision would save nothing.
        with torch.autocast(z.device.type, enabled=False):
            transformed = self.operator(z[:, 0], z[:, 1], x.action)
        read = self.expand(transformed)[:, None]
        if not x.target_only:
            read = torch.cat([self.expand(inferred["z"], inferred).unflatten(0, (-1, 2)), read], 1)
        logits = self.decoder(read.flatten(0, 1)).unflatten(0, (len(x), -1))
        return self.output_type(logits=logits, n_encoded=2, **inferred)

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


def check_half(half: str) -> None:
    """Raise an InputError unless `half` is one that can be frozen."""
    if half not in HALVES:
        raise InputError(f"freeze must be {' or '.join(HALVES)}, got {half!r}")
