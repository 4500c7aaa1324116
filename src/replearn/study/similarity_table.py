"""The similarities of layers as one tidy table: a row for each pair of layers and measure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity import MEASURES, SimilarityResult, choose
from replearn.study.comparison import Source
from replearn.study.seed_groups import seed_groups

if TYPE_CHECKING:
    import pandas


_BLOCK = 50_000  # pairs of which a table is held


def tidy(
    found: SimilarityResult, sources: Sequence[Source], layers: Sequence[str]
) -> "pandas.DataFrame":
    """Return one row for each unordered pair of two layers and measure.

    Of a measure that is not symmetric there are two, (x, y) and (y, x). A layer with itself is left
    out. The order is that of the measures, then of the labels of `found`.

    Args:
        found: what was compared; it may hold more than is asked for.
        sources: the networks whose rows are wanted.
        layers: their layers that are wanted.

    Returns:
        columns run_x, group_x, seed_x, step_x, layer_x and those of y; `group` is the name that
        `seed_groups` gives; measure, value, null (its mean over all re-pairings of the inputs),
        null_sd, z = (value - null) / null_sd, error (standard error over the choice of inputs),
        n (inputs), rank_x, rank_y. What is not known is NaN.
    """
    import pandas

    return pandas.concat(tidy_blocks(found, sources, layers), ignore_index=True)


def tidy_blocks(
    found: SimilarityResult, sources: Sequence[Source], layers: Sequence[str]
) -> "Iterator[pandas.DataFrame]":
    """Yield the rows of `tidy` in tables of some of them: all may be more than memory holds."""
    import pandas

    names = {source.run.id: name for name, own in seed_groups(sources).items() for source in own}
    about = [
        (source.run.id, names[source.run.id], source.run.config.get("seed"), source.step, layer)
        for source in sources
        for layer in layers
    ]
    labels = [source.label(layer) for source in sources for layer in layers]
    place = {label: i for i, label in enumerate(found.labels)}
    at = np.array([place[label] for label in labels], dtype=np.intp)
    order = np.argsort(at, kind="stable")
    at = at[order]
    sides = pandas.DataFrame(
        [about[i] for i in order], columns=["run", "group", "seed", "step", "layer"]
    )
    sides["rank"] = [float(found.ranks.get(found.labels[i], np.nan)) for i in at]
    for measure in found.values:
        both = not choose(measure, MEASURES).measure.symmetric
        for back in (False, True) if both else (False,):
            for start, end in _spans(len(at)):
                x, y = np.triu_indices(end - start, k=1, m=len(at) - start)
                x, y = (y + start, x + start) if back else (x + start, y + start)
                yield _rows(found, measure, sides, at, x, y)


def _spans(m: int) -> Iterator[tuple[int, int]]:
    """Yield parts of the M rows of a matrix of pairs, each of about _BLOCK pairs."""
    start = 0
    while start < max(1, m - 1):  # the last row has no pair of its own
        end = min(m, start + max(1, _BLOCK // (m - start)))
        yield start, end
        start = end


def _rows(
    found: SimilarityResult,
    measure: str,
    sides: "pandas.DataFrame",
    at: NDArray[np.intp],
    x: NDArray[np.intp],
    y: NDArray[np.intp],
) -> "pandas.DataFrame":
    of_x, of_y = (sides.iloc[side].reset_index(drop=True) for side in (x, y))
    table = of_x.add_suffix("_x").join(of_y.add_suffix("_y"))
    ranks = table.pop("rank_x"), table.pop("rank_y")
    table["measure"] = measure

    def of(matrices: Mapping[str, NDArray]) -> Any:
        return matrices[measure][at[x], at[y]] if measure in matrices else np.nan

    table["value"], table["null"] = of(found.values), of(found.nulls)
    table["null_sd"] = of(found.null_sds)
    with np.errstate(divide="ignore", invalid="ignore"):  # as in SimilarityResult.z, of these alone
        table["z"] = (table["value"] - table["null"]) / table["null_sd"]
    table["error"] = of(found.errors)
    table["n"] = found.n
    table["rank_x"], table["rank_y"] = ranks
    return table
