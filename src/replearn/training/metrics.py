"""Averages over a pass of the data."""

import torch
from ignite.exceptions import NotComputableError
from ignite.metrics import Metric
from torch import Tensor


class TermAverage(Metric):
    """Average of every named term over the images of one pass, weighted by batch size.

    The engine's step returns `(batch_size, terms)`; sums stay on the device, in float64.
    """

    def reset(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    def update(self, output: tuple[int, dict[str, Tensor]]) -> None:
        batch_size, terms = output
        for name, value in terms.items():
            value = value.detach()
            # No float64 on Apple's GPUs; everywhere else sums are exact enough to compare runs.
            value = value.double() if value.device.type != "mps" else value.float()
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + batch_size * value
        self._n += batch_size

    def compute(self) -> dict[str, float]:
        if self._n == 0:
            raise NotComputableError("TermAverage needs at least one batch")
        return {name: float(total) / self._n for name, total in self._sums.items()}
