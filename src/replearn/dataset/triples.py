"""Triples of images for the composition task: reference, command, and the two combined."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from replearn.dataset.lines import Lines, draws, share
from replearn.errors import InputError

COMMANDS = ("resampled", "any")
# Combinations of factors that tables are made for: tables have 3 K + 4 bytes or so for each.
LARGEST_GRID = 20_000_000


@dataclass(frozen=True)
class TripleIndex:
    """B triples, as positions in the data set.

    Attributes:
        reference: (B,), images that one factor of is to change.
        command: (B,), images that have the factor's new value.
        transformed: (B,), the references with that value.
        factor: (B,), the number of that factor.
    """

    reference: Tensor
    command: Tensor
    transformed: Tensor
    factor: Tensor


@dataclass(frozen=True)
class Reachable:
    """Which of n images training images can be transformed into, and how.

    Attributes:
        usual: (n,), those that have a command that is a training image.
        others: (n,), those whose command may be another image.
        commands: the combinations of training images and `others`, among which these have their
            commands; None where there are no others.
    """

    usual: NDArray[np.bool_]
    others: NDArray[np.bool_]
    commands: Lines | None = None

    @property
    def either(self) -> NDArray[np.bool_]:
        """(n,), those of either kind."""
        return self.usual | self.others

    @property
    def nbytes(self) -> int:
        """Bytes of its tables on the device."""
        return 0 if self.commands is None else self.commands.nbytes


class Triples:
    """Triples whose reference and command are images to train on, drawn by index arithmetic.

    As published: a factor is drawn among those that can change within the training combinations,
    then its new value among those that can be reached; the command image has that value and in
    every other factor, one after the other, another value that leads to a training combination,
    given the factors before. Of images with the same combination one is used.

    Args:
        factors: (N, K) factor indices of all images.
        sizes: number of values of each factor.
        training: positions of the images to train on.
        command: "resampled" as above (Montero et al., 2022), or "any" for any training image that
            has the new value (Montero et al., 2021).
        device: where triples are drawn.

    Raises:
        InputError: if the command has another name, or the grid of factors is too large.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, TripletDataset; Montero et al.
        (2021), github.com/mmrl/disent-and-gen, Triplets.
    """

    def __init__(
        self,
        factors: NDArray[np.int64],
        sizes: Sequence[int],
        training: NDArray[np.int64],
        command: str = "resampled",
        device: str | torch.device = "cpu",
    ) -> None:
        if command not in COMMANDS:
            raise InputError(f"command must be {' or '.join(COMMANDS)}, got {command!r}")
        check_grid(sizes)
        self.sizes, self.command, self.device = tuple(sizes), command, torch.device(device)
        self._training = training = np.asarray(training)
        codes = np.asarray(np.ravel_multi_index(tuple(np.asarray(factors).T), self.sizes))
        # Images that share a combination: the first one, or the first to train on.
        position = np.full(prod(sizes), -1, np.int32)
        position[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        position[codes[training[::-1]]] = training[::-1]
        self._members = np.zeros(prod(sizes), bool)
        self._members[codes[training]] = True
        self.lines = Lines(self._members, self.sizes, self.device)
        kind = np.uint8 if max(sizes) < 256 else np.int16
        strides = [[prod(sizes[k + 1 :])] for k in range(len(sizes))]
        self._position, self._is_member, self._values, self._strides = (
            torch.from_numpy(table).to(self.device)
            for table in (position, self._members, factors.astype(kind), np.array(strides))
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all tables on the device."""
        own = [self._position, self._is_member, self._values]
        if "_by_value" in self.__dict__:
            own += self._by_value
        return sum(each.nbytes for each in [*own, self.lines])

    def changeable(self, references: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return of which training images (n,) some factor can be changed."""
        counts = self.lines.count(self.lines.of(self._of(torch.as_tensor(references))))
        return (counts > 1).any(0).cpu().numpy()

    def reachable(self, targets: NDArray[np.int64]) -> Reachable:
        """Return which images (n,) training images can be transformed into.

        A target needs a reference, which differs from it in one factor alone, and a command image
        with its value of that factor. Where no training image has that value (an extrapolation),
        the command is an image like the target: drawn among training images and all those.
        """
        values = self._of(torch.as_tensor(targets))
        near, seen = self._others(values, self.lines.of(values)) > 0, self._has_value(values)
        wholly, reached = (each.any(0).cpu().numpy() for each in (near & seen, near))
        others = reached & ~wholly
        if not others.any():
            return Reachable(wholly, others)
        members = self._members.copy()
        members[self._code(values[:, torch.from_numpy(others)]).cpu().numpy()] = True
        return Reachable(wholly, others, Lines(members, self.sizes, self.device))

    def from_references(self, references: Tensor, generator: Generator) -> TripleIndex:
        """Return a triple of each training image (B,), all of whose images are training images.

        Args:
            references: of `changeable`.
            generator: of the draws, on the CPU.
        """
        values, u = self._of(references), self._draws(references, generator)
        lines = self.lines.of(values)
        factor = _choose(self.lines.count(lines) > 1, u[0])
        line, own = _rows(lines, factor), _rows(values, factor)
        new = self.lines.another(line, own, u[1]).long()
        transformed = values.scatter(0, factor[None], new[None])
        if self.command == "any":
            command = self._with_value(factor, new, u[2])
        else:
            command = self._at(self.lines.resampled(transformed, factor, u[3:]))
        return TripleIndex(references.to(self.device), command, self._at(transformed), factor)

    def to_targets(self, targets: Tensor, generator: Generator, reached: Reachable) -> TripleIndex:
        """Return a triple that ends in each image (B,), from a training image and its command.

        The factor is drawn among those that lead to the target from a training image and whose
        value some training image has, and the reference among those images. The command is drawn
        among the training images with that value; unless `command` is "any", its factors that are
        the target's are then resampled as in training. On a full grid it is the published law.

        Args:
            targets: among those that `reached` is of.
            generator: of the draws, on the CPU.
            reached: what `reachable` says of them.
        """
        values, u = self._of(targets), self._draws(targets, generator)
        lines = self.lines.of(values)
        near = self._others(values, lines) > 0
        usual = near & self._has_value(values)
        wholly = usual.any(0)
        factor = _choose(torch.where(wholly, usual, near), u[0])
        line, own = _rows(lines, factor), _rows(values, factor)
        is_member = self._is_member[self._code(values)].long()
        old = self.lines.another(line, own, u[1], is_member).long()
        reference = self._at(values.scatter(0, factor[None], old[None]))
        command = self._with_value(factor, own, u[2])
        if self.command != "any":
            drawn = self._of(command)
            command = self._at(self.lines.resampled(drawn, factor, u[3:], drawn == values))
        if reached.commands is not None:
            like = self._at(reached.commands.resampled(values, factor, u[3:]))
            command = torch.where(wholly, command, like)
        return TripleIndex(reference, command, targets.to(self.device), factor)

    def _draws(self, positions: Tensor, generator: Generator) -> Tensor:
        """Return uniform draws (K + 3, B), the same on every device."""
        return draws((len(self.sizes) + 3, len(positions)), generator).to(self.device)

    def _of(self, positions: Tensor) -> Tensor:
        """Return the factor values (K, B) of images (B,)."""
        return self._values[positions.to(self.device)].T.long()

    def _code(self, values: Tensor) -> Tensor:
        return (values * self._strides).sum(0)

    def _at(self, values: Tensor) -> Tensor:
        """Return the image (B,) of each combination, values (K, B)."""
        return self._position[self._code(values)].long()

    def _others(self, values: Tensor, lines: Tensor) -> Tensor:
        """Return (K, B) how many members a combination becomes by a change of each factor."""
        return self.lines.count(lines) - self._is_member[self._code(values)].long()

    @cached_property
    def _by_value(self) -> tuple[Tensor, Tensor]:
        """The training images (K, n) in the order of each factor, and where each value begins."""
        order, begins = [], np.zeros((len(self.sizes), max(self.sizes) + 1), np.int64)
        for k, column in enumerate(self._values.T.cpu().numpy()[:, self._training]):
            order.append(self._training[np.argsort(column, kind="stable")].astype(np.int32))
            begins[k, 1:] = np.cumsum(np.bincount(column, minlength=max(self.sizes)))
        return torch.from_numpy(np.stack(order)).to(self.device), torch.from_numpy(begins).to(
            self.device
        )

    def _has_value(self, values: Tensor) -> Tensor:
        """Return (K, B) whether some training image has a combination's value of each factor."""
        _, begins = self._by_value
        return begins.gather(1, values + 1) > begins.gather(1, values)

    def _with_value(self, factor: Tensor, value: Tensor, u: Tensor) -> Tensor:
        """Return training images (B,) with a value of a factor, or any where there is none."""
        order, begins = self._by_value
        begin, end = begins[factor, value], begins[factor, value + 1]
        drawn = begin + share(u, end - begin)
        return order[factor, drawn.clamp_(max=order.shape[1] - 1)].long()


def check_grid(sizes: Sequence[int]) -> None:
    """Raise an InputError if factors of these sizes have too many combinations for tables."""
    if prod(sizes) > LARGEST_GRID:
        raise InputError(
            f"the factors have {prod(sizes):,} combinations; triples are drawn from up to "
            f"{LARGEST_GRID:,}, choose a data set with fewer"
        )


def _rows(table: Tensor, factor: Tensor) -> Tensor:
    """Return the entries (B,) of a table (K, B) in the row of each column's factor."""
    return table.gather(0, factor[None])[0]


def _choose(options: Tensor, u: Tensor) -> Tensor:
    """Return the number (B,) of one of the options (K, B) that are True, at equal chances."""
    number = options.cumsum(0)
    return (number <= share(u, number[-1])).sum(0).clamp_(max=len(options) - 1)
