"""Networks or layers as points (t-SNE, MDS) and as leaves of a tree."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.clustering import cluster, dissimilarities
from replearn.analysis.embedding import lower_triangle, mds, metric_distances, tsne
from replearn.analysis.figures import dendrogram, scatter
from replearn.analysis.figures.scatter import MARKERS, in_order
from replearn.errors import InputError
from replearn.study.compared import Compared, kind_title
from replearn.study.comparison import TARGETS, Source
from replearn.study.layer_maps import file_name
from replearn.study.results import Results

Array = NDArray[np.float64]
Place = tuple[Source, str]  # a layer of a network
OF_IMAGES = ("input", *TARGETS)


def draw_tsne(
    results: Results,
    compared: Compared,
    colour: str,
    marker: str | None,
    seed: int,
    perplexity: float | None,
) -> dict[str, float]:
    """Draw a point for each network: how alike its layers are with each other."""
    numbers: dict[str, float] = {}
    for measure in compared.measures:
        sources, vectors = network_vectors(compared, measure)
        points = tsne(vectors, seed, perplexity)
        chosen = marker or _default_marker([(s, "") for s in sources], "step")
        figure = _scatter(
            compared, [(source, "") for source in sources], points, colour, chosen,
            ("t-SNE dimension 1", "t-SNE dimension 2"), measure, scale=False,
        )  # fmt: skip
        left = len(compared.sources) - len(sources)
        text = (
            f"t-SNE of {len(sources)} networks, each by the {vectors.shape[1]} values of {measure} "
            f"below the diagonal of its layers × layers. Near points are alike; distances between "
            f"far ones and the axes mean nothing."
            + (f" Without {left} networks with a layer that has no value." if left else "")
        )
        results.figure(f"tsne_{file_name(measure)}", figure, f"{measure}: t-SNE of networks", text)
        results.arrays(
            f"tsne_{file_name(measure)}",
            points=points,
            vectors=vectors,
            run=np.array([source.run.id for source in sources]),
            step=np.array([source.step for source in sources]),
        )
        numbers[f"{measure}_points"] = len(points)
    return numbers


def network_vectors(compared: Compared, measure: str) -> tuple[list[Source], Array]:
    """Return the networks (M) and the true triangle of each one's own matrix (M, L (L - 1) / 2).

    Networks with a layer that has no value, such as a constant one, are left out.

    Raises:
        InputError: if none is left, or the measure is not symmetric.
    """
    kept, vectors = [], []
    for source in compared.sources:
        vector = lower_triangle(compared.block(measure, source, source))
        if np.isfinite(vector).all():
            kept.append(source)
            vectors.append(vector)
    if not kept:
        raise InputError(f"no network has a value of {measure} for each two of its layers; name "
                         f"layers that are not constant")  # fmt: skip
    return kept, np.stack(vectors)


def draw_mds(
    results: Results, compared: Compared, colour: str, marker: str | None
) -> dict[str, float]:
    """Draw a point for each layer of each network, as far apart as the measure says."""
    numbers: dict[str, float] = {}
    for measure in compared.measures:
        places, values = known_values(compared, measure)
        distances, words = metric_distances(values, measure)
        points, stress = mds(distances)
        chosen = marker or _default_marker(places, "layer")
        figure = _scatter(
            compared, places, points, colour, chosen, (f"MDS 1: {words}", "MDS 2"),
            f"{measure} (stress {stress:.2f})", tracks=tracks(places),
        )  # fmt: skip
        text = (
            f"Metric scaling of {words} between {len(places)} representations; Kruskal's stress "
            f"{stress:.3f} (0.05 is good, 0.2 poor). Lines follow a layer of a run over training."
        )
        name = f"mds_{file_name(measure)}"
        results.figure(name, figure, f"{measure}: representations in the plane", text)
        results.arrays(name, points=points, distances=distances, labels=_labels(places))
        numbers |= {f"{measure}_points": len(points), f"{measure}_stress": stress}
    return numbers


def draw_dendrogram(results: Results, compared: Compared, colour: str) -> dict[str, float]:
    """Draw a tree of the layers of all networks: what is alike stands together."""
    numbers: dict[str, float] = {}
    for measure in compared.measures:
        places, values = known_values(compared, measure)
        far, words = dissimilarities(values, measure)
        tree = cluster(far)
        colours = [compared.kind(source, colour, layer) for source, layer in places]
        figure = dendrogram(
            tree, leaf_names(compared, places), colours, kind_title(colour), words,
            f"{measure}: average linkage",
        )  # fmt: skip
        name = f"dendrogram_{file_name(measure)}"
        text = f"{len(places)} representations by {words}; branches join at the mean over pairs."
        results.figure(name, figure, f"{measure}: tree of representations", text)
        results.arrays(name, tree=tree, labels=_labels(places))
        numbers[f"{measure}_leaves"] = len(places)
    return numbers


def known_values(compared: Compared, measure: str) -> tuple[list[Place], Array]:
    """Return the layers (M) that have values, and the values of all their pairs (M, M).

    Raises:
        InputError: if fewer than two are left, or a pair of them has no value.
    """
    ((sources, found),) = compared.parts
    label = {name: i for i, name in enumerate(found.labels)}
    # What the images are and show is the same for all networks.
    places = [
        (source, layer)
        for source in sources
        for layer in compared.layers
        if source is sources[0] or layer not in OF_IMAGES
    ]
    at = [label[source.label(layer)] for source, layer in places]
    values = np.asarray(found.values[measure])[np.ix_(at, at)]
    kept = np.flatnonzero(~np.isnan(values).all(axis=1))
    if len(kept) < 2:
        raise InputError(f"{len(kept)} representations have a value of {measure}; ask for more "
                         f"runs, layers or steps")  # fmt: skip
    values = values[np.ix_(kept, kept)]
    if not np.isfinite(values).all():
        raise InputError(f"{measure} has no value for some pairs of representations; take another "
                         f"measure")  # fmt: skip
    return [places[i] for i in kept], values


def tracks(places: Sequence[Place]) -> list[list[int]]:
    """Return the positions of each run's layer over training, where there is more than one."""
    found: dict[tuple[int, str], list[int]] = {}
    for i in sorted(range(len(places)), key=lambda i: places[i][0].step):
        source, layer = places[i]
        found.setdefault((source.run.id, layer), []).append(i)
    return [track for track in found.values() if len(track) > 1]


