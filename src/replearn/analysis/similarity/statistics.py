"""Measures that describe each representation by one number or curve, and compare these."""

import math
from functools import partial

import numpy as np

from replearn.analysis.similarity.nearest import nearest_by_distance
from replearn.analysis.similarity.pairs import difference, each_pair
from replearn.analysis.similarity.promises import (
    RESI,
    SCALE,
    SHAPE,
    SHIFT,
    TURN,
    described,
    distance,
)
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import Points, spans


def magnitude(x: Array) -> float:
    """Return the length of the mean of the rows of `x` (N, D)."""
    return float(np.linalg.norm(x.mean(axis=0)))


def concentricity(x: Array) -> float:
    """Return the mean cosine of the rows of `x` (N, D) with their mean."""
    mean = x.mean(axis=0)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(mean)
    return float(np.divide(x @ mean, lengths, out=np.zeros(len(x)), where=lengths > 0).mean())


def uniformity(x: Array) -> float:
    """Return log mean exp(-2 |a - b|²) over all N² pairs of rows.

    Source: Wang & Isola (2020), arXiv:2005.10242, equation 2.
    """
    points, total = Points.of(x), 0.0
    for start, stop in spans(points.n):
        near = np.exp(-2.0 * points.rows(start, stop, start))
        # What lies right of the tile's square stands for its mirror image below as well.
        total += 2.0 * near.sum() - near[:, : stop - start].sum()
    return float(np.log(total / points.n**2))


def uniformity_of_directions(x: Array) -> float:
    """Return the uniformity of the rows, each scaled to length 1."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return uniformity(np.divide(x, length, out=np.zeros_like(x), where=length > 0))


def magnitude_difference(rows: list[float], columns: list[float]) -> Array:
    """Difference of the lengths of the mean features, in the unit of the features.

    Source: Klabunde et al. (2023), arXiv:2305.06329, section 3.6.
    """
    return difference(rows, columns)


def concentricity_difference(rows: list[float], columns: list[float]) -> Array:
    """Difference of the mean cosines of the inputs with the mean, in [0, 2].

    Source: Klabunde et al. (2023), arXiv:2305.06329, section 3.6.
    """
    return difference(rows, columns)


def uniformity_difference(rows: list[float], columns: list[float]) -> Array:
    """Difference of the uniformities of the inputs' directions: rows scaled to length 1.

    Source: Wang & Isola (2020), arXiv:2005.10242; Klabunde et al. (2023), arXiv:2305.06329.
    """
    return difference(rows, columns)


def uniformity_difference_unscaled(rows: list[float], columns: list[float]) -> Array:
    """Difference of the uniformities of the inputs as they are, as the ReSi benchmark takes it.

    exp(-2 |a - b|²) underflows for the activations of most networks, and all differences are 0.

    Source: Klabunde et al. (2024), arXiv:2408.00531, in their code.
    """
    return difference(rows, columns)


TEMPERATURES = np.logspace(-1, 1, 256)


def heat_trace(x: Array, k: int) -> Array:
    """Return the heat trace (256,) of the graph of k nearest inputs, times 1e6 / N.

    sum_i exp(-t λ_i) over the eigenvalues of the normalised Laplacian, t from 0.1 to 10; exact,
    where the published code estimates it with noise.
    """
    n = len(x)
    near = nearest_by_distance(x, k)
    graph = np.zeros((n, n))
    np.put_along_axis(graph, near, 1.0, axis=1)
    graph = np.maximum(graph, graph.T)
    scale = 1.0 / np.sqrt(graph.sum(axis=1))
    laplacian = np.eye(n) - scale[:, None] * graph * scale
    values = np.linalg.eigvalsh(laplacian)
    return np.exp(-np.outer(TEMPERATURES, values)).sum(axis=1) * 1e6 / n


def imd(rows: list[Array], columns: list[Array], k: int = 5) -> Array:
    """Largest weighted difference of the heat traces of the graphs of nearest inputs.

    max over t of exp(-2 (t + 1/t)) |h(t) - h'(t)|.

    Source: Tsitsulin et al. (2020), arXiv:1905.11141, equation 5.
    """
    weights = np.exp(-2.0 * (TEMPERATURES + 1.0 / TEMPERATURES))
    return each_pair(rows, columns, lambda a, b: np.max(weights * np.abs(a - b)))


_difference = partial(distance, range=(0.0, math.inf), is_metric=False, paired=False)

MEASURES = (
    _difference(
        name="magnitude_difference",
        matrix=magnitude_difference,
        invariant_to=TURN,
        source="Klabunde et al. (2023), arXiv:2305.06329",
        groups=RESI,
        **described(magnitude),
    ),
    _difference(
        name="concentricity_difference",
        matrix=concentricity_difference,
        range=(0.0, 2.0),
        invariant_to=TURN | SCALE,
        source="Klabunde et al. (2023), arXiv:2305.06329",
        groups=RESI,
        **described(concentricity),
    ),
    _difference(
        name="uniformity_difference",
        matrix=uniformity_difference,
        invariant_to=TURN | SCALE,
        source="Wang & Isola (2020), arXiv:2005.10242",
        groups=RESI,
        **described(uniformity_of_directions),
    ),
    _difference(
        name="uniformity_difference_unscaled",
        matrix=uniformity_difference_unscaled,
        invariant_to=SHIFT | TURN,
        source="Klabunde et al. (2024), arXiv:2408.00531",
        **described(uniformity),
    ),
    _difference(
        name="imd",
        matrix=imd,
        invariant_to=SHAPE,
        source="Tsitsulin et al. (2020), arXiv:1905.11141",
        min_inputs=8,
        groups=RESI,
        **described(heat_trace),
    ),
)
