"""Heat maps of layers by layers: networks of some steps or groups against those of others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.figures import heatmap_panel
from replearn.analysis.similarity import MEASURES
from replearn.errors import InputError
from replearn.study.compared import SHOWN, Compared, kind_title
from replearn.study.comparison import Source
from replearn.study.layer_maps import file_name
from replearn.study.results import Results
from replearn.study.run_pairs import PAIRS, mean_of_known, pair_kind

MOST_MAPS = 36


@dataclass(frozen=True)
class LayerMap:
    """The mean over pairs of networks, layer by layer (L, L), and how many pairs that were."""

    row: str
    column: str
    mean: NDArray[np.float64]
    pairs: int
    runs: int


def draw_heatmaps(
    results: Results,
    compared: Compared,
    rows: Sequence[Source],
    columns: Sequence[Source],
    pairs: str,
    each: str,
    shown: str,
    sides: tuple[str, str] = ("", ""),
) -> dict[str, float]:
    """Draw the heat maps of each measure, and return the means of equal layers over all maps.

    `sides` says by what runs the rows and the columns were chosen, such as `loss=beta_vae`.
    """
    numbers = {}
    for measure in compared.measures:
        maps = layer_maps(compared, measure, rows, columns, pairs, each, shown)
        name = SHOWN[shown].format(measure)
        means = [one.mean for one in maps]
        titles, down, across = map_titles(maps, sides, pairs)
        figure = heatmap_panel(
            means, titles, compared.layers, measure=name, limits=_limits(measure, shown, means),
            row_title=down, column_title=across,
        )  # fmt: skip
        text = (
            f"{name}: mean over n ordered pairs {PAIRS[pairs]}, layers of the first as rows and "
            f"those of the second as columns."
        )
        file = f"heatmap_{file_name(measure)}" + ("" if shown == "value" else f"_{shown}")
        results.figure(file, figure, name, text)
        results.arrays(
            file,
            layers=np.array(compared.layers, dtype=np.str_),
            rows=np.array([one.row for one in maps], dtype=np.str_),
            columns=np.array([one.column for one in maps], dtype=np.str_),
            mean=np.stack(means),
            pairs=np.array([one.pairs for one in maps]),
        )
        numbers[f"{measure}_same_layer"] = float(mean_of_known(np.stack(means)).trace()) / len(
            compared.layers
        )
    return numbers


def layer_maps(
    compared: Compared,
    measure: str,
    rows: Sequence[Source],
    columns: Sequence[Source],
    pairs: str = "different",
    each: str = "step",
    shown: str = "value",
) -> list[LayerMap]:
    """Return a map for each two kinds of networks, the kinds of the rows in their order.

    Args:
        rows, columns: the networks of either side.
        pairs: a name in PAIRS. Two untrained networks of one seed are the same network, and what
            training makes of them is alike for that reason alone: they are no `different` pair.
        each: by what networks are of one kind: step, group, or a path of the config. Where both
            sides are the same, two kinds are compared once.
        shown: a name in SHOWN.

    Raises:
        InputError: if there is no such pair, or there are more than 36 maps.
    """
    kinds = {source: compared.kind(source, each) for source in [*rows, *columns]}
    order = list(dict.fromkeys(kinds[source] for source in [*rows, *columns]))
    both = set(rows) == set(columns)
    blocks: dict[tuple, list[tuple[Source, Source]]] = {}
    for one in rows:
        for other in columns:
            a, b = kinds[one], kinds[other]
            if both and order.index(a) > order.index(b):
                continue
            if pair_kind(one, other) == pairs:
                blocks.setdefault((a, b), []).append((one, other))
    if not blocks:
        raise InputError(
            f"there is no pair {PAIRS[pairs]} to draw; ask for more runs, or for another of "
            f"pairs={', '.join(PAIRS)}"
        )
    if len(blocks) > MOST_MAPS:
        raise InputError(
            f"a page shows {MOST_MAPS} maps, and there would be {len(blocks)}; narrow rows or "
            f"columns, such as columns.step=last, or draw each=group or a part of the config"
        )
    found = []
    for (a, b), members in blocks.items():
        stack = np.stack([compared.block(measure, *pair, shown=shown) for pair in members])
        runs = len({source.run.id for pair in members for source in pair})
        found.append(
            LayerMap(_words(each, a), _words(each, b), mean_of_known(stack), len(members), runs)
        )
    return found


def map_titles(
    maps: Sequence[LayerMap], sides: tuple[str, str] = ("", ""), pairs: str = "different"
) -> tuple[list[str], str, str]:
    """Return a title for each map, and what stands at its rows and columns: what all share, once.

    Where the two networks of a pair are not of different starts, the columns say so as well.
    """
    rows, columns = {one.row for one in maps}, {one.column for one in maps}
    down, across = ["layer", sides[0]], ["layer", sides[1]]
    if all(one.row == one.column for one in maps):
        titles = [one.row for one in maps]
    elif len(columns) == 1:
        titles = [one.row for one in maps] if len(rows) > 1 else [""] * len(maps)
        down += rows if len(rows) == 1 else []
        across += columns
    elif len(rows) == 1:
        titles = [one.column for one in maps]
        down += rows
    else:
        titles = [one.row if one.row == one.column else f"{one.row} × {one.column}" for one in maps]
        across[0] = "layer of the second"
    across.append({"different": "", "start": "same start", "same": "same run"}[pairs])
    counts = [f"(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{one.pairs})" for one in maps]
    titles = [f"{title} {count}".strip() for title, count in zip(titles, counts, strict=True)]
    return titles, _joined(down), _joined(across)


def _joined(parts: Sequence[str]) -> str:
    """Join what is not empty, once: loss=beta_vae stands for beta_vae as well."""
    items = [item for item in dict.fromkeys(", ".join(parts).split(", ")) if item]
    return ", ".join(
        item for item in items if not any(other.endswith(f"={item}") for other in items)
    )


def _words(each: str, kind: object) -> str:
    if each == "step":
        return f"step {kind:,}"
    return str(kind) if isinstance(kind, str) else f"{kind_title(each)}={kind}"


def _limits(
    measure: str, shown: str, maps: Sequence[NDArray[np.float64]]
) -> tuple[float, float] | None:
    """Return the ends of the colour scale, the same for all pictures of a measure if they can be.

    From 0 to what the measure promises; differences are symmetric about 0.
    """
    low, high = MEASURES[measure.partition(":")[0]].range
    reached = float(np.nanmax(np.abs(maps))) or 1.0
    if shown == "excess":
        return -reached, reached
    if shown in ("z", "error") or not np.isfinite(high):
        return (0.0, reached) if np.nanmin(maps) >= 0 else (-reached, reached)
    return max(low, 0.0), high