def leaf_names(compared: Compared, places: Sequence[Place]) -> list[str]:
    """Return what sets each representation apart: run, seed and group, step, layer if they vary."""
    runs = {source.run.id for source, _ in places}
    steps, layers = {source.step for source, _ in places}, {layer for _, layer in places}
    names = []
    for source, layer in places:
        if layer in OF_IMAGES:
            names.append(layer)
            continue
        parts = [layer] if len(layers) > 1 or (len(runs) == 1 and len(steps) == 1) else []
        if len(compared.groups) > 1:
            parts.append(compared.kind(source, "group"))
        if len(runs) > 1:
            parts.append(f"seed {compared.kind(source, 'seed')} (run {source.run.id})")
        if len(steps) > 1:
            parts.append(f"step {source.step:,}")
        names.append(" · ".join(parts))
    return names


def _scatter(
    compared: Compared,
    places: Sequence[Place],
    points: Array,
    colour: str,
    marker: str | None,
    axes: tuple[str, str],
    title: str,
    **more: Any,
) -> Any:
    def kinds(name: str) -> list[Any]:
        return [compared.kind(source, name, layer) for source, layer in places]

    return scatter(
        points, kinds(colour), kinds(marker) if marker else None, kind_title(colour),
        kind_title(marker) if marker else "", axes, title=title, **more,
    )  # fmt: skip


def _default_marker(places: Sequence[Place], first: str) -> str | None:
    """Return what markers tell unless it is said: steps or layers, if they are few enough."""
    kinds = {"step": [s.step for s, _ in places], "layer": [layer for _, layer in places]}
    for name in (first, "step", "layer"):
        if 1 < len(in_order(kinds[name])) <= len(MARKERS):
            return name
    return None


def _labels(places: Sequence[Place]) -> NDArray[np.str_]:
    return np.array([source.label(layer) for source, layer in places], dtype=np.str_)
