"""Correlation over pairs of networks, tested by permuting networks."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import factorial, nan, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.errors import InputError, nearest

Array = NDArray[np.float64]
CORRELATIONS = ("pearson", "spearman", "kendall")

# Numbers that are held at once while networks are permuted.
_HELD = 2**21


def correlation(x: ArrayLike, y: ArrayLike, method: str = "spearman") -> float:
    """Return the correlation of x (n,) and y (n,); NaN if one is constant or n < 2.

    Args:
        method: "pearson", "spearman" or "kendall" (tau-b).

    Raises:
        InputError: if the method is another.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    check_method(method)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return nan
    if method == "kendall":
        from scipy.stats import kendalltau

        return float(kendalltau(x, y)[0])  # type: ignore[arg-type]
    return float(np.clip(_standardised(x, method) @ _standardised(y, method), -1, 1))


@dataclass(frozen=True)
class PairsTest:
    """A correlation over pairs of networks, tested by permuting networks.

    Attributes:
        correlation: of the two matrices over their pairs; NaN if it is not defined.
        p: two-sided: the share of the permutations with as strong a correlation.
        networks: how many networks there are.
        permutations: how many were looked at; all there are where `exact`.
        exact: whether p is exact.
    """

    correlation: float
    p: float
    networks: int
    permutations: int = 0
    exact: bool = False


def pairs_test(
    x: ArrayLike,
    y: ArrayLike,
    method: str = "spearman",
    groups: Sequence[Hashable] | None = None,
    permutations: int = 4999,
    seed: int = 0,
) -> PairsTest:
    """Return the correlation of two matrices over pairs of networks, and a p that respects pairs.

    R networks have R (R - 1) / 2 pairs, which are not independent: a network that is unlike all
    others moves R - 1 of them at once. So networks are permuted, rows and columns together, not
    pairs (Mantel's test). A network with a missing value is left out.

    Args:
        x, y: (R, R), of each ordered pair; the diagonal is left out.
        method: as in `correlation`.
        groups: (R,); then the correlation is the mean of those inside each group, and networks are
            permuted inside their group: what a group explains counts for nothing.
        permutations: how many at most; if there are no more than these, all are taken.
        seed: of their choice.

    Raises:
        InputError: if the matrices do not fit each other or the groups, or the method is unknown.

    Source:
        Mantel (1967), The detection of disease clustering and a generalized regression approach.
    """
    x, y = square(x), square(y)
    if x.shape != y.shape or (groups is not None and len(groups) != len(x)):
        raise InputError(f"a test over pairs needs matrices of one size, got {x.shape}, {y.shape}.")
    check_method(method)
    kept = _complete(x + y)
    x, y = (without_last_digits(each[np.ix_(kept, kept)]) for each in (x, y))
    names = [0] * len(kept) if groups is None else [groups[i] for i in kept]
    parts = [np.flatnonzero([each == name for each in names]) for name in dict.fromkeys(names)]
    statistic = _Statistic(x, y, parts, method)
    observed = statistic(np.arange(len(kept))[None])[0]
    if np.isnan(observed):
        return PairsTest(nan, nan, len(kept))
    orders, exact = _orders(parts, len(kept), permutations, seed)
    as_strong, count = 0, 0
    size = max(1, _HELD // max(1, len(kept) ** 2))
    while len(block := np.array(list(islice(orders, size)))):
        as_strong += int((np.abs(statistic(block)) >= abs(observed) - 1e-12).sum())
        count += len(block)
    p = as_strong / count if exact else (as_strong + 1) / (count + 1)
    return PairsTest(float(observed), float(p), len(kept), count, exact)


class _Statistic:
    """The mean over parts of the correlation over a part's pairs, for many orders of y at once."""

    def __init__(self, x: Array, y: Array, parts: list[NDArray[np.int64]], method: str):
        self._y, self._method = y, method
        self._terms: list[tuple[NDArray, NDArray, Array]] = []
        for part in parts:
            pairs = [(i, j) for i, j in product(part, part) if i != j]
            if pairs:
                rows, columns = np.array(pairs).T
                self._terms.append((rows, columns, x[rows, columns]))

    def __call__(self, orders: NDArray[np.int64]) -> Array:
        """Return the statistic (B,) with y in each of the orders (B, R)."""
        found = []
        for rows, columns, x in self._terms:
            y = self._y[rows, columns]
            if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
                continue  # two networks have one pair
            if self._method == "kendall":
                each = [correlation(x, self._y[o[rows], o[columns]], "kendall") for o in orders]
                found.append(np.array(each))
                continue
            # The values are the same in every order, and so are their ranks, mean and spread.
            ranked = np.zeros_like(self._y)
            ranked[rows, columns] = _standardised(y, self._method)
            found.append(
                ranked[orders[:, rows], orders[:, columns]] @ _standardised(x, self._method)
            )
        return np.mean(found, axis=0) if found else np.full(len(orders), nan)


def _orders(
    parts: list[NDArray[np.int64]], n: int, most: int, seed: int
) -> tuple[Iterator[NDArray[np.int64]], bool]:
    """Return orders (n,) of the networks, each inside its part, and whether they are all."""
    if prod(factorial(min(len(part), 20)) for part in parts) <= most:
        chosen = product(*(permutations(part) for part in parts))
        return (_placed(parts, each, n) for each in chosen), True
    rng = np.random.default_rng(seed)
    return (_placed(parts, map(rng.permutation, parts), n) for _ in range(most)), False


def _placed(parts: list[NDArray[np.int64]], orders: Iterable, n: int) -> NDArray[np.int64]:
    order = np.empty(n, dtype=np.int64)
    for part, own in zip(parts, orders, strict=True):
        order[part] = own
    return order


def _complete(values: Array) -> NDArray[np.int64]:
    """Return the positions that are left when those with the most missing pairs are left out."""
    missing = np.isnan(values)
    np.fill_diagonal(missing, False)
    kept = np.arange(len(values))
    while len(kept) and (counts := (own := missing[np.ix_(kept, kept)]).sum(0) + own.sum(1)).any():
        kept = np.delete(kept, counts.argmax())
    return kept


def _standardised(values: Array, method: str) -> Array:
    """Return values, or their ranks, with mean 0 and norm 1."""
    if method == "spearman":
        from scipy.stats import rankdata

        values = rankdata(values)
    centred = values - values.mean()
    return centred / np.linalg.norm(centred)


def check_method(method: str) -> None:
    """Raise an InputError unless `method` is one of CORRELATIONS."""
    if method not in CORRELATIONS:
        raise InputError(f"unknown correlation {method!r}; {nearest(str(method), CORRELATIONS)}")


def without_last_digits(values: Array) -> Array:
    """Return values of pairs (R, R) rounded to 10 digits of the largest, the diagonal 0.

    What is equal up to rounding is a tie then: 0.3 - 0.2 and 0.2 - 0.1, or 1 and 1 - 1e-16.
    """
    values = np.where(np.eye(len(values), dtype=bool), 0.0, values)
    scale = np.nanmax(np.abs(values), initial=0.0) or 1.0
    return np.round(values / scale, 10) * scale


def square(values: ArrayLike) -> Array:
    """Return values of all ordered pairs (R, R) as an array, or raise an InputError."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 2 or len(array) != array.shape[1]:
        raise InputError(f"values of pairs are a square matrix, not of shape {array.shape}.")
    return array
