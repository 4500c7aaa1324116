"""Compute the missing pairs of a comparison in this process, block by block."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from replearn.analysis.similarity.assembly import Block, compute_block
from replearn.analysis.similarity.inputs import one_kind, prepare
from replearn.analysis.similarity.measure import Chosen, kept_precision
from replearn.analysis.similarity.pace import Announce, Outlook, measure_pace
from replearn.analysis.similarity.products import Progress
from replearn.analysis.similarity.record import Record, Task
from replearn.analysis.similarity.representation import ConstantError, Representation

# Up to so many representations are compared in one block, unless the memory is too small.
_FEW = 64


class Engine:
    """Reads representations one at a time, prepares them, and compares them group by group.

    Two groups are held at once, and further ones as far as they fit; those that do not are read
    again for each group that they are compared with.

    Args:
        given: what a label stands for, read when asked for.
        record: what is missing; takes each block as it ends.
        memory: bytes, of which half hold prepared representations and a quarter products.
        progress: told of every finished part.
        standard_errors: compute these as well.
        arithmetic: `precision` and `device` of the products.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        record: Record,
        memory: float,
        progress: Progress | None = None,
        standard_errors: bool = False,
        arithmetic: Mapping[str, str] | None = None,
    ):
        self._given, self._record, self._memory = given, record, memory
        self._tell = progress or (lambda stage, done, total: None)
        self._errors, self._arithmetic = standard_errors, dict(arithmetic or {})
        self._sampled: dict[tuple[int, int], Representation] = {}
        self._read: set[int] = set()
        self._needed = len({i for task in record.tasks for own in task.classes() for i in own})
        self._done, self._all = 0, sum(task.pairs for task in record.tasks)

    def outlook(self, announce: Announce | None = None) -> list[int | None]:
        """Return for each task how large a group should be, None where all are few.

        Args:
            announce: told what there is to do; then the time that it takes is measured first.
        """
        seconds, groups = 0.0, []
        for number, task in enumerate(self._record.tasks):
            indices = sum(task.classes(), [])
            if announce is None and len(indices) <= _FEW:
                groups.append(None)
                continue
            pace = measure_pace(task.chosen, self._sampler(number, task), indices, self._trial)
            seconds += pace.seconds(len(indices), task.pairs)
            groups.append(pace.group)
        if announce is not None:
            record = self._record
            announce(Outlook(len(record.labels), record.pairs, record.missing, seconds))
        return groups

    def run(self, groups: Sequence[int | None] | None = None) -> None:
        """Compute all that is missing, with at most so many representations in a group."""
        for number, task in enumerate(self._record.tasks):
            self._run(number, task, groups[number] if groups else None)

    def _run(self, number: int, task: Task, most: int | None) -> None:
        parts: list[list[int]] = []
        held: dict[int, list[Representation]] = {}
        largest = 0
        for indices, prepared in self._first_reading(number, task, most):
            self._block(task, indices, indices, prepared, prepared)
            if parts:
                self._block(task, parts[0], indices, held[0], prepared)
            largest = max(largest, _bytes([prepared]))
            if not parts or _bytes(held.values()) + 2 * largest <= self._memory / 2:
                held[len(parts)] = prepared
            parts.append(indices)
        held.pop(0, None)
        for left in range(1, len(parts)):
            rows = parts[left]
            others = [j for j in range(left + 1, len(parts)) if task.lacking(rows, parts[j])]
            mine = held.pop(left, None)
            for right in others:
                mine = mine or self._again(task, rows)
                there = held.get(right) or self._again(task, parts[right])
                self._block(task, rows, parts[right], mine, there)
                if _bytes([*held.values(), mine]) + 2 * largest <= self._memory / 2:
                    held[right] = there

    def _first_reading(
        self, number: int, task: Task, most: int | None
    ) -> Iterator[tuple[list[int], list[Representation]]]:
        """Yield groups of at most a quarter of the memory, of representations that lack the same.

        Constant ones are left out.
        """
        for own in task.classes():
            indices: list[int] = []
            prepared: list[Representation] = []
            for i in own:
                one = self._sampled.pop((number, i), None) or self._prepared(task, i)
                if one is None:
                    continue
                full = _bytes([prepared]) + one.nbytes > self._memory / 4
                if prepared and (full or len(prepared) == most):
                    yield indices, prepared
                    indices, prepared = [], []
                indices.append(i)
                prepared.append(one)
            if prepared:
                yield indices, prepared

    def _prepared(self, task: Task, index: int) -> Representation | None:
        label = self._record.labels[index]
        try:
            one = self._make(task, label)
        except ConstantError as error:
            self._record.note(index, error.n, constant=True)
            return None
        finally:
            self._read.add(index)
            self._tell("representations", len(self._read), self._needed)
        self._record.note(index, one.n, one.rank)
        return one

    def _again(self, task: Task, indices: Sequence[int]) -> list[Representation]:
        return [self._make(task, self._record.labels[i]) for i in indices]

    def _make(self, task: Task, label: str) -> Representation:
        kept = needs(task.chosen, self._errors)
        precision = kept_precision(task.chosen, self._arithmetic.get("precision", "float64"))
        return prepare(self._given[label], repr(label), **kept, precision=precision)

    def _sampler(self, number: int, task: Task) -> Callable[[int], Representation | None]:
        held = 0

        def read(index: int) -> Representation | None:
            nonlocal held
            one = self._prepared(task, index)
            if one is not None and held + one.nbytes <= self._memory / 4:
                held += one.nbytes
                self._sampled[number, index] = one
            return one

        return read

    def _trial(self, chosen: Sequence[Chosen], sample: list[Representation]) -> Block:
        return compute_block(
            chosen, sample, sample, self._memory / 4, None, self._errors, **self._arithmetic
        )

    def _block(
        self,
        task: Task,
        rows: Sequence[int],
        columns: Sequence[int],
        left: Sequence[Representation],
        right: Sequence[Representation],
    ) -> None:
        places = task.lacking(rows, columns)
        if places is None:
            return
        mine = [left[k] for k in places[0]]
        theirs = mine if left is right else [right[k] for k in places[1]]
        block = compute_block(
            task.chosen, mine, theirs, self._memory / 4, self._tell, self._errors,
            **self._arithmetic,
        )  # fmt: skip
        of_rows, of_columns = [rows[k] for k in places[0]], [columns[k] for k in places[1]]
        self._record.put(task.chosen, of_rows, of_columns, block)
        self._done += task.pairs_among(rows, columns)
        self._tell("pairs", self._done, self._all)


def needs(chosen: Sequence[Chosen], standard_errors: bool = False) -> dict[str, Any]:
    """Return what `prepare` must keep for these measures, and for their standard errors."""
    kept: dict[str, Any] = {
        need: any(need in c.measure.uses for c in chosen)
        for need in ("coordinates", "gram", "factors")
    }
    described = {c.description: c.describe for c in chosen if c.measure.describe is not None}
    return kept | {"describe": described, "kind": one_kind(chosen)}


def _bytes(groups: Any) -> int:
    return sum(one.nbytes for group in groups for one in group)
