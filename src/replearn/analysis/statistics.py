"""Statistics over seeds: mean and Student-t interval, paired tests, with the count they rest on."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from replearn.errors import InputError

# Below this many seeds a table shows neither an interval nor a best value.
MIN_SEEDS = 3


@dataclass(frozen=True)
class Interval:
    """The mean of `n` finite values, and the half width of its interval.

    `half_width` is None where fewer than 3 values are finite; `missing` counts the values that
    were NaN or infinite, which are in neither number.
    """

    mean: float
    half_width: float | None
    n: int
    missing: int = 0

    @property
    def low(self) -> float:
        """Return the lower end, NaN without an interval."""
        return self.mean - self.half_width if self.half_width is not None else float("nan")

    @property
    def high(self) -> float:
        """Return the upper end, NaN without an interval."""
        return self.mean + self.half_width if self.half_width is not None else float("nan")


def student_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Return the mean of `values` with its two-sided Student-t confidence interval.

    Args:
        values: one number per seed, in any unit; NaN and infinities are counted as missing.
        level: the coverage, between 0 and 1.

    Returns:
        Interval with half width t_{(1+level)/2, n-1} s / sqrt(n), s the standard deviation with
        n - 1 degrees of freedom, in the unit of the values; None for it if n < 3.

    Raises:
        InputError: if `level` is not between 0 and 1.

    Source:
        Student (1908), The probable error of a mean, Biometrika 6(1).
    """
    array = np.asarray(list(values), dtype=float).reshape(-1)
    mean, half_width, n = student_band(array[:, None], level)
    count = int(n[0])
    half = float(half_width[0]) if count >= MIN_SEEDS else None
    return Interval(float(mean[0]), half, count, array.size - count)


