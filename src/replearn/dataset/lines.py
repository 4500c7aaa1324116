"""Which combinations of factors there are along each axis of their grid."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

# Of a draw: times a number of images it is still one of 63 bits, and no device has to convert it.
BITS = 38


class Lines:
    """The lines of a set of combinations in the grid of their factors.

    A line is all combinations that differ in one factor alone. A table on the device says how many
    members each line has and which values of the factor they have, so that another member is drawn
    by arithmetic, whatever set of combinations it is. A line has one entry more than values, of one
    byte, or two if a factor has more than 255 values; all lines of K factors together have about
    K G entries.

    Args:
        members: (G,) bool, by the combination's number in the grid, last factor fastest.
        sizes: number of values of each of the K factors, whose product is G.
        device: of the table.
    """

    def __init__(
        self, members: NDArray[np.bool_], sizes: Sequence[int], device: str | torch.device = "cpu"
    ) -> None:
        kind = np.uint8 if max(sizes) < 256 else np.int16
        grid, tables, steps, begin = members.reshape(tuple(sizes)), [], [], 0
        for k, size in enumerate(sizes):
            lines = np.moveaxis(grid, k, -1).reshape(-1, size)
            # How many members, then their values in ascending order, then those of the others.
            table = np.empty((len(lines), size + 1), kind)
            table[:, 0] = lines.sum(1)
            table[:, 1:] = np.argsort(~lines, axis=1, kind="stable")
            tables.append(table.reshape(-1))
            # From a value of factor i to the next the line along k is so many entries further.
            left = [*sizes[:k], 1, *sizes[k + 1 :]]
            step = [prod(left[i + 1 :]) * (size + 1) * (i != k) for i in range(len(sizes))]
            steps.append([begin, *step])
            begin += table.size
        columns = torch.tensor(steps, dtype=torch.int64, device=device).T
        self._begins, self._steps = columns[0][:, None], columns[1:].contiguous()
        # Exact, and no device multiplies matrices of integers faster.
        self._map = columns[1:].T.double()
        self._columns = [step[:, None] for step in self._steps]
        self._array = np.concatenate(tables)
        self._table = torch.from_numpy(self._array).to(device)

    @property
    def nbytes(self) -> int:
        """Bytes of the table."""
        return self._table.nbytes

    def of(self, values: Tensor) -> Tensor:
        """Return the line (K, B) along each factor of combinations, values (K, B)."""
        return (self._map @ values.double()).long() + self._begins

    def count(self, lines: Tensor) -> Tensor:
        """Return how many members lines of any shape have, in the type of the table."""
        return self._table.take(lines)

    def another(
        self, line: Tensor, own: Tensor, u: Tensor, is_member: Tensor | None = None
    ) -> Tensor:
        """Return the value of another member of a line (B,), `own` where there is none.

        Args:
            line: (B,), with a member besides `own`, or with `own` as its member.
            own: (B,) value of the combination on it.
            u: (B,) of `draws`: they choose one of the members at equal chances.
            is_member: (B,) int64, 1 or 0, whether that combination is one; None where all are.
        """
        table, where = self._of_kind(line)
        n = table.take(line)
        # Of n members that include this one the first n - 1 are drawn from, and its own place
        # stands for the last.
        drawn = (u * n - (u if is_member is None else u * is_member)) >> BITS
        value = table.take(line + 1 + drawn)
        return where(value == own, table.take(line + n), value)

    def resampled(self, values: Tensor, factor: Tensor, u: Tensor, where: Tensor | None = None):
        """Return members (K, B) with another value of each factor but one, where there is one.

        One factor after the other takes another value that makes a member of it, given the factors
        before.

        Args:
            values: (K, B) of members.
            factor: (B,) the factor that keeps its value.
            u: (K, B) of `draws`.
            where: (K, B) which factors to resample, all by default.
        """
        lines, kept = self.of(values), torch.arange(len(values), device=values.device)[:, None]
        kept = kept == factor if where is None else (kept == factor) | ~where
        steps: Any = self._columns
        if values.device.type == "cpu":  # on small batches NumPy's calls cost less than Torch's
            lines, values, kept, u = (x.numpy() for x in (lines, values, kept, u))  # type: ignore
            steps = [step.numpy() for step in steps]
        _, choose = self._of_kind(values)
        changed = []
        for k, own in enumerate(values):
            changed.append(choose(kept[k], own, self.another(lines[k], own, u[k])))
            lines = lines + steps[k] * (changed[k] - own)  # of the factors that follow
        if isinstance(values, np.ndarray):
            return torch.from_numpy(np.stack(changed))
        return torch.stack(changed)

    def _of_kind(self, x: Any) -> tuple[Any, Any]:
        """Return the table and `where` of NumPy for its arrays, else of Torch."""
        return (self._array, np.where) if isinstance(x, np.ndarray) else (self._table, torch.where)


def draws(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Return uniform whole numbers that `share` takes, on the generator's device."""
    return torch.randint(2**BITS, shape, generator=generator, device=generator.device)


def share(u: Tensor, n: Tensor) -> Tensor:
    """Return one of 0 ... n - 1 for each of the `draws`, at equal chances."""
    return (u * n) >> BITS
