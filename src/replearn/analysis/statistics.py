"""Summaries over seeds: mean and Student-t interval, with the count that they rest on."""

from collections.abc import Iterable
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
