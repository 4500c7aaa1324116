"""Images that exist only while they are looked at: drawn by position from small tables."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from replearn.dataset.images import as_index

_CHUNK = 64  # images drawn at once on a CPU: more of them fall out of its caches


class DrawnImages:
    """N images (C, H, W) that are drawn when they are fetched, each from its position alone.

    Args:
        draw: (positions (B,), *tables) -> uint8 (B, C, H, W), all on one device.
        tables: what `draw` draws from, tensors or packed images; memory maps are not copied.
        shape: (N, C, H, W).
    """

    def __init__(
        self,
        draw: Callable[..., Tensor],
        tables: tuple[Any, ...],
        shape: tuple[int, int, int, int],
    ):
        self.draw, self.tables, self.shape = draw, tables, shape
        self._positions = torch.arange(shape[0], device=tables[0].device)

    @property
    def device(self) -> torch.device:
        """Where images are drawn."""
        return self._positions.device

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index, /) -> Tensor:
        """Return images (B, C, H, W), or (C, H, W) for an integer, on the device of the tables."""
        index = as_index(index)
        chosen = self._positions[index.to(self.device) if isinstance(index, Tensor) else index]
        flat = chosen.reshape(-1)
        chunks = flat.split(_CHUNK) if self.device.type == "cpu" else (flat,)
        images = torch.cat([self.draw(positions, *self.tables) for positions in chunks])
        return images.reshape(*chosen.shape, *self.shape[1:])

    def to(self, device) -> "DrawnImages":
        """Return these images drawn on another device."""
        tables = tuple(table.to(device) for table in self.tables)
        if tables[0] is self.tables[0]:
            return self
        return DrawnImages(self.draw, tables, self.shape)
