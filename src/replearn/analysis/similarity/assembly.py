"""The blocks of which the matrices of all pairs are put together, wherever they are computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from replearn.analysis.similarity.cross import Crosses
from replearn.analysis.similarity.measure import Chosen
from replearn.analysis.similarity.products import Products, Progress
from replearn.analysis.similarity.representation import Array, Representation
from replearn.analysis.similarity.result import SimilarityResult
from replearn.errors import InputError


@dataclass(frozen=True)
class Block:
    """The values of I representations with J others, by measure, and what goes with them.

    Attributes:
        values: (I, J) by measure.
        nulls: (I, J) by measure, where a closed form is known.
        errors: (I, J) by measure, standard errors, if they were asked for.
        back: (J, I) by measure, the others with the first, of measures that are not symmetric.
        null_sds: (I, J) by measure, standard deviations that go with `nulls`.
    """

    values: dict[str, Array]
    nulls: dict[str, Array] = field(default_factory=dict)
    errors: dict[str, Array] = field(default_factory=dict)
    back: dict[str, Array] = field(default_factory=dict)
    null_sds: dict[str, Array] = field(default_factory=dict)


def compute_block(
    chosen: Sequence[Chosen],
    rows: Sequence[Representation],
    columns: Sequence[Representation],
    memory: float,
    progress: Progress | None = None,
    standard_errors: bool = False,
    precision: str = "float64",
    device: str = "cpu",
) -> Block:
    """Return the block of `rows` with `columns`; the same list twice is half of the work.

    Args:
        chosen: measures, of which `rows` and `columns` hold what they use.
        memory: bytes for intermediate products.
        progress: told of every finished part.
        standard_errors: compute these as well, of the measures for which they are known.
        precision: "float32" for the large products of those measures that lose less than 1e-6.
        device: "cpu", or "cuda" for the large products.
    """
    exact = Products(rows, columns, memory, progress, "float64", device)
    fast = exact
    if precision != "float64":
        fast = Products(rows, columns, memory, progress, precision, device)
    block = Block({})
    for products in (exact, fast) if fast is not exact else (exact,):
        own = [c for c in chosen if (fast if c.measure.float32 else exact) is products]
        _add(block, own, products, standard_errors)
    return block


def _add(block: Block, chosen: Sequence[Chosen], products: Products, standard_errors: bool) -> None:
    """Put what these measures say into the block."""
    crossed = [c for c in chosen if "factors" in c.measure.uses]
    there, back = _crossed(crossed, products)
    block.values.update(there)
    block.back.update(back)
    reverse = products.reverse
    for one in chosen:
        label = one.label
        if one not in crossed:
            block.values[label] = one.values(products)
            if not one.measure.symmetric and not products.symmetric:
                block.back[label] = one.values(reverse)
        for kept, make in ((block.nulls, one.null), (block.null_sds, one.null_sd)):
            if (found := make(products)) is not None:
                kept[label] = found
        if standard_errors and (error := one.error(products)) is not None:
            block.errors[label] = np.where(np.isnan(block.values[label]), np.nan, error)


def _crossed(
    chosen: Sequence[Chosen], products: Products
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return (I, J) and (J, I) by measure; each cross product is made once, for all measures."""
    if not chosen:
        return {}, {}
    shape = len(products.rows), len(products.columns)
    there = {c.label: np.full(shape, np.nan) for c in chosen}
    back = there if products.symmetric else {c.label: np.full(shape[::-1], np.nan) for c in chosen}
    for left, right, crosses in products.crosses():
        for one in chosen:
            values = _crossed_block(one, crosses)
            there[one.label][np.ix_(left, right)] = values
            if left is not right:
                mirrored = one.measure.symmetric
                turned = values.T if mirrored else _crossed_block(one, crosses.swapped)
                back[one.label][np.ix_(right, left)] = turned
    return there, {} if products.symmetric else back


def _crossed_block(one: Chosen, crosses: Crosses) -> Array:
    if one.measure.pairwise:
        return crosses.each(partial(one.measure.matrix, **one.params), one.measure.symmetric)
    return one.measure.matrix(crosses, **one.params)


