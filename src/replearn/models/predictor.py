"""An encoder that predicts labels or factors directly."""

from torch import Generator, Tensor

from replearn.models.architectures import ENCODERS, ImageShape
from replearn.models.network import Network, blocks, positive_integer
from replearn.models.output import PredictorOutput
from replearn.registry import lookup


class Predictor(Network):
    """Encoder with an affine head: class scores, or values of factors.

    Args:
        image_shape: (C, H, W) of the images, whose values lie in [0, 1].
        encoder: a name in ENCODERS.
        n_outputs: width of the head.

    Raises:
        InputError: if the name is unknown, `n_outputs` is not a positive integer, the images are
            too small for the architecture, or (in a pass) an image has another shape.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, experiments.supervised.
    """

    kind = "predictor"

    def __init__(self, image_shape: ImageShape, encoder: str = "kim", *, n_outputs: int) -> None:
        super().__init__(image_shape)
        self.n_outputs = positive_integer("n_outputs", n_outputs)
        self.encoder = lookup(ENCODERS, encoder, "encoder")(self.image_shape, n_outputs)
        self.heads = {"logits": f"encoder.{len(self.encoder) - 1}"}

    def forward(self, x: Tensor, generator: Generator | None = None) -> PredictorOutput:
        """Return the predictions for images (B, C, H, W); nothing is random."""
        self.check_images(x)
        return PredictorOutput(logits=self.encoder(x))

    def layers(self) -> list[str]:
        """Return the encoder's blocks and the logits."""
        return [*blocks(self.encoder, "encoder"), "logits"]
