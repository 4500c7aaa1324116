"""Declare convolutional networks: a list of convolutions, read forwards and backwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from replearn.errors import InputError
from replearn.models.architectures.stack import ImageShape, Stack

Conv = tuple[int, int, int, int | str]  # channels, kernel, stride, padding or (stride 1) "same"


@dataclass(frozen=True)
class Convolutional:
    """Convolutions, then affine layers; the decoder is the same list read backwards, transposed.

    A published decoder that is no mirror image of its encoder is a second declaration, whose list
    starts at the image, too. An image size that a stride does not divide is met in the decoder by
    output padding, so that the reconstruction has the size of the image.

    Attributes:
        name: in the registry, for sentences.
        convs: channels, kernel, stride and padding of each convolution, from the image on.
        widths: sizes of the affine layers after them; each is followed by a ReLU.
        init: how the weights are drawn.
        order: what a block of the encoder holds: "conv", "relu", "norm" (batch normalisation),
            "pool" (the maximum of 2 x 2 pixels).
        mirrored: what a block of the decoder holds: "conv", "relu", "norm", "upsample" (bilinear,
            to the size before pooling). The last block ends with its convolution.
        momentum: of the running averages of batch normalisation.
        affine_norm: whether the decoder normalises after each affine layer, too.
    """

    name: str
    convs: tuple[Conv, ...]
    widths: tuple[int, ...]
    init: str = "kaiming"
    order: tuple[str, ...] = ("conv", "relu")
    mirrored: tuple[str, ...] = ("conv", "relu")
    momentum: float = 0.1
    affine_norm: bool = False

    def encoder(self, image_shape: ImageShape, n_outputs: int) -> Stack:
        """Return a stack that maps images (B, C, H, W) to (B, n_outputs).

        Raises:
            InputError: if the images are smaller than the strides allow.
        """
        shapes = self.feature_shapes(image_shape)
        blocks = [
            self._block(self.order, _convolution(before[0], conv), before[0], conv[0])
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
        if self.affine_norm:
            for block, (_, width) in zip(affine, sizes, strict=True):
                block.append(VectorNorm(width, momentum=self.momentum))
        affine[-1] = nn.Sequential(*affine[-1], nn.Unflatten(1, shapes[-1]))
        blocks = []
        for (large, small), conv in zip(pairwise(shapes), self.convs, strict=True):
            order = self.mirrored
            if not blocks:  # the block that ends with the image
                order = order[: order.index("conv") + 1]
            size = _convolved(large, conv)[1:]
            resize = nn.Upsample(size, mode="bilinear", align_corners=True)
            transposed = _transposed(small[0], large, conv)
            blocks.append(self._block(order, transposed, small[0], large[0], resize))
        return Stack([*affine, *blocks[::-1]], self.init)

    def feature_shapes(self, image_shape: ImageShape) -> list[ImageShape]:
        """Return the shape of the image and of the feature maps after each block.

        Raises:
            InputError: if the images are smaller than the strides allow.
        """
        shapes = [image_shape]
        for conv in self.convs:
            channels, height, width = _convolved(shapes[-1], conv)
            shapes.append((channels, height // self._pool, width // self._pool))
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
            margins = sum(_margins(kernel, padding))
            size = max((size * self._pool - 1) * stride + kernel - margins, 1)
        return size

    @property
    def _pool(self) -> int:
        return 2 if "pool" in self.order else 1

    def _block(
        self,
        order: Sequence[str],
        convolution: Sequence[nn.Module],
        n_inputs: int,
        n_outputs: int,
        resize: nn.Module | None = None,
    ) -> nn.Module:
        """Return the named parts in a row, or the convolution itself if it is alone."""
        parts, channels = [], n_inputs
        for name in order:
            if name == "conv":
                parts, channels = [*parts, *convolution], n_outputs
            elif name == "norm":
                parts.append(BatchNorm(channels, momentum=self.momentum))
            elif name == "relu":
                parts.append(nn.ReLU())
            elif name == "pool":
                parts.append(nn.MaxPool2d(2))
            elif name == "upsample" and resize is not None:
                parts.append(resize)
            else:
                raise ValueError(f"architecture {self.name!r} has an unknown part {name!r}")
        return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that refuses in a sentence what has no variance."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W): in training with the batch's statistics, else the running ones.

        Raises:
            InputError: in training, if there is one value a channel.
        """
        if self.training and input[:, 0].numel() == 1:
            raise InputError(
                "batch normalisation cannot train on a batch of 1 image whose feature maps are "
                "1 x 1 pixels; use a larger training.batch_size"
            )
        return super().forward(input)


class VectorNorm(nn.BatchNorm1d):
    """Batch normalisation of (B, D) that refuses in a sentence what has no variance."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, D): in training with the batch's statistics, else the running ones.

        Raises:
            InputError: in training, if there is one example.
        """
        if self.training and len(input) == 1:
            raise InputError(
                "batch normalisation cannot train on a batch of 1 image; use a larger "
                "training.batch_size"
            )
        return super().forward(input)


def _margins(kernel: int, padding: int | str) -> tuple[int, int]:
    """Return the zeros before and after the pixels of an axis; "same" is TensorFlow's."""
    if isinstance(padding, int):
        return padding, padding
    return (kernel - 1) // 2, kernel // 2


def _convolved(shape: ImageShape, conv: Conv) -> ImageShape:
    """Return the shape that a convolution makes of `shape`."""
    channels, kernel, stride, padding = conv
    margins = sum(_margins(kernel, padding))
    height, width = ((n + margins - kernel) // stride + 1 for n in shape[1:])
    return channels, height, width


def _convolution(n_inputs: int, conv: Conv) -> list[nn.Module]:
    """Return a convolution; of an even kernel with "same" padding after uneven zeros."""
    channels, kernel, stride, padding = conv
    before, after = _margins(kernel, padding)
    if before == after:
        return [nn.Conv2d(n_inputs, channels, kernel, stride, before)]
    zeros = nn.ZeroPad2d((before, after, before, after))
    return [zeros, nn.Conv2d(n_inputs, channels, kernel, stride)]


def _transposed(n_inputs: int, large: ImageShape, conv: Conv) -> list[nn.Module]:
    """Return the transposed convolution whose result has the shape `large`."""
    _, kernel, stride, padding = conv
    before, after = _margins(kernel, padding)
    missing = [(n + before + after - kernel) % stride for n in large[1:]]
    transposed = nn.ConvTranspose2d(
        n_inputs, large[0], kernel, stride, before, output_padding=(missing[0], missing[1])
    )
    crop = before - after  # of "same" padding with an even kernel: the last row and column
    return [transposed, nn.ZeroPad2d((0, crop, 0, crop))] if crop else [transposed]
