"""Measures of which inputs are nearest to each other, by the cosine of their features."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.promises import (
    NEIGHBOURS,
    RESI,
    SCALE,
    TURN,
    described,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of each input, nearest first (N, k)."""

    nearest: Indices

    def mask(self) -> NDArray[np.bool_]:
        """Return (N, N): whether column b is one of the nearest of row a."""
        n = len(self.nearest)
        mask = np.zeros((n, n), dtype=bool)
        np.put_along_axis(mask, self.nearest, True, axis=1)
        return mask


@dataclass(frozen=True)
class Similarities(Neighbours):
    """The same, and the similarities (N, N) of all pairs of inputs."""

    similarities: Array


def nearest(x: Array, k: int, by: str) -> Neighbours:
    """Return the k rows of `x` (N, D) most similar to each row, itself left out.

    Args:
        x: (N, D), not centred.
        k: how many.
        by: "cosine", or "inner" for inner products of the rows as they are.

    Raises:
        InputError: if there are not more than k + 1 inputs, or no such similarity.
    """
    return Neighbours(_nearest(_similarities(x, by), k))


def nearest_and_similarities(x: Array, k: int, by: str) -> Similarities:
    """Return the same, with the similarities of all pairs."""
    found = _similarities(x, by)
    return Similarities(_nearest(found, k), found)


def nearest_by_distance(x: Array, k: int) -> Indices:
    """Return the indices (N, k) of the k rows of `x` (N, D) nearest to each, itself left out."""
    from scipy.spatial.distance import pdist, squareform

    return _nearest(-squareform(pdist(x)), k)


def _similarities(x: Array, by: str) -> Array:
    if by == "inner":
        return x @ x.T
    if by != "cosine":
        raise InputError(f"by must be cosine or inner, got {by!r}.")
    length = np.linalg.norm(x, axis=1, keepdims=True)
    unit = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    return unit @ unit.T


