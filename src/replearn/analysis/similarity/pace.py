"""How long a comparison will take, measured on its first representations."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.measure import Chosen
from replearn.analysis.similarity.representation import Representation

# Representations that are read for the estimate: the layers of a few networks, each made in one
# pass. Fewer would not show how cheap a pair is in large blocks.
_READ = 32
# What a block should take: it is what an interruption may lose.
_BLOCK_SECONDS = 60.0
_LONG = 0.5  # seconds after which a part of these says enough
_LEAST = 0.05  # a pair takes at least this share of what it takes in a small block


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
    start = time.perf_counter()
    found = [prepared(i) for i in indices[:_READ]]
    reading = (time.perf_counter() - start) / max(1, len(found))
    there = [one for one in found if one is not None]
    if not there:
        return Pace(reading, 0.0, 0.0)

    def seconds(n: int) -> float:
        # From all over: the layers of a network differ in size.
        at = np.linspace(0, len(there) - 1, n).round().astype(int)
        start = time.perf_counter()
        compute(chosen, [there[i] for i in at])
        return time.perf_counter() - start

    seconds(1)  # the very first also imports
    m, some = 0, 0.0
    n = min(2, len(there))
    many = seconds(n)
    while many <= _LONG and n < len(there):
        m, some = n, many
        n = min(2 * n, len(there))
        many = seconds(n)
    alone = many / (n * (n + 1) / 2)
    if m == 0:
        return Pace(reading, 0.0, alone)
    # Seconds of n members and n (n + 1) / 2 pairs, from the last two sizes.
    pair = max(2 * (many / n - some / m) / (n - m), _LEAST * alone)
    return Pace(reading, max(0.0, many / n - pair * (n + 1) / 2), pair)