def student_band(
    values: ArrayLike, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, half width and count over the rows of `values` (R, S), one row a seed.

    Returns:
        mean (S,), NaN where nothing is finite; half width (S,), NaN where fewer than 3 values
        are finite; n (S,), the number of finite values.

    Raises:
        InputError: if `values` is not a matrix, or `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, not {level}: take 0.95.")
    values = np.asarray(values, dtype=float)
    if values.ndim != 2:
        raise InputError(f"a band needs values (seeds, steps), not of shape {values.shape}.")
    from scipy.stats import t

    finite = np.isfinite(values)
    n = finite.sum(axis=0)
    mean = np.full(values.shape[1], np.nan)
    half_width = np.full(values.shape[1], np.nan)
    np.divide(np.where(finite, values, 0.0).sum(axis=0), n, out=mean, where=n > 0)
    squares = np.where(finite, (np.where(finite, values, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    enough = n >= MIN_SEEDS
    freedom = n[enough] - 1
    quantile = t.ppf(0.5 + level / 2, freedom)
    half_width[enough] = quantile * np.sqrt(squares[enough] / freedom / n[enough])
    return mean, half_width, n


@dataclass(frozen=True)
class PairedTest:
    """The mean difference of `n` pairs, its interval, and the paired t-test that it is 0.

    `half_width`, `t` and `p` (two-sided) are None where fewer than 3 pairs are finite; `missing`
    counts the pairs with a value that was NaN or infinite.
    """

    difference: float
    half_width: float | None
    t: float | None
    p: float | None
    n: int
    missing: int = 0


def paired_test(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> PairedTest:
    """Return the paired t-test of a - b, over pairs such as the same seed under two settings.

    Args:
        a, b: (n,) values, in the same unit and order.
        level: the coverage of the interval, between 0 and 1.

    Returns:
        PairedTest; where all differences are equal, t is infinite and p is 0, and where all are 0,
        t is 0 and p is 1. Differences within the rounding of the values count as 0.

    Raises:
        InputError: if `a` and `b` are not of one length, or `level` is not between 0 and 1.

    Source:
        Student (1908), The probable error of a mean, Biometrika 6(1).
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"a paired test needs two lists of one length, got {a.shape}, {b.shape}.")
    finite = np.isfinite(a) & np.isfinite(b)
    a, b = a[finite], b[finite]
    rounding = 4 * np.finfo(float).eps * np.abs([a, b]).max(initial=0.0)
    differences = np.where(np.abs(a - b) <= rounding, 0.0, a - b)
    interval = student_interval(differences, level)
    missing = int((~finite).sum())
    if interval.half_width is None:
        return PairedTest(interval.mean, None, None, None, interval.n, missing)
    from scipy.stats import t as student

    spread = float(differences.std(ddof=1))
    if spread <= rounding:
        t = math.copysign(math.inf, interval.mean) if interval.mean else 0.0
    else:
        t = interval.mean / spread * math.sqrt(interval.n)
    p = 2 * float(student.sf(abs(t), interval.n - 1))
    return PairedTest(interval.mean, interval.half_width, t, p, interval.n, missing)


def holm(p: ArrayLike) -> np.ndarray:
    """Return p values (m,) corrected for being m, so that any below 0.05 is wrong in 5 of 100.

    NaN stands for a test that was not made, stays NaN, and is not counted.

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6.
    """
    p = np.asarray(p, dtype=float)
    corrected = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return corrected


def jackknife(statistic: Callable[[np.ndarray], float], n: int, level: float = 0.95) -> Interval:
    """Return a statistic of n items, with the interval that leaving out one at a time gives.

    Args:
        statistic: positions (m,) of the items that are kept -> number.
        n: how many items there are.
        level: the coverage, between 0 and 1.

    Returns:
        Interval with half width t_{(1+level)/2, n-1} s / sqrt(n), s the standard deviation of the
        pseudo-values n T - (n-1) T_without; None for it if n < 3, or if one of these is NaN.

    Source:
        Tukey (1958), Bias and confidence in not-quite large samples, Ann. Math. Stat. 29.
    """
    whole = statistic(np.arange(n))
    if n < MIN_SEEDS or not math.isfinite(whole):
        return Interval(whole, None, n)
    without = np.array([statistic(np.delete(np.arange(n), i)) for i in range(n)])
    if not np.isfinite(without).all():
        return Interval(whole, None, n)
    return Interval(whole, student_interval(-(n - 1) * without, level).half_width, n)


def pairs_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean over all pairs of R items, with an interval over the items.

    Pairs that share an item are not independent, so their number says nothing of the precision: the
    interval is that of the R pseudo-values of the jackknife, which leave out one item each.

    Args:
        values: (R, R), of each ordered pair; the diagonal is left out.
        level: the coverage, between 0 and 1.

    Raises:
        InputError: if `values` is no square matrix, or `level` is not between 0 and 1.

    Source:
        Arvesen (1969), Jackknifing U-statistics, Ann. Math. Stat. 40(6).
    """
    n = len(pseudo := pair_pseudo_values(values))
    return student_interval(pseudo, level) if n > 1 else Interval(math.nan, None, n)


def pair_pseudo_values(values: ArrayLike) -> np.ndarray:
    """Return for each of R items what it contributes to the mean over pairs: (R,), with that mean.

    Those of the jackknife, which leaves out one item at a time; with fewer than 3 items the mean.

    Args:
        values: (R, R), of each ordered pair; the diagonal is left out.

    Raises:
        InputError: if `values` is no square matrix.

    Source:
        Arvesen (1969), Jackknifing U-statistics, Ann. Math. Stat. 40(6).
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if values.shape != (n, n):
        raise InputError(f"values of pairs are a square matrix, not of shape {values.shape}.")
    values = np.where(np.eye(n, dtype=bool), 0.0, values)
    total = values.sum()
    if n < MIN_SEEDS:
        return np.full(n, total / (n * (n - 1)) if n > 1 else np.nan)
    without = (total - values.sum(0) - values.sum(1)) / ((n - 1) * (n - 2))
    return n * total / (n * (n - 1)) - (n - 1) * without
