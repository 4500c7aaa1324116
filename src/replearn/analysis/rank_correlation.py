"""Does one score order runs as another does? Spearman's correlation with its interval."""

from dataclasses import dataclass
from math import atanh, nan, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike

from replearn.analysis.pair_correlation import correlation
from replearn.errors import InputError

# Below this the interval is not defined.
_FEWEST = 4


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of `n` pairs; NaN for its interval if n < 4, or if it is ±1."""

    value: float
    low: float
    high: float
    n: int


def rank_correlation(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> RankCorrelation:
    """Return Spearman's correlation of x (n,) and y (n,) with its confidence interval.

    Pairs that are not finite are left out. The interval is that of Fisher's z with the variance
    (1 + ρ²/2) / (n - 3), for pairs that are independent of each other.

    Raises:
        InputError: if x and y are not of one length, or `level` is not between 0 and 1.

    Source:
        Bonett & Wright (2000), Sample size requirements for estimating Pearson, Kendall and
        Spearman correlations, Psychometrika 65(1).
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(
            f"a correlation needs two lists of one length, got {x.shape} and {y.shape}."
        )
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, not {level}: take 0.95.")
    both = np.isfinite(x) & np.isfinite(y)
    n = int(both.sum())
    value = correlation(x[both], y[both])
    if n < _FEWEST or not abs(value) < 1 - 1e-12:
        return RankCorrelation(value, nan, nan, n)
    from scipy.stats import norm

    half = float(norm.ppf(0.5 + level / 2)) * sqrt((1 + value**2 / 2) / (n - 3))
    z = atanh(value)
    return RankCorrelation(value, tanh(z - half), tanh(z + half), n)
