"""How well a measure of similarity tells groups of networks apart, and orders layers.

Tests of the ReSi benchmark (Klabunde et al. 2025, arXiv:2408.00531), as functions of matrices of
values: only what is closer than what counts, so that distances and similarities compare.
"""

from collections.abc import Callable, Hashable, Sequence
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.analysis.pair_correlation import correlation, square
from replearn.analysis.statistics import Interval, jackknife

Array = NDArray[np.float64]


def group_pairs(
    values: ArrayLike, groups: Sequence[Hashable]
) -> dict[Hashable, tuple[Array, Array]]:
    """Return for each group the values of its own pairs, and of pairs of it and other groups.

    Args:
        values: (R, R), of each ordered pair of R networks; NaN where there is none, left out.
        groups: (R,) of which group each is.
    """
    values = square(values)
    names = list(dict.fromkeys(groups))
    of = np.array([names.index(group) for group in groups])
    pairs = {}
    for g, name in enumerate(names):
        inside = (of[:, None] == g) & (of == g) & ~np.eye(len(of), dtype=bool)
        across = (of[:, None] == g) != (of == g)
        both = (values[mask] for mask in (inside, across))
        own, others = (found[~np.isnan(found)] for found in both)
        pairs[name] = own, others
    return pairs


def auprc(in_group: ArrayLike, cross_group: ArrayLike, higher_is_closer: bool = True) -> float:
    """Return the average precision with which the closest pairs are those of the group.

    1 if each pair in the group is closer than each that leaves it; by chance `chance_auprc`. A pair
    that is there in both directions counts as one. NaN if there are no pairs of one kind.

    Args:
        in_group: (n,) values of pairs in a group.
        cross_group: (m,) values of pairs of one of the group and one of another.
        higher_is_closer: whether larger values mean more alike.
    """
    inside, across = (
        _closeness(in_group, higher_is_closer),
        _closeness(cross_group, higher_is_closer),
    )
    if not len(inside) or not len(across):
        return nan
    thresholds = np.unique(inside)[::-1]
    inside, across = np.sort(inside), np.sort(across)
    found = len(inside) - np.searchsorted(inside, thresholds)
    wrong = len(across) - np.searchsorted(across, thresholds)
    return float((np.diff(found, prepend=0) * found / (found + wrong)).sum() / len(inside))


def chance_auprc(n_in: int, n_cross: int) -> float:
    """Return the mean of `auprc` over all orders of `n_in` and `n_cross` pairs without ties.

    Source:
        Bestgen (2015), Exact expected average precision of the random baseline, equation 3.
    """
    n = n_in + n_cross
    if n_in < 1 or n_cross < 1:
        return nan
    harmonic = (1 / np.arange(1, n + 1)).sum()
    return float(((n_in - 1) + n_cross * harmonic / n) / (n - 1))


def violation_rate(
    in_group: ArrayLike, cross_group: ArrayLike, higher_is_closer: bool = True
) -> float:
    """Return the share of (pair in the group, pair that leaves it) in which the second is as close.

    Ties are violations. 0 is best, 1/2 is chance; NaN if there are no pairs of one kind. Arguments
    as in `auprc`.
    """
    inside, across = (
        _closeness(in_group, higher_is_closer),
        _closeness(cross_group, higher_is_closer),
    )
    if not len(inside) or not len(across):
        return nan
    closer = len(across) - np.searchsorted(np.sort(across), inside)
    return float(closer.mean() / len(across))


def mean_over_groups(
    score: Callable[..., float],
    values: ArrayLike,
    groups: Sequence[Hashable],
    higher_is_closer: bool = True,
) -> Interval:
    """Return the mean of a score over groups, with an interval over the networks.

    Pairs share networks, so the interval is that of the jackknife, which leaves out one network at
    a time: NaN and None where a group has no pairs then.

    Args:
        score: `auprc` or `violation_rate`.
        values, groups: as in `group_pairs`.
    """
    values = square(values)

    def mean(kept: NDArray[np.int64]) -> float:
        pairs = group_pairs(values[np.ix_(kept, kept)], [groups[i] for i in kept])
        return float(np.mean([score(*each, higher_is_closer) for each in pairs.values()]))

    return jackknife(mean, len(groups))


def layer_violations(values: ArrayLike, higher_is_closer: bool = True) -> float:
    """Return the share of layers (l, m, k), m between l and k, in which l is closer to k than to m.

    Ties are none. 0 is best, 1/2 is chance; NaN of fewer than three layers.

    Args:
        values: (L, L), of each ordered pair of layers of one network, from input to output.
        higher_is_closer: as in `auprc`.
    """
    close = _closeness(values, higher_is_closer, matrix=True)
    wrong, compared = 0, 0
    for from_layer, row in enumerate(close):
        for side in (row[from_layer + 1 :], row[:from_layer][::-1]):  # from the nearest on
            near, far = side[:, None], side[None]
            later = np.triu(~np.isnan(near) & ~np.isnan(far), k=1)
            wrong += int(((near < far) & later).sum())
            compared += int(later.sum())
    return wrong / compared if compared else nan


def layer_distance_correlation(values: ArrayLike, higher_is_closer: bool = True) -> float:
    """Return how well layers that are further apart are less alike: the mean rank correlation.

    For each layer the Spearman correlation of how far from alike it is to the later layers with
    their distance (in layers), likewise to the earlier ones; the mean over all that are defined. 1
    is best, 0 is chance; NaN of fewer than three layers. Arguments as in `layer_violations`.
    """
    close = _closeness(values, higher_is_closer, matrix=True)
    found = []
    for from_layer, row in enumerate(close):
        for side in (row[from_layer + 1 :], row[:from_layer][::-1]):
            known = ~np.isnan(side)
            found.append(correlation(-side[known], np.flatnonzero(known), "spearman"))
    known = [each for each in found if not np.isnan(each)]
    return float(np.mean(known)) if known else nan


def _closeness(values: ArrayLike, higher_is_closer: bool, matrix: bool = False) -> Array:
    """Return values of which larger ones mean more alike."""
    array = square(values) if matrix else np.asarray(values, dtype=float)
    return array if higher_is_closer else -array
