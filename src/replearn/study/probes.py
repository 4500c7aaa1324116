"""Images to look at a finished run with: always the same ones for the same data and seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replearn.dataset.altered import MarkedImages, altered
from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import partition
from replearn.errors import InputError
from replearn.study.task import some_of

BATCH = 128


@dataclass(frozen=True)
class Probe:
    """Some images of a data set: positions (N,), sorted, from one part of them."""

    data: ImageDataset
    indices: NDArray[np.int64]

    def batches(self, device: torch.device | str = "cpu") -> Iterator[Tensor]:
        """Yield the images (B, C, H, W), float32 in [0, 1], in order."""
        for chosen in torch.from_numpy(self.indices).split(BATCH):
            yield self.data.batch(chosen).to(device)

    @property
    def marked(self) -> bool:
        """Whether the images have the marks of a shortcut, here of random classes."""
        return isinstance(self.data.images, MarkedImages)

    @property
    def factors(self) -> NDArray[np.int64] | None:
        """The factor indices (N, K) of the images, or None."""
        return None if self.data.factors is None else self.data.factors[self.indices]

    def said(self, asked: int) -> str:
        """Return how many images there are, in words; print it if they are fewer than asked for."""
        n = len(self.indices)
        if n < asked:
            print(f"n_probe={asked:,}, but {self.data.name} has {n:,} held-out images: all of them")
        return f"{n} images"

    def first(self, n: int) -> Tensor:
        """Return `n` images spread evenly over the probe."""
        chosen = np.linspace(0, len(self.indices) - 1, min(n, len(self.indices))).astype(int)
        return self.data.batch(torch.from_numpy(self.indices[chosen]))


def probe_of(
    section: Mapping[str, Any],
    data: ImageDataset,
    n: int,
    seed: int = 0,
    part: str = "held_out",
) -> Probe:
    """Return `n` images that a run with this `dataset` section held out, or of another part.

    If it was trained with a shortcut, the images have marks that say nothing, as all that it holds
    out; labels are the true ones.

    Args:
        part: `training`; `held_out` for validation, or training images if there are none;
            `test` for the combinations of factors that a hold-out excludes.

    Raises:
        InputError: if there are no excluded combinations to show.
    """
    parts = partition(section, data)
    chosen = getattr(parts, part)
    if not len(chosen):
        if part == "test":
            raise InputError(
                "this run excluded no combinations of factors; choose one that was trained with "
                "dataset.condition or dataset.holdout"
            )
        chosen = parts.training
    if section.get("shortcut") is not None:
        data = altered(data, [], shortcut=0)
    return Probe(data, some_of(chosen, n, seed))


@torch.no_grad()
def encode(model: nn.Module, probe: Probe) -> tuple[NDArray, NDArray]:
    """Return the posterior means and log-variances (N, D) of the probe's images, float64."""
    model.eval()
    pairs = [model.encode(x) for x in probe.batches()]  # type: ignore[operator]
    mean, logvar = (torch.cat(parts).double().numpy() for parts in zip(*pairs, strict=True))
    return mean, logvar


@torch.no_grad()
def reconstruct(model: nn.Module, images: Tensor) -> NDArray:
    """Return the mean reconstructions (B, C, H, W) of images, from the posterior means."""
    return model(images).x_mean.numpy()


@torch.no_grad()
def decode(model: nn.Module, z: NDArray) -> NDArray:
    """Return the mean images (B, C, H, W) of latents (B, D)."""
    return torch.sigmoid(model.decode(torch.from_numpy(z).float())).numpy()  # type: ignore[operator]
