"""A decoder of true factors of variation: what the best of all codes could draw."""

import torch
from torch import Generator, Tensor

from replearn.errors import InputError
from replearn.models.architectures import DECODERS, ImageShape
from replearn.models.network import Network, blocks, positive_integer
from replearn.models.output import DecoderOutput
from replearn.registry import lookup


class Decoder(Network):
    """Values of factors to images, over any decoder architecture.

    Args:
        image_shape: (C, H, W) of the images, whose values lie in [0, 1].
        decoder: a name in DECODERS.
        n_factors: number K of factors.

    Raises:
        InputError: if the name is unknown, `n_factors` is not a positive integer, the images are
            too small for the architecture, or (in a pass) there are not K values.

    Source:
        Montero et al. (2021), "The role of disentanglement in generalisation", section 3.3: the
        ground-truth decoders; github.com/mmrl/disent-and-gen, experiments.decoders.
    """

    kind = "decoder"

    def __init__(self, image_shape: ImageShape, decoder: str = "kim", *, n_factors: int) -> None:
        super().__init__(image_shape)
        self.n_factors = positive_integer("n_factors", n_factors)
        self.decoder = lookup(DECODERS, decoder, "decoder")(n_factors, self.image_shape)
        self.heads = {"logits": f"decoder.{len(self.decoder) - 1}"}

    def forward(self, factors: Tensor, generator: Generator | None = None) -> DecoderOutput:
        """Return the images of factor values (B, K); nothing is random."""
        if factors.shape[1:] != (self.n_factors,):
            raise InputError(
                f"expected values of {self.n_factors} factors, (B, {self.n_factors}), got "
                f"{tuple(factors.shape)}; the model was built for that number alone"
            )
        return DecoderOutput(logits=self.decoder(factors))

    def blank(self) -> Tensor:
        """Return the values (1, K) of factors that are all at their centre."""
        weight = next(self.parameters())
        return torch.zeros(1, self.n_factors, dtype=weight.dtype, device=weight.device)

    def layers(self) -> list[str]:
        """Return the decoder's blocks and the logits."""
        return [*blocks(self.decoder, "decoder"), "logits"]
