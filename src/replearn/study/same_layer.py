"""Tables of how alike the same layer is in runs that differ in their seeds alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity import SimilarityResult
from replearn.analysis.statistics import pair_pseudo_values
from replearn.analysis.tables import Column, Group
from replearn.study.layer_maps import file_name, last_of
from replearn.study.representations import Source
from replearn.study.results import Results
from replearn.study.run_pairs import began_alike
from replearn.study.seed_groups import seed_groups
from replearn.study.summary import seeds_of

_NOTE = (
    "Means over the pairs of the n runs; pairs that share a run are not independent, so the "
    "intervals are those of the runs, by the jackknife."
)
_COLUMNS = {
    "value": "similarity",
    "above_untrained": "less untrained",
    "null": "by chance",
    "above_null": "less chance",
    "shuffled": "shuffled images",
}


def same_layer_tables(
    results: Results,
    found: SimilarityResult,
    trained: Sequence[Source],
    untrained: Sequence[Source],
    layers: Sequence[str],
    shuffled: SimilarityResult | None = None,
) -> None:
    """Write <measure>_same_layer.tex: a row for each layer of each group of seeds.

    Groups of one run are left out, and measures that no two of them have a value of.
    """
    last = last_of(trained)
    before = {source.run.id: source for source in untrained}
    for label in found.values:
        rows = [
            group
            for name, members in seed_groups(last).items()
            if len(members) > 1
            for layer in layers
            if (group := _row(name, members, before, layer, found, label, shuffled)) is not None
        ]
        columns = [
            Column(key, heading if key != "value" else label)
            for key, heading in _COLUMNS.items()
            if any(key in row.cells for row in rows)
        ]
        if rows:
            caption = f"{label} of the same layer in runs that differ in seed alone"
            results.table(f"{file_name(label)}_same_layer", rows, columns, caption, _NOTE)


def _row(
    name: str,
    members: Sequence[Source],
    before: dict[int, Source],
    layer: str,
    found: SimilarityResult,
    label: str,
    shuffled: SimilarityResult | None,
) -> Group | None:
    """Return the row of a layer: of each cell the pseudo-values of the runs."""
    place = {one: i for i, one in enumerate(found.labels)}
    own = found.values[label]

    def of(matrix: NDArray, sources: Sequence[Source], at: dict[str, int] = place) -> NDArray:
        indices = [at[source.label(layer)] for source in sources]
        values = matrix[np.ix_(indices, indices)]
        return (values + values.T) / 2  # both directions, where they differ

    values = of(own, members)
    # A run in which the layer is constant has no value with any other.
    there = [i for i in range(len(members)) if np.isfinite(np.delete(values[i], i)).any()]
    if len(there) < 2:
        return None
    members = [members[i] for i in there]
    matrices = {"value": of(own, members)}
    first = [before[source.run.id] for source in members if source.run.id in before]
    if len(first) == len(members) and first != members and not began_alike(first):
        matrices["above_untrained"] = matrices["value"] - of(own, first)
    if label in found.nulls and np.nanmax(np.abs(found.nulls[label]), initial=0.0) > 0:
        matrices["null"] = of(found.nulls[label], members)
        matrices["above_null"] = matrices["value"] - matrices["null"]
    if shuffled is not None:
        at = {one: i for i, one in enumerate(shuffled.labels)}
        matrices["shuffled"] = of(shuffled.values[label], members, at)
    return Group(
        {"group": name, "layer": layer},
        {key: pair_pseudo_values(matrix) for key, matrix in matrices.items()},
        [source.run.id for source in members],
        [seeds_of(source.run) for source in members],
    )
