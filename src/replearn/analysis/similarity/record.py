"""What of all pairs is known, and what is left to compute; what is computed is stored at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.pair_store import Facts, PairStore
from replearn.analysis.similarity.assembly import Assembly, Block
from replearn.analysis.similarity.measure import Chosen
from replearn.analysis.similarity.representation import ConstantError
from replearn.analysis.similarity.result import SimilarityResult

# The numbers of a pair, and the fields of a Block that hold them. Those of measures that are not
# symmetric are values alone, and back are those of the others with the first.
_FIELDS = {"value": "values", "null": "nulls", "null_sd": "null_sds", "error": "errors"}
# More kinds of rows than this, and blocks also compute some pairs that are known.
_MOST_CLASSES = 32


@dataclass(frozen=True, eq=False)
class Task:
    """Measures that lack the same pairs.

    Attributes:
        chosen: the measures.
        missing: (U, U) which pairs of representations are to be computed; symmetric.
    """

    chosen: list[Chosen]
    missing: NDArray[np.bool_]

    @property
    def pairs(self) -> int:
        """Return the number of missing pairs, of a representation with itself among them."""
        return int(np.triu(self.missing).sum())

    def pairs_among(self, rows: Sequence[int], columns: Sequence[int]) -> int:
        """Return how many of them a block of `rows` and `columns` has."""
        missing = self.missing[np.ix_(rows, columns)]
        return int((np.triu(missing) if list(rows) == list(columns) else missing).sum())

    def classes(self) -> list[list[int]]:
        """Return the representations that are needed, those that lack the same pairs together.

        The new rows of a study come before those that they are compared with.
        """
        found: dict[bytes, list[int]] = {}
        for i, row in enumerate(self.missing):
            if row.any():
                found.setdefault(hashlib.sha256(np.packbits(row).tobytes()).digest(), []).append(i)
        classes = sorted(found.values(), key=lambda own: -int(self.missing[own[0]].sum()))
        return classes if len(classes) <= _MOST_CLASSES else [sorted(sum(classes, []))]

    def lacking(
        self, rows: Sequence[int], columns: Sequence[int]
    ) -> tuple[list[int], list[int]] | None:
        """Return which places of `rows` and `columns` a block needs; None if it lacks nothing."""
        missing = self.missing[np.ix_(rows, columns)]
        if not missing.any():
            return None
        return np.flatnonzero(missing.any(1)).tolist(), np.flatnonzero(missing.any(0)).tolist()


class Record:
    """The pairs of the different representations among `keys`: from the store, then from blocks.

    Args:
        keys: what is compared: the content of each label. Equal ones are compared once.
        chosen: the measures.
        store: where values are known and kept; None for none.
        standard_errors: whether these are asked for.
        precision: of the products.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        chosen: Sequence[Chosen],
        store: PairStore | None = None,
        standard_errors: bool = False,
        precision: str = "float64",
    ):
        self._given, self._store = dict(keys), store
        self._errors, self._precision = standard_errors, precision
        first: dict[str, str] = {}
        for label, key in keys.items():
            first.setdefault(key, label)
        self._keys = list(first)
        self.labels = list(first.values())
        self._chosen = list(chosen)
        self._assembly = Assembly(self.labels, self._chosen, standard_errors)
        self._new_facts: dict[str, Facts] = {}
        self.tasks = self._read()
        lacking = [task.missing for task in self.tasks]
        missing = np.logical_or.reduce(lacking) if lacking else np.zeros((0, 0), dtype=bool)
        self.pairs = len(self._keys) * (len(self._keys) + 1) // 2
        self.missing = int(np.triu(missing).sum())

    def note(self, index: int, n: int, rank: int | None = None, constant: bool = False) -> None:
        """Take note of what was seen of a representation; the row of a constant one is NaN.

        Raises:
            InputError: as `Assembly.inputs`.
        """
        self._fact(index, Facts(n, constant, rank), new=True)

    def put(
        self, chosen: Sequence[Chosen], rows: Sequence[int], columns: Sequence[int], block: Block
    ) -> None:
        """Take a block of some rows and columns, and store it."""
        if list(rows) == list(columns):
            _mirror([one.label for one in chosen if one.measure.symmetric], block)
        self._assembly.put(rows, columns, block)
        if self._store is None:
            return
        self._store_facts()
        mine, others = ([self._keys[i] for i in side] for side in (rows, columns))
        for one in chosen:
            numbers = {kind: getattr(block, _FIELDS[kind])[one.label] for kind in self._kinds(one)}
            symmetric = one.measure.symmetric
            self._store.write(self._context(one), mine, others, numbers, symmetric)
            if not symmetric and mine != others:
                back = {"value": block.back[one.label]}
                self._store.write(self._context(one), others, mine, back, symmetric)

    def result(self) -> SimilarityResult:
        """Return all matrices, in the order of the labels that were given."""
        self._store_facts()
        found = self._assembly.result()
        place = {key: i for i, key in enumerate(self._keys)}
        at = np.array([place[key] for key in self._given.values()], dtype=np.intp)
        of_first = {
            key: found.ranks.get(label) for key, label in zip(self._keys, self.labels, strict=True)
        }
        ranks = {
            label: rank for label, key in self._given.items() if (rank := of_first[key]) is not None
        }

        def spread(matrices: Mapping[str, Any]) -> dict[str, Any]:
            if len(at) == len(self._keys):
                return dict(matrices)
            return {name: matrix[np.ix_(at, at)] for name, matrix in matrices.items()}

        return SimilarityResult(
            tuple(self._given),
            found.n,
            spread(found.values),
            spread(found.nulls),
            found.warnings,
            spread(found.errors),
            spread(found.null_sds),
            ranks,
        )

    def _read(self) -> list[Task]:
        u = len(self._keys)
        constant: list[int] = []
        if self._store is not None:
            facts = self._store.facts(code_of_measures(), self._keys)
            for i, key in enumerate(self._keys):
                if key in facts:
                    self._fact(i, facts[key], new=False)
                    if facts[key].constant:
                        constant.append(i)
        tasks: dict[bytes, Task] = {}
        for one in self._chosen:
            missing = np.ones((u, u), dtype=bool)
            if self._store is not None:
                missing = ~self._known(one, self._store)
                missing[constant] = missing[:, constant] = False
            key = missing.tobytes()
            tasks.setdefault(key, Task([], missing)).chosen.append(one)
        return [task for task in tasks.values() if task.missing.any()]

    def _known(self, one: Chosen, store: PairStore) -> NDArray[np.bool_]:
        """Put into the matrices what the store has of a measure, and return which pairs it has."""
        symmetric = one.measure.symmetric
        known, numbers = store.read(self._context(one), self._keys, self._kinds(one), symmetric)
        if known.any():
            everything = list(range(len(self._keys)))
            fields = {_FIELDS[kind]: {one.label: m} for kind, m in numbers.items()}
            self._assembly.put(everything, everything, Block(**fields))
        return known & known.T

    def _kinds(self, one: Chosen) -> list[str]:
        measure = one.measure
        if not measure.symmetric:
            return ["value"]
        there = {
            "value": True,
            "null": measure.null is not None,
            "null_sd": measure.null_sd is not None,
            "error": self._errors and measure.error is not None,
        }
        return [kind for kind, wanted in there.items() if wanted]

    def _fact(self, index: int, facts: Facts, new: bool) -> None:
        label, key = self.labels[index], self._keys[index]
        self._assembly.inputs(index, facts.n)
        if facts.constant:
            self._assembly.constant(index, str(ConstantError(repr(label), facts.n)))
        if facts.rank is not None:
            self._assembly.rank(index, facts.rank)
        if new:
            self._new_facts[key] = facts

    def _store_facts(self) -> None:
        if self._store is not None and self._new_facts:
            self._store.write_facts(code_of_measures(), self._new_facts)
        self._new_facts = {}

    def _context(self, one: Chosen) -> str:
        about = {"measure": one.spec, "precision": self._precision, "code": code_of_measures()}
        return json.dumps(about, sort_keys=True)


def _mirror(labels: Sequence[str], block: Block) -> None:
    """Make the matrices of symmetric measures so to the last bit: one half of them is stored."""
    for field in _FIELDS.values():
        for label, matrix in getattr(block, field).items():
            if label in labels:
                matrix[:] = (matrix + matrix.T) / 2


@lru_cache
def code_of_measures() -> str:
    """Return the sha256 of all files of this package: what values of pairs are computed by."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
