"""The similarities of layers as one tidy table: a row for each pair of layers and measure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from replearn.analysis.similarity import MEASURES, SimilarityResult, choose
from replearn.study.comparison import Source
from replearn.study.seed_groups import seed_groups

if TYPE_CHECKING:
    import pandas


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
    tables = []
    for measure, values in found.values.items():
        x, y = np.triu_indices(len(at), k=1)
        if not choose(measure, MEASURES).measure.symmetric:
            x, y = np.concatenate([x, y]), np.concatenate([y, x])
        of_x, of_y = (sides.iloc[side].reset_index(drop=True) for side in (x, y))
        table = of_x.add_suffix("_x").join(of_y.add_suffix("_y"))
        ranks = table.pop("rank_x"), table.pop("rank_y")
        table["measure"] = measure
        for column, matrices in (
            ("value", {measure: values}),
            ("null", found.nulls),
            ("null_sd", found.null_sds),
            ("z", found.z),
            ("error", found.errors),
        ):
            known = measure in matrices
            table[column] = matrices[measure][at[x], at[y]] if known else np.nan
        table["n"] = found.n
        table["rank_x"], table["rank_y"] = ranks
        tables.append(table)
    return pandas.concat(tables, ignore_index=True)
