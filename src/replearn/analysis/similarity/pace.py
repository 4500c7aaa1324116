"""How long a comparison will take, measured on its first representations."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.measure import Chosen
from replearn.analysis.similarity.representation import Representation

# Representations that are read for the estimate: about the layers of one network, which are made in
# one pass; and those of them that are compared.
_READ, _COMPARED = 16, 8
# What a block should take: it is what an interruption may lose.
_BLOCK_SECONDS = 20.0
_LONG = 0.5  # seconds after which the first pairs say enough


@dataclass(frozen=True)
class Outlook:
    """What a comparison is about to do.

    Attributes:
        representations: those that differ.
        pairs: of these, each with itself among them.
        missing: those to compute.
        seconds: what that will take, one process; 0 if there is nothing to do.
    """

    representations: int
    pairs: int
    missing: int
    seconds: float

    def __str__(self) -> str:
        known = self.pairs - self.missing
        return f"{self.pairs:,} pairs: {known:,} known, {self.missing:,} to compute"


Announce = Callable[[Outlook], None]


@dataclass(frozen=True)
class Pace:
    """Seconds of the parts of a comparison.

    Attributes:
        reading: to read and prepare a representation.
        member: to make ready a member of a block, for all of its pairs.
        pair: for each pair of a block.
    """

    reading: float
    member: float
    pair: float

    @property
    def group(self) -> int:
        """Return how many representations a side of a block should have."""
        # 2 g member + g² pair = the seconds of a block.
        if self.pair <= 0:
            return max(4, int(_BLOCK_SECONDS / (2 * self.member or 1e-9)))
        root = np.sqrt(self.member**2 + self.pair * _BLOCK_SECONDS)
        return max(4, int((root - self.member) / self.pair))

    def seconds(self, representations: int, pairs: int) -> float:
        """Return what reading so many, and so many pairs of them, take in blocks of `group`."""
        members = representations + 2 * pairs / max(1, min(self.group, representations))
        return self.reading * representations + self.member * members + self.pair * pairs


def measure_pace(
    chosen: Sequence[Chosen],
    prepared: Callable[[int], Representation | None],
    indices: Sequence[int],
    compute: Callable[[Sequence[Chosen], list[Representation]], object],
) -> Pace:
    """Return the pace of a comparison, from the first of `indices`.

    Args:
        chosen: the measures.
        prepared: returns a representation by index, None if it is constant.
        indices: what has to be read.
        compute: computes the block of some representations with themselves.
    """
    sample: list[Representation] = []
    start = time.perf_counter()
    for i in indices[:_READ]:
        one = prepared(i)
        if one is not None and len(sample) < _COMPARED:
            sample.append(one)
    reading = (time.perf_counter() - start) / max(1, len(indices[:_READ]))
    if not sample:
        return Pace(reading, 0.0, 0.0)

    def seconds(n: int) -> float:
        start = time.perf_counter()
        compute(chosen, sample[:n])
        return time.perf_counter() - start

    first = seconds(1)
    if first > _LONG:  # the very first also imports
        first = seconds(1)
    if len(sample) < 3 or first > _LONG:
        return Pace(reading, 0.0, first)
    few = seconds(2)
    if few > _LONG or len(sample) == 3:
        return Pace(reading, 0.0, few / 3)
    # Seconds of n members and n (n + 1) / 2 pairs, from two sizes.
    n = len(sample)
    many = seconds(n)
    pair = (many / n - few / 2) / ((n + 1) / 2 - 1.5)
    if pair <= 0:  # rounding of the clock, or another process
        return Pace(reading, many / n, 0.0)
    return Pace(reading, max(0.0, few / 2 - 1.5 * pair), pair)