def _nearest(similarities: Array, k: int) -> Indices:
    n = len(similarities)
    if not 1 <= k < n - 1:
        raise InputError(f"k nearest of {n} inputs need 1 <= k < {n - 1}, got k={k}.")
    far = -similarities
    np.fill_diagonal(far, np.inf)  # also of a row that is there twice
    found = np.argpartition(far, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(far, found, axis=1)
    # Equally near ones in the order of the inputs.
    order = np.lexsort((found, values), axis=1)
    return np.take_along_axis(found, order, axis=1)


def _shared(rows: list[Neighbours], columns: list[Neighbours]) -> NDArray[np.int64]:
    """Return (I, J, N): how many nearest an input has in common in the two."""
    left = [np.packbits(one.mask(), axis=1) for one in rows]
    right = left if rows is columns else [np.packbits(one.mask(), axis=1) for one in columns]
    return np.array(
        [[np.bitwise_count(a & b).sum(axis=1, dtype=np.int64) for b in right] for a in left]
    )


def jaccard(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean over inputs of |N ∩ N'| / |N ∪ N'| of their k nearest, in [0, 1].

    Source: Schumacher et al. (2021), arXiv:2010.01863; Klabunde et al. (2023), arXiv:2305.06329.
    """
    shared = _shared(rows, columns)
    return (shared / (2 * k - shared)).mean(axis=2)


def mutual_knn(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean share of the k nearest that an input has in both, in [0, 1].

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A.
    """
    return _shared(rows, columns).mean(axis=2) / k


def rank_similarity(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """How alike the ranks of shared nearest are, near ones counting more, in [0, 1].

    Source: Wang et al. (2022), arXiv:2010.11869; Klabunde et al. (2023), arXiv:2305.06329.
    """
    ranks = np.arange(1, k + 1)
    weight = 2.0 / ((1.0 + np.abs(ranks[:, None] - ranks)) * (ranks[:, None] + ranks))
    harmonic = np.r_[np.inf, np.cumsum(1.0 / ranks)]
    out = np.empty((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            same = one.nearest[:, :, None] == other.nearest[:, None, :]
            shared = same.sum(axis=(1, 2))
            out[i, j] = ((same * weight).sum(axis=(1, 2)) / harmonic[shared]).mean()
    return out


def second_order_cosine(
    rows: list[Similarities], columns: list[Similarities], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean cosine of an input's similarities to all that are near it in one of the two, [-1, 1].

    Source: Hamilton et al. (2016), arXiv:1606.02821. Of similarities, not of distances, which
    give .73 for unrelated representations.
    """
    out = np.empty((len(rows), len(columns)))
    masks = [one.mask() for one in rows], [one.mask() for one in columns]
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            union = masks[0][i] | masks[1][j]
            a, b = one.similarities * union, other.similarities * union
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            out[i, j] = (np.einsum("ab,ab->a", a, b) / lengths).mean()
    return out


def cknna(
    rows: list[Similarities], columns: list[Similarities], k: int = 10, by: str = "cosine"
) -> Array:
    """Debiased kernel alignment of the similarities of mutual nearest neighbours only.

    To be near is not mutual, so the masked kernels are not symmetric, nor is the measure, quite.

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A.
    """
    masks = [one.mask() for one in rows], [one.mask() for one in columns]

    def hsic(a: Array, b: Array, mask: NDArray[np.bool_]) -> float:
        n = len(mask)
        x, y = a * mask, b * mask
        trace = np.vdot(x, y.T)
        ones = x.sum() * y.sum() / ((n - 1) * (n - 2))
        return float((trace + ones - 2.0 / (n - 2) * (x.sum(0) @ y.sum(1))) / (n * (n - 3)))

    own = [
        [hsic(one.similarities, one.similarities, mask) for one, mask in zip(side, of, strict=True)]
        for side, of in zip((rows, columns), masks, strict=True)
    ]
    out = np.empty((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            both = hsic(one.similarities, other.similarities, masks[0][i] & masks[1][j])
            out[i, j] = both / np.sqrt(own[0][i] * own[1][j])
    return out


def longest_common_neighbours(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Mean length of the longest common subsequence of the k nearest, divided by k, in [0, 1].

    Source: Huh et al. (2024), arXiv:2405.07987, appendix A, in their code not divided by k.
    """
    out = np.empty((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            same = one.nearest[:, :, None] == other.nearest[:, None, :]
            length = np.zeros((len(same), k + 1, k + 1), dtype=np.int64)
            for a in range(k):
                for b in range(k):
                    longer = np.maximum(length[:, a, b + 1], length[:, a + 1, b])
                    length[:, a + 1, b + 1] = np.where(same[:, a, b], length[:, a, b] + 1, longer)
            out[i, j] = length[:, k, k].mean() / k
    return out


def cycle_knn(
    rows: list[Neighbours], columns: list[Neighbours], k: int = 10, by: str = "cosine"
) -> Array:
    """Share of inputs that are found again: near, in the second, to one of their nearest in the
    first. Not symmetric.

    Source: Huh et al. (2024), arXiv:2405.07987, in their published code.
    """
    out = np.empty((len(rows), len(columns)))
    for i, one in enumerate(rows):
        for j, other in enumerate(columns):
            back = one.nearest[other.nearest]  # (N, k, k)
            found = (back == np.arange(len(back))[:, None, None]).any(axis=(1, 2))
            out[i, j] = found.mean()
    return out


MEASURES = (
    similarity(
        name="jaccard",
        matrix=jaccard,
        range=(0.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Schumacher et al. (2021), arXiv:2010.01863",
        min_inputs=4,
        groups=RESI | NEIGHBOURS,
        **described(nearest),
    ),
    similarity(
        name="mutual_knn",
        matrix=mutual_knn,
        range=(0.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Huh et al. (2024), arXiv:2405.07987",
        min_inputs=4,
        groups=NEIGHBOURS,
        **described(nearest),
    ),
    similarity(
        name="rank_similarity",
        matrix=rank_similarity,
        range=(0.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Wang et al. (2022), arXiv:2010.11869",
        min_inputs=4,
        groups=RESI | NEIGHBOURS,
        **described(nearest),
    ),
    similarity(
        name="second_order_cosine",
        matrix=second_order_cosine,
        range=(-1.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Hamilton et al. (2016), arXiv:1606.02821",
        min_inputs=4,
        groups=RESI | NEIGHBOURS,
        **described(nearest_and_similarities),
    ),
    similarity(
        name="cknna",
        symmetric=False,
        matrix=cknna,
        range=(-math.inf, math.inf),
        invariant_to=TURN | SCALE,
        undefined_when="the similarities of nearest inputs are all equal in one of them",
        source="Huh et al. (2024), arXiv:2405.07987",
        min_inputs=4,
        groups=NEIGHBOURS,
        **described(nearest_and_similarities),
    ),
    similarity(
        name="longest_common_neighbours",
        matrix=longest_common_neighbours,
        range=(0.0, 1.0),
        invariant_to=TURN | SCALE,
        source="Huh et al. (2024), arXiv:2405.07987",
        min_inputs=4,
        groups=NEIGHBOURS,
        **described(nearest),
    ),
    similarity(
        name="cycle_knn",
        identical=None,
        matrix=cycle_knn,
        range=(0.0, 1.0),
        symmetric=False,
        invariant_to=TURN | SCALE,
        source="Huh et al. (2024), arXiv:2405.07987",
        min_inputs=4,
        groups=NEIGHBOURS,
        **described(nearest),
    ),
)
