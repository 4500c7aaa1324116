"""Compare two representations, or all pairs of many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity.assembly import check_inputs, compute_block
from replearn.analysis.similarity.engine import Engine, needs
from replearn.analysis.similarity.inputs import one_kind, prepare
from replearn.analysis.similarity.measure import choose, choose_all
from replearn.analysis.similarity.measures import MEASURES
from replearn.analysis.similarity.pace import Announce
from replearn.analysis.similarity.products import Progress
from replearn.analysis.similarity.record import Record
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
    precision: str = "float64",
    device: str = "cpu",
    memory_gib: float = 2.0,
    progress: Progress | None = None,
    keys: Mapping[str, str] | None = None,
    store: PairStore | None = None,
    announce: Announce | None = None,
    group: int | None = None,
) -> SimilarityResult:
    """Return the similarities of all pairs of M representations of the same N inputs.

    Each representation is centred, and if wide reduced, once; all pairs then come from a few large
    matrix products. They are read one at a time, so a mapping that loads on access need never
    hold two. Where the prepared ones exceed the memory, they are compared block by block and read
    again for each pair of blocks. Values do not depend on the blocks (1e-12).

    With `keys` and a `store`, pairs that are known are read, and only the others are computed; each
    block is stored as it ends, so that a comparison that was interrupted, or to which a
    representation was added, takes no more than what is missing.

    Args:
        representations: (N, D_i) arrays or tensors by label, or mappings as `compare` takes them.
        measures: names in MEASURES or of groups of them.
        probes: fingerprint of the inputs of each label; all must be the same. Rows in another
            order turn a similarity of .99 into chance without a sign.
        standard_errors: compute these over the choice of inputs, of the measures for which they
            are known: CKA, debiased CKA, Procrustes angle.
        precision: of the large products, "float64" or "float32".
        device: of the large products, "cpu" or "cuda".
        memory_gib: memory for prepared representations and intermediate products.
        progress: called with (stage, done, total).
        keys: what each label stands for: a text that changes with its content.
        store: where values of pairs are known and kept.
        announce: told once what there is to do, and about how long it will take.
        group: most representations on each side of a block; by default what takes a minute where
            there is a store, and else what fits into the memory.

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
    if store is not None and keys is None:
        raise InputError("a store of pairs knows representations by their keys; give keys as well.")
    one_kind(chosen)
    check_probes(list(representations), probes)
    labels = (
        {label: label for label in representations}
        if keys is None
        else {label: keys[label] for label in representations}
    )
    record = Record(labels, chosen, store, standard_errors, precision)
    arithmetic = arithmetic_of(precision, device)
    engine = Engine(
        representations, record, memory_gib * 2**30, progress, standard_errors, arithmetic
    )
    paced = engine.outlook(announce) if announce or store else None
    engine.run(paced if group is None else [group] * len(record.tasks))
    return record.result()


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


def arithmetic_of(precision: str, device: str) -> dict[str, str]:
    """Return those of the two that are not as usual, float64 on the CPU."""
    asked = {"precision": precision, "device": device}
    return {k: v for k, v in asked.items() if v not in ("float64", "cpu")}


def check_probes(labels: Sequence[str], probes: Mapping[str, str] | None) -> None:
    """Raise an InputError unless all inputs have one fingerprint, in one order; None is unknown."""
    if probes is None:
        return
    if missing := [label for label in labels if label not in probes]:
        raise InputError(f"no fingerprint of the inputs of {missing[0]!r} was given.")
    for label in labels[1:]:
        if probes[label] != probes[labels[0]]:
            raise InputError(
                f"{labels[0]!r} and {label!r} were made from different inputs "
                f"({probes[labels[0]][:8]} and {probes[label][:8]}), or from the same in another "
                f"order; use one probe set."
            )
