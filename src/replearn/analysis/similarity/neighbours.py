"""Measures of which inputs are nearest to each other, by the cosine of their features."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.nearest import (
    Edges,
    Indices,
    Neighbours,
    Similarities,
    edges,
    nearest,
    nearest_and_similarities,
)
from replearn.analysis.similarity.pairs import each_pair, mirrored
from replearn.analysis.similarity.promises import (
    NEIGHBOURS,
    RESI,
    SCALE,
    TURN,
    described,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.tiles import spans

Places = NDArray[np.uint16]


def _mean_of_places(
    rows: list[Neighbours], columns: list[Neighbours], value: Callable[[Places], Array]
) -> Array:
    """Return (I, J): means over inputs of what a symmetric `value` makes of the places (…, k).

    The p-th place is that among the nearest in the second, from 1 on, of the p-th nearest in the
    first; 0 if it is not among them.
    """
    n, k = rows[0].nearest.shape
    out = np.zeros((len(rows), len(columns)))
    for start, stop in spans(n, held=len(columns) / 4):
        part = slice(start, stop)
        table = np.zeros((len(columns), stop - start, n), dtype=np.uint16)
        for own, one in zip(table, columns, strict=True):
            np.put_along_axis(own, one.nearest[part], np.arange(1, k + 1, dtype=np.uint16), axis=1)
        flat = table.reshape(len(columns), -1)
        for i, one in enumerate(rows):
            first = i if rows is columns else 0
            places = flat[first:].take(_flat(one.nearest[part], n), axis=1)
            out[i, first:] += value(places.reshape(-1, stop - start, k)).sum(axis=1)
    return mirrored(out, rows is columns) / n


def _flat(nearest: Indices, n: int) -> NDArray[np.intp]:
    """Return where the nearest (b, k) of b inputs stand in a flat table (b * n,)."""
    return (nearest + np.arange(len(nearest))[:, None] * n).ravel()


def jaccard(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean over inputs of |N ∩ N'| / |N ∪ N'| of their k nearest, in [0, 1].

    Source: Schumacher et al. (2021), arXiv:2010.01863; Klabunde et al. (2023), arXiv:2305.06329.
    """
    shared = np.arange(k + 1)
    ratio = shared / (2 * k - shared)
    return _mean_of_places(rows, columns, lambda places: ratio[_shared(places)])