class Assembly:
    """The matrices (M, M) of all pairs, NaN until the blocks come in, in any order."""

    def __init__(self, labels: Sequence[str], chosen: Sequence[Chosen], errors: bool = False):
        self._labels, self._chosen = tuple(labels), list(chosen)
        m = len(self._labels)
        self._values = {c.label: np.full((m, m), np.nan) for c in chosen}
        self._nulls = {c.label: np.full((m, m), np.nan) for c in chosen if c.measure.null}
        self._errors = {
            c.label: np.full((m, m), np.nan) for c in chosen if errors and c.measure.error
        }
        self._null_sds = {c.label: np.full((m, m), np.nan) for c in chosen if c.measure.null_sd}
        self._constant: dict[int, str] = {}
        self._ranks: dict[int, int] = {}
        self._first: tuple[int, int] | None = None  # an index, and its number of inputs

    def constant(self, index: int, sentence: str) -> None:
        """Take note that a representation is constant: its row and column stay NaN."""
        self._constant[index] = f"{sentence} Its values are NaN."

    def rank(self, index: int, rank: int) -> None:
        """Take note of the rank of a representation."""
        self._ranks[index] = rank

    def inputs(self, index: int, n: int) -> None:
        """Take note of a representation's number of inputs.

        Raises:
            InputError: if it is not that of the others, or too small for a measure.
        """
        if self._first is None:
            self._first = index, n
        first, size = self._first
        check_inputs(self._chosen, {repr(self._labels[first]): size, repr(self._labels[index]): n})

    def put(self, rows: Sequence[int], columns: Sequence[int], block: Block) -> None:
        """Store a block, and its mirror image."""
        there, mirrored = np.ix_(rows, columns), np.ix_(columns, rows)
        for stored, new, back in (
            (self._values, block.values, block.back),
            (self._nulls, block.nulls, {}),
            (self._null_sds, block.null_sds, {}),
            (self._errors, block.errors, {}),
        ):
            for one in self._chosen:
                if one.label not in new:
                    continue
                stored[one.label][there] = new[one.label]
                if one.measure.symmetric:
                    stored[one.label][mirrored] = new[one.label].T
                elif one.label in back:
                    stored[one.label][mirrored] = back[one.label]

    def result(self) -> SimilarityResult:
        """Return the matrices, with a warning for what is constant or has no value."""
        warnings = [self._constant[i] for i in sorted(self._constant)]
        for chosen in self._chosen:
            own = self._values[chosen.label].diagonal()
            warnings += [
                f"{chosen.label} of {label!r} is NaN: {chosen.measure.undefined_when}."
                for i, label in enumerate(self._labels)
                if i not in self._constant and np.isnan(own[i])
            ]
        n = self._first[1] if self._first else 0
        warnings += [
            f"{one.label} looks at {used} of the {n} inputs."
            for one in self._chosen
            if (used := one.sample(n)) < n
        ]
        warnings += self._full(n)
        return SimilarityResult(
            self._labels,
            n,
            self._values,
            self._nulls,
            tuple(warnings),
            self._errors,
            self._null_sds,
            {self._labels[i]: rank for i, rank in self._ranks.items()},
        )

    def _full(self, n: int) -> list[str]:
        """Return a warning if spans are compared that must overlap, as they fill the inputs."""
        spans = [c.label for c in self._chosen if c.measure.of_spans]
        at = sorted(self._ranks)
        ranks = np.array([self._ranks[i] for i in at])
        full = np.argwhere(np.triu(ranks[:, None] + ranks > n, k=1)) if spans else []
        if not len(full):
            return []
        such = " and ".join(f"{self._labels[at[k]]!r} ({self._ranks[at[k]]})" for k in full[0])
        return [
            f"{', '.join(spans)}: the ranks of {len(full)} pairs together exceed the {n} inputs, "
            f"as of {such}; their spans meet whatever they hold, so take more inputs or another "
            "measure."
        ]


def check_inputs(chosen: Sequence[Chosen], sizes: Mapping[str, int]) -> None:
    """Raise an InputError if the numbers of inputs differ, or are too few for a measure."""
    (first, n), *_ = sizes.items()
    for label, other in sizes.items():
        if other != n:
            raise InputError(
                f"expected one number of inputs, but {first} has {n} rows and {label} has {other}; "
                "compare activations on the same probe set."
            )
    for one in chosen:
        one.check_inputs(n)
