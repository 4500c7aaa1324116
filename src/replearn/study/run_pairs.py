"""Which pairs of networks a mean is over: of different runs that began with different weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity import SimilarityResult
from replearn.study.representations import Source
from replearn.training.checkpoints import weights_name

PAIRS = {
    "different": "of networks that began with different weights",
    "start": "of different runs that began with the same weights",
    "same": "of a run with itself",
}


def pair_kind(one: Source, other: Source) -> str:
    """Return which of PAIRS two networks are; the weights of step 0 tell where they began."""
    if one.run.id == other.run.id:
        return "same"
    return "start" if _start(one) == _start(other) else "different"


def independent_pairs(sources: Sequence[Source]) -> list[tuple[Source, Source]]:
    """Return the ordered pairs of different runs that began with different weights.

    Runs of one seed begin alike whatever their objective: untrained they are the same network, and
    what training makes of them is more alike for that reason alone. Where all began alike, such as
    two objectives at one seed, all pairs of different runs; of a single run, the run with itself.
    """
    every = [(one, other) for one in sources for other in sources]
    for kinds in (("different",), ("different", "start")):
        if found := [pair for pair in every if pair_kind(*pair) in kinds]:
            return found
    return every


def began_alike(sources: Sequence[Source]) -> bool:
    """Return whether there are several runs, all of which began with the same weights."""
    return len(sources) > 1 and len({_start(source) for source in sources}) == 1


def between_runs(
    result: SimilarityResult,
    measure: str,
    sources: Sequence[Source],
    layers: Sequence[str],
    matrix: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the mean (L, L) over `independent_pairs`, layer by layer.

    `matrix` is what the mean is of, by default the values of the measure.
    """
    place = {label: i for i, label in enumerate(result.labels)}
    matrix = result.values[measure] if matrix is None else matrix
    at = {source: [place[source.label(layer)] for layer in layers] for source in sources}
    pairs = independent_pairs(sources)
    return mean_of_known(np.stack([matrix[np.ix_(at[one], at[other])] for one, other in pairs]))


def mean_of_known(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is known.

    A layer that is constant in one run has no value there; the mean is over the others.
    """
    known = ~np.isnan(stack)
    total = np.where(known, stack, 0.0).sum(axis=0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))


def _start(source: Source) -> object:
    stored = (source.run.completion or {}).get("artifacts", {})
    return stored.get(weights_name(0), {}).get("sha256", source.run.id)
