"""Declare encoders and decoders as data: layer widths in, stacks of layers out.

An architecture builds an `nn.Sequential` whose children are blocks (affine map, non-linearity):
block k of an encoder is `encoder.k`, its output is the representation after the non-linearity, and
the last block is the affine head without one.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from torch import nn

from replearn.errors import InputError

ImageShape = tuple[int, int, int]
Conv = tuple[int, int, int, int]  # channels, kernel, stride, padding

NONLINEARITIES = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Stack(nn.Sequential):
    """Blocks in a row; `init` names how their weights are drawn (see `initialise`)."""

    def __init__(self, blocks: Sequence[nn.Module], init: str) -> None:
        super().__init__(OrderedDict((str(k), block) for k, block in enumerate(blocks)))
        self.init = init


@dataclass(frozen=True)
class FullyConnected:
    """Affine layers over the flattened image; takes images of any size.

    Attributes:
        widths: sizes of the hidden layers, from input to output.
        nonlinearity: after each hidden layer, a name in NONLINEARITIES.
        init: how the weights are drawn.
    """

    widths: tuple[int, ...]
    nonlinearity: str = "relu"
    init: str = "kaiming"

    def encoder(self, image_shape: ImageShape, n_outputs: int) -> Stack:
        """Return a stack that maps images (B, C, H, W) to (B, n_outputs)."""
        blocks = self._hidden(prod(image_shape), nn.Flatten())
        return Stack([*blocks, nn.Linear(self.widths[-1], n_outputs)], self.init)

    def decoder(self, latent_size: int, image_shape: ImageShape) -> Stack:
        """Return a stack that maps latents (B, D) to the logits of images (B, C, H, W)."""
        head = nn.Sequential(
            nn.Linear(self.widths[-1], prod(image_shape)), nn.Unflatten(1, image_shape)
        )
        return Stack([*self._hidden(latent_size), head], self.init)

    def _hidden(self, n_inputs: int, *first: nn.Module) -> list[nn.Module]:
        sizes = pairwise((n_inputs, *self.widths))
        blocks = [nn.Sequential(nn.Linear(*size), self._activation()) for size in sizes]
        blocks[0] = nn.Sequential(*first, *blocks[0])
        return list(blocks)

    def _activation(self) -> nn.Module:
        return NONLINEARITIES[self.nonlinearity]()


@dataclass(frozen=True)
class Convolutional:
    """Convolutions, then affine layers; the decoder is the same list read backwards, transposed.

    An image size that a stride does not divide is met in the decoder by output padding, so that
    the reconstruction has the size of the image.

    Attributes:
        name: in the registry, for sentences.
        convs: channels, kernel, stride and padding of each convolution, from the image on.
        widths: sizes of the affine layers after them.
        init: how the weights are drawn.
    """

    name: str
    convs: tuple[Conv, ...]
    widths: tuple[int, ...]
    init: str = "kaiming"

    def encoder(self, image_shape: ImageShape, n_outputs: int) -> Stack:
        """Return a stack that maps images (B, C, H, W) to (B, n_outputs).

        Raises:
            InputError: if the images are smaller than the strides allow.
        """
        shapes = self.feature_shapes(image_shape)
        blocks = [
            nn.Sequential(nn.Conv2d(before[0], *conv), nn.ReLU())
            for before, conv in zip(shapes[:-1], self.convs, strict=True)
        ]
        sizes = list(pairwise((prod(shapes[-1]), *self.widths)))
        affine = [nn.Sequential(nn.Linear(*size), nn.ReLU()) for size in sizes]
        affine[0] = nn.Sequential(nn.Flatten(), *affine[0])
        return Stack([*blocks, *affine, nn.Linear(self.widths[-1], n_outputs)], self.init)

    def decoder(self, latent_size: int, image_shape: ImageShape) -> Stack:
        """Return a stack that maps latents (B, D) to the logits of images (B, C, H, W).

        Raises:
            InputError: if the images are smaller than the strides allow.
        """
        shapes = self.feature_shapes(image_shape)
        sizes = list(pairwise((latent_size, *reversed(self.widths), prod(shapes[-1]))))
        affine = [nn.Sequential(nn.Linear(*size), nn.ReLU()) for size in sizes]
        affine[-1] = nn.Sequential(*affine[-1], nn.Unflatten(1, shapes[-1]))
        transposed = [
            _transposed(small, large, conv)
            for (large, small), conv in zip(pairwise(shapes), self.convs, strict=True)
        ][::-1]
        blocks = [nn.Sequential(conv, nn.ReLU()) for conv in transposed[:-1]]
        return Stack([*affine, *blocks, transposed[-1]], self.init)

    def feature_shapes(self, image_shape: ImageShape) -> list[ImageShape]:
        """Return the shape of the image and of the feature maps after each convolution.

        Raises:
            InputError: if the images are smaller than the strides allow.
        """
        shapes = [image_shape]
        for channels, kernel, stride, padding in self.convs:
            height, width = ((n + 2 * padding - kernel) // stride + 1 for n in shapes[-1][1:])
            shapes.append((channels, height, width))
        if min(min(shape) for shape in shapes) < 1:
            smallest = self.smallest_size()
            raise InputError(
                f"architecture {self.name!r} needs images of at least {smallest} x {smallest} "
                f"pixels, got {image_shape[1]} x {image_shape[2]}; choose larger images or "
                "a fully connected architecture such as 'higgins'"
            )
        return shapes

    def smallest_size(self) -> int:
        """Return the smallest height or width in pixels that the strides allow."""
        size = 1
        for _, kernel, stride, padding in reversed(self.convs):
            size = max((size - 1) * stride + kernel - 2 * padding, 1)
        return size


def _transposed(small: ImageShape, large: ImageShape, conv: Conv) -> nn.ConvTranspose2d:
    """Return the transposed convolution that takes feature maps `small` back to `large`."""
    _, kernel, stride, padding = conv
    height, width = ((n + 2 * padding - kernel) % stride for n in large[1:])
    return nn.ConvTranspose2d(
        small[0], large[0], kernel, stride, padding, output_padding=(height, width)
    )


HIGGINS_ENCODER = FullyConnected((1200, 1200))  # Higgins et al. (2017), table 1
HIGGINS_DECODER = FullyConnected((1200, 1200, 1200), "tanh")
BURGESS = Convolutional(  # Burgess et al. (2018), arXiv:1804.03599, appendix A.1
    "burgess", ((32, 4, 2, 1),) * 4, (256, 256)
)
KIM = Convolutional(  # the FactorVAE networks with padding 1, as in Montero et al. (2022)
    "kim", ((32, 4, 2, 1), (32, 4, 2, 1), (64, 4, 2, 1), (64, 4, 2, 1)), (256,)
)
# Locatello et al. (2019), arXiv:1811.12359, table 1: the later kernels are smaller, and only in
# the encoder. TensorFlow's "same" padding is 1 for kernel 4 and 0 for kernel 2.
LOCATELLO_ENCODER = Convolutional(
    "locatello", ((32, 4, 2, 1), (32, 4, 2, 1), (64, 2, 2, 0), (64, 2, 2, 0)), (256,), "glorot"
)
LOCATELLO_DECODER = Convolutional("locatello", KIM.convs, KIM.widths, "glorot")

ENCODERS = {
    "higgins": HIGGINS_ENCODER.encoder,
    "burgess": BURGESS.encoder,
    "kim": KIM.encoder,
    "locatello": LOCATELLO_ENCODER.encoder,
}
DECODERS = {
    "higgins": HIGGINS_DECODER.decoder,
    "burgess": BURGESS.decoder,
    "kim": KIM.decoder,
    "locatello": LOCATELLO_DECODER.decoder,
}
