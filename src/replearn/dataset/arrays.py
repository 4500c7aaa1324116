"""Binary images held as bits: an eighth of their size, unpacked batch by batch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset.images import as_index


class PackedImages:
    """N binary images (C, H, W), 8 pixels a byte, that are indexed as uint8 tensors of 0 and 255.

    Args:
        bits: (N, C*H*W/8) uint8, in the order of numpy.packbits; a memory map is not copied.
        image_shape: (C, H, W).
    """

    def __init__(self, bits: NDArray[np.uint8] | Tensor, image_shape: tuple[int, int, int]):
        self.bits = bits if isinstance(bits, Tensor) else torch.from_numpy(bits)
        self.shape = (len(bits), *image_shape)
        # One 64-bit word holds the eight pixels of a byte, so that a byte costs one look-up.
        pixels = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * np.uint8(255)
        self._pixels = torch.from_numpy(pixels.view(np.int64)[:, 0]).to(self.bits.device)

    @property
    def device(self) -> torch.device:
        """Where the bits are."""
        return self.bits.device

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index) -> Tensor:
        """Return images (B, C, H, W), or (C, H, W) for an integer, on the device of the bits."""
        index = as_index(index)
        bits = self.bits[index.to(self.bits.device) if isinstance(index, Tensor) else index]
        pixels = self._pixels[bits.to(torch.int64)].view(torch.uint8)
        return pixels.reshape(*bits.shape[:-1], *self.shape[1:])

    def chosen(self, indices: Tensor) -> "PackedImages":
        """Return the images at `indices` (n,), packed, as an array of their own."""
        channels, height, width = self.shape[1:]
        return PackedImages(self.bits[indices], (channels, height, width))

    def to(self, device) -> "PackedImages":
        """Return these images on another device, still packed."""
        bits = self.bits.to(device)
        channels, height, width = self.shape[1:]
        return self if bits is self.bits else PackedImages(bits, (channels, height, width))
