"""Batches of training examples in an order that depends on the seed and the step alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from replearn.errors import InputError
from replearn.training.seeds import derive_seed, make_generator

# Inputs of B examples, which have a length, and their targets (B, ...).
Batch = tuple[Any, Tensor]


@dataclass(frozen=True)
class Batches:
    """A task's examples, fetched by index: (inputs, targets) of some of its positions.

    Attributes:
        fetch: positions (B,) and a generator -> inputs and targets of B examples, on the training
            device. Inputs are a tensor (B, ...) or a frozen dataclass whose length is B. What an
            example has besides its position is drawn from the generator, which is on the CPU.
        indices: the positions (N,) that belong to this pass.
        batch_size: examples in a batch.
        weights: (N,) in which proportion a pass draws each position, N times with replacement;
            None for every position once.
    """

    fetch: Callable[[Tensor, Generator], Batch]
    indices: NDArray[np.int64]
    batch_size: int
    weights: NDArray[np.float64] | None = None

    def __post_init__(self):
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {self.batch_size}")
        if len(self.indices) < self.batch_size:
            raise InputError(
                f"batch_size={self.batch_size} is larger than the {len(self.indices)} examples "
                f"that there are; choose a smaller one"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass: what remains of an epoch is dropped, not made smaller."""
        return len(self.indices) // self.batch_size

    def shuffled(self, seed: int, start: int = 0) -> Iterator[Batch]:
        """Yield batches for ever from step `start` on, in the order of `seed`.

        What is drawn in an epoch depends on `seed` and the epoch alone, so a resumed run sees
        exactly the batches that the uninterrupted one saw. So does the generator of a batch, on
        `seed` and the step.
        """
        indices = torch.from_numpy(np.ascontiguousarray(self.indices))
        epoch, position = divmod(start, self.steps_per_epoch)
        while True:
            order = self._drawn(make_generator(derive_seed(seed, "epoch", epoch)))
            for batch in range(position, self.steps_per_epoch):
                chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
                step = epoch * self.steps_per_epoch + batch
                yield self.fetch(indices[chosen], _generator(seed, step))
            epoch, position = epoch + 1, 0

    def _drawn(self, generator: Generator) -> Tensor:
        n = len(self.indices)
        if self.weights is None:
            return torch.randperm(n, generator=generator)
        # The inverse of the cumulative distribution: torch.multinomial ends at 2^24 positions.
        ends = torch.from_numpy(np.cumsum(self.weights / np.sum(self.weights)))
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.searchsorted(ends, u, right=True).clamp_(max=n - 1)

    def in_order(self) -> Iterator[Batch]:
        """Yield every example once, in order, always the same; the last batch may be smaller."""
        indices = torch.from_numpy(np.ascontiguousarray(self.indices))
        for number, chosen in enumerate(indices.split(self.batch_size)):
            yield self.fetch(chosen, _generator(0, number))


def _generator(seed: int, step: int) -> Generator:
    return make_generator(derive_seed(seed, "examples", step))