def mutual_knn(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean share of the k nearest that an input has in both, in [0, 1].

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A.
    """
    return _mean_of_places(rows, columns, lambda places: _shared(places) / k)


def rank_similarity(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """How alike the ranks of shared nearest are, near ones counting more, in [0, 1].

    Source: Wang et al. (2022), arXiv:2010.11869; Klabunde et al. (2023), arXiv:2305.06329.
    """
    ranks, places = np.arange(1, k + 1)[:, None], np.arange(k + 1)
    weight = 2.0 / ((1.0 + np.abs(ranks - places)) * (ranks + places))
    weight[:, 0] = 0.0  # not near in the second
    offsets = np.arange(k) * (k + 1)
    harmonic = np.r_[np.inf, np.cumsum(1.0 / np.arange(1, k + 1))]
    return _mean_of_places(
        rows,
        columns,
        lambda found: weight.take(found + offsets).sum(axis=2) / harmonic[_shared(found)],
    )


def _shared(places: Places) -> NDArray[np.intp]:
    return np.count_nonzero(places, axis=2)


def longest_common_neighbours(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean length of the longest common subsequence of the k nearest, divided by k, in [0, 1].

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A, in their code not divided by k.
    """

    def length(places: Places) -> Array:
        # Of lists without repetition it is the longest run of places that increases.
        longest = np.zeros(places.shape, dtype=np.int64)
        for p in range(k):
            before = np.where(places[:, :, :p] < places[:, :, p, None], longest[:, :, :p], 0)
            longest[:, :, p] = np.where(places[:, :, p], before.max(axis=2, initial=0) + 1, 0)
        return longest.max(axis=2) / k

    return _mean_of_places(rows, columns, length)


def second_order_cosine(
    rows: list[Similarities], columns: list[Similarities], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean cosine of an input's similarities to all that are near it in one of the two, [-1, 1].

    Source: Hamilton et al. (2016), arXiv:1606.02821. Of similarities, not of distances, which
    give .73 for unrelated representations.
    """
    n = rows[0].gram.n
    out = np.zeros((len(rows), len(columns)))
    for start, stop in spans(n, held=len(columns) + (0 if rows is columns else len(rows))):
        part, shape = slice(start, stop), (-1, stop - start, k)
        right = np.stack([one.gram.rows(start, stop).ravel() for one in columns])
        near = np.stack([_flat(one.nearest[part], n) for one in columns])
        right_own = np.take_along_axis(right, near, axis=1).reshape(shape)
        for i, one in enumerate(rows):
            first = i if rows is columns else 0
            left = right[i] if rows is columns else one.gram.rows(start, stop).ravel()
            mine = _flat(one.nearest[part], n)
            is_mine = np.zeros(left.shape, dtype=bool)
            is_mine[mine] = True
            # The union is what is near in the first, and what is near in the second alone.
            a, b = left[mine].reshape(shape), right[first:].take(mine, axis=1).reshape(shape)
            others = near[first:]
            alone = ~is_mine[others].reshape(shape)
            c, d = left[others].reshape(shape) * alone, right_own[first:] * alone
            products = (a * b).sum(axis=2) + (c * d).sum(axis=2)
            lengths = ((a * a).sum(axis=2) + (c * c).sum(axis=2)) * (
                (b * b).sum(axis=2) + (d * d).sum(axis=2)
            )
            cosines = np.zeros_like(products)
            np.divide(products, np.sqrt(lengths), out=cosines, where=lengths > 0)
            out[i, first:] += cosines.sum(axis=1)
    return mirrored(out, rows is columns) / n


def cknna(rows: list[Edges], columns: list[Edges], k: int = 10, by: str = "cosine") -> Array:
    """Debiased kernel alignment of the similarities of mutual nearest neighbours only.

    To be near is not mutual, so the masked kernels are not symmetric, nor is the measure, quite.

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A.
    """
    from scipy.sparse import csr_array

    def graph(one: Edges, weights: Array):
        n = len(one.nearest)
        order = np.argsort(one.nearest, axis=1)
        parts = (np.take_along_axis(each, order, axis=1).ravel() for each in (weights, one.nearest))
        return csr_array((*parts, np.arange(0, n * k + 1, k)), shape=(n, n))

    def hsic(x, y) -> float:
        n = x.shape[0]
        trace = x.multiply(y.T).sum()
        ones = x.sum() * y.sum() / ((n - 1) * (n - 2))
        return float((trace + ones - 2.0 / (n - 2) * (x.sum(axis=0) @ y.sum(axis=1))) / n / (n - 3))

    def graphs(side: list[Edges]):
        kernels = [graph(one, one.weights) for one in side]
        masks = [graph(one, np.ones_like(one.weights)) for one in side]
        return list(zip(kernels, masks, [hsic(kernel, kernel) for kernel in kernels], strict=True))

    def value(one, other) -> float:
        (x, x_mask, own), (y, y_mask, others) = one, other
        return hsic(x.multiply(y_mask), y.multiply(x_mask)) / np.sqrt(own * others)

    left = graphs(rows)
    return each_pair(left, left if rows is columns else graphs(columns), value, symmetric=False)


def cycle_knn(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Share of inputs that are found again: near, in the second, to one of their nearest in the
    first. Not symmetric.

    Source: Huh et al. (2024), arXiv:2405.07987, in their published code.
    """

    def value(one: Neighbours, other: Neighbours) -> float:
        back = one.nearest[other.nearest]  # (N, k, k)
        return (back == np.arange(len(back))[:, None, None]).any(axis=(1, 2)).mean()

    return each_pair(rows, columns, value, symmetric=False)


_near = partial(
    similarity,
    range=(0.0, 1.0),
    invariant_to=TURN | SCALE,
    groups=NEIGHBOURS,
)

MEASURES = (
    _near(
        name="jaccard",
        matrix=jaccard,
        source="Schumacher et al. (2021), arXiv:2010.01863",
        groups=RESI | NEIGHBOURS,
        **described(nearest),
    ),
    _near(
        name="mutual_knn",
        matrix=mutual_knn,
        source="Huh et al. (2024), arXiv:2405.07987",
        **described(nearest),
    ),
    _near(
        name="rank_similarity",
        matrix=rank_similarity,
        source="Wang et al. (2022), arXiv:2010.11869",
        groups=RESI | NEIGHBOURS,
        **described(nearest),
    ),
    _near(
        name="second_order_cosine",
        matrix=second_order_cosine,
        range=(-1.0, 1.0),
        source="Hamilton et al. (2016), arXiv:1606.02821",
        groups=RESI | NEIGHBOURS,
        **described(nearest_and_similarities),
    ),
    _near(
        name="cknna",
        symmetric=False,
        matrix=cknna,
        range=(-math.inf, math.inf),
        undefined_when="the similarities of nearest inputs are all equal in one of them",
        source="Huh et al. (2024), arXiv:2405.07987",
        **described(edges),
    ),
    _near(
        name="longest_common_neighbours",
        matrix=longest_common_neighbours,
        source="Huh et al. (2024), arXiv:2405.07987",
        **described(nearest),
    ),
    _near(
        name="cycle_knn",
        identical=None,
        matrix=cycle_knn,
        symmetric=False,
        source="Huh et al. (2024), arXiv:2405.07987",
        **described(nearest),
    ),
)
