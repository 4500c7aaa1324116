"""Compare two representations, or all pairs of many."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from replearn.analysis.similarity.assembly import Assembly, check_inputs, compute_block
from replearn.analysis.similarity.inputs import one_kind, prepare
from replearn.analysis.similarity.measure import Chosen, choose, choose_all
from replearn.analysis.similarity.measures import MEASURES
from replearn.analysis.similarity.products import Progress
from replearn.analysis.similarity.representation import ConstantError, Representation
from replearn.analysis.similarity.result import SimilarityResult
from replearn.errors import InputError

DEFAULT_MEASURES = ("cka_debiased", "cka_linear", "procrustes_angular")


def compare(x: Any, y: Any, measure: str | Mapping[str, Any] = "cka_debiased") -> float:
    """Return the similarity or distance of two representations of the same inputs.

    Args:
        x: (N, D), numpy array or tensor; row a belongs to input a. For measures of outputs
            {"logits": (N, C), "labels": (N,)}, of posteriors {"mean": (N, D), "logvar": (N, D)}.
        y: (N, E), or likewise.
        measure: a name in MEASURES, with parameters as in "jaccard:k=10".

    Raises:
        InputError: if the numbers of inputs differ or are too few, a value is not finite, a
            representation is constant, or the measure is unknown or undefined for the two.
    """
    chosen = choose(measure, MEASURES)
    kept = needs([chosen])
    first = prepare(x, "the first representation", **kept)
    second = prepare(y, "the second representation", **kept)
    check_inputs([chosen], {"the first": first.n, "the second": second.n})
    value = float(compute_block([chosen], [first], [second], 2**29).values[chosen.label][0, 0])
    if np.isnan(value):
        raise InputError(f"{chosen.label} has no value here: {chosen.measure.undefined_when}.")
    return value


def compare_all(
    representations: Mapping[str, Any],
    measures: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]] = DEFAULT_MEASURES,
    *,
    probes: Mapping[str, str] | None = None,
    standard_errors: bool = False,
    memory_gib: float = 2.0,
    progress: Progress | None = None,
) -> SimilarityResult:
    """Return the similarities of all pairs of M representations of the same N inputs.

    Each representation is centred, and if wide reduced, once; all pairs then come from a few large
    matrix products. They are read one at a time, so a mapping that loads on access need never
    hold two. Where the prepared ones exceed the memory, they are compared block by block and read
    again for each pair of blocks. Values do not depend on the blocks (1e-12).

    Args:
        representations: (N, D_i) arrays or tensors by label, or mappings as `compare` takes them.
        measures: names in MEASURES or of groups of them.
        probes: fingerprint of the inputs of each label; all must be the same. Rows in another
            order turn a similarity of .99 into chance without a sign.
        standard_errors: compute these over the choice of inputs, of the measures for which they
            are known: CKA, debiased CKA, Procrustes angle.
        memory_gib: memory for prepared representations and intermediate products.
        progress: called with (stage, done, total).

    Returns:
        a matrix for each measure. The row and the column of a constant representation (the mean
        of a collapsed VAE) are NaN, and a warning names it.

    Raises:
        InputError: if the numbers of inputs differ or are too few, inputs have different
            fingerprints, a value is not finite, or a measure is unknown.
    """
    chosen = choose_all(measures, MEASURES)
    if not representations:
        raise InputError("there is no representation to compare.")
    if memory_gib <= 0:
        raise InputError(f"memory_gib must be positive, got {memory_gib}.")
    _check_probes(representations, probes)
    memory = memory_gib * 2**30
    return _AllPairs(representations, chosen, memory, progress, standard_errors).run()


class _AllPairs:
    def __init__(
        self,
        representations: Mapping[str, Any],
        chosen: list[Chosen],
        memory: float,
        progress: Progress | None,
        standard_errors: bool,
    ):
        self._given = representations
        self._chosen = chosen
        self._memory = memory
        self._progress = progress
        self._labels = tuple(representations)
        self._errors = standard_errors
        self._assembly = Assembly(self._labels, chosen, standard_errors)

    def run(self) -> SimilarityResult:
        blocks: list[list[int]] = []
        last: list[Representation] = []
        for indices, prepared in self._first_reading():
            self._compare(indices, indices, prepared, prepared)
            blocks.append(indices)
            last = prepared
        for number, rows in enumerate(blocks[:-1]):
            left = [self._prepared(i) for i in rows]
            for other, columns in enumerate(blocks[number + 1 :], start=number + 1):
                newest = other == len(blocks) - 1
                right = last if newest else [self._prepared(j) for j in columns]
                self._compare(rows, columns, left, right)
        return self._assembly.result()

    def _first_reading(self) -> Iterator[tuple[list[int], list[Representation]]]:
        """Yield the representations in blocks of a quarter of the memory: two are held at once."""
        indices: list[int] = []
        prepared: list[Representation] = []
        held = 0
        for i in range(len(self._labels)):
            try:
                one = self._prepared(i)
            except ConstantError as error:
                self._assembly.constant(i, str(error))
                self._assembly.inputs(i, error.n)
                continue
            finally:
                self._tell("representations", i + 1, len(self._labels))
            self._assembly.inputs(i, one.n)
            if prepared and held + one.nbytes > self._memory / 4:
                yield indices, prepared
                indices, prepared, held = [], [], 0
            indices.append(i)
            prepared.append(one)
            held += one.nbytes
        if prepared:
            yield indices, prepared

    def _prepared(self, index: int) -> Representation:
        label = self._labels[index]
        return prepare(self._given[label], repr(label), **needs(self._chosen, self._errors))

    def _compare(
        self,
        rows: list[int],
        columns: list[int],
        left: list[Representation],
        right: list[Representation],
    ) -> None:
        block = compute_block(self._chosen, left, right, self._memory / 4, self._tell, self._errors)
        self._assembly.put(rows, columns, block)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self._progress:
            self._progress(stage, done, total)


def progress_bars() -> Callable[[str, int, int], None]:
    """Return a `progress` callback that draws one bar for each stage on stderr."""
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}

    def show(stage: str, done: int, total: int) -> None:
        bar = bars.get(stage)
        if bar is None or bar.total != total or done < bar.n:
            bar = bars[stage] = tqdm(total=total, desc=stage, leave=False)
        bar.update(done - bar.n)
        if done == total:
            bar.close()
            del bars[stage]

    return show


def needs(chosen: Iterable[Chosen], standard_errors: bool = False) -> dict[str, Any]:
    """Return what `prepare` must keep for these measures, and for their standard errors."""
    chosen = list(chosen)
    kept: dict[str, Any] = {
        need: any(need in c.measure.uses for c in chosen)
        for need in ("coordinates", "gram", "factors")
    }
    described = {c.description: c.describe for c in chosen if c.measure.describe is not None}
    return kept | {"describe": described, "kind": one_kind(chosen)}


def _check_probes(representations: Mapping[str, Any], probes: Mapping[str, str] | None) -> None:
    if probes is None:
        return
    labels = list(representations)
    if missing := [label for label in labels if label not in probes]:
        raise InputError(f"no fingerprint of the inputs of {missing[0]!r} was given.")
    for label in labels[1:]:
        if probes[label] != probes[labels[0]]:
            raise InputError(
                f"{labels[0]!r} and {label!r} were made from different inputs "
                f"({probes[labels[0]][:8]} and {probes[label][:8]}); use one probe set."
            )
