"""Explicitness: can every value of a factor be read out of all latents linearly?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    Integers,
    LatentScores,
    mask_of,
    note_of,
    split,
    varying_factors,
)

# A classifier that tells nothing ranks a random input of the value above another in half of cases.
CHANCE = 0.5


@dataclass(frozen=True, kw_only=True)
class Explicitness(LatentScores):
    """Explicitness, as areas under ROC curves: 0.5 is chance, 1 is perfect.

    Attributes:
        train: mean over factors of the mean over values, on the codes that were fitted.
        test: the same on held-out codes.
        area: (K, V) held-out area of each value, in the order of the values of a factor; NaN where
            a factor has fewer, or a value is not in the held-out inputs.
        coefficients: (D, K), root of the mean over values of the squared coefficients, of
            standardised codes.
    """

    train: float
    test: float
    area: Array
    coefficients: Array

    @property
    def above_chance(self) -> float:
        """Return how far `test` is from chance (0) to perfect (1)."""
        return (self.test - CHANCE) / (1 - CHANCE)

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "explicitness_train": self.train,
            "explicitness": self.test,
            "explicitness_chance": CHANCE,
            "dead_latents": float(self.n_dead),
        }


def explicitness(
    codes: Any,
    factors: Any,
    test_codes: Any = None,
    test_factors: Any = None,
    *,
    active: Any = None,
    seed: int = 0,
) -> Explicitness:
    """Return how well logistic regressions tell the values of each factor.

    Args:
        codes: (N, D), means of the latents; they are standardised.
        factors: (N, K), values of the factors as integers.
        test_codes, test_factors: held-out ones; a third of the inputs, drawn by `seed`, if None.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all that vary, as published.
        seed: of the split.

    Raises:
        InputError: if shapes do not fit, a value is not finite, or no factor varies.

    Source:
        Ridgeway & Mozer (2018), arXiv:1802.05312, section 3, as in
        google-research/disentanglement_lib, metrics/modularity_explicitness.py (one multinomial
        regression for a factor, C = 1).
    """
    data = split(codes, factors, test_codes, test_factors, seed)
    mask, varies = mask_of(active, data.codes), varying_factors(data.factors)
    mask &= data.codes.std(axis=0) > 0
    centre, width = data.codes[:, mask].mean(axis=0), data.codes[:, mask].std(axis=0)
    x, x_test = ((c[:, mask] - centre) / width for c in (data.codes, data.test_codes))

    sizes = [len(np.unique(column)) for column in data.factors.T]
    train, area = np.full((2, len(varies), max(sizes)), np.nan)
    coefficients = np.zeros((len(mask), len(varies)))
    for k in np.flatnonzero(varies):
        y, y_test = data.factors[:, k], data.test_factors[:, k]
        if mask.any():
            values, model = np.unique(y), _regression(x, y)
            train[k, : sizes[k]] = areas(_probabilities(model, x), y, values)
            area[k, : sizes[k]] = areas(_probabilities(model, x_test), y_test, values)
            coefficients[mask, k] = np.sqrt((model.coef_**2).mean(axis=0))
        else:
            train[k, : sizes[k]] = area[k, : sizes[k]] = CHANCE
    return Explicitness(
        train=_mean(train[varies]),
        test=_mean(area[varies]),
        area=area,
        coefficients=coefficients,
        active=mask,
        note=note_of(mask, varies, "explicitness is at chance"),
    )


def areas(score: Array, y: Integers, values: Integers) -> Array:
    """Return (V,): the area under the ROC curve of each of the values, by its scores (N, V).

    The share of pairs, an input of the value and one of another, in which the first has the higher
    score; NaN for a value that no input has, or all have.
    """
    from scipy.stats import rankdata

    ranks = rankdata(score, axis=0)
    own = y[:, None] == values
    n = own.sum(axis=0)
    pairs = n * (len(y) - n)
    wins = (ranks * own).sum(axis=0) - n * (n + 1) / 2
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)


def _regression(x: Array, y: Integers) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(x, y)


def _probabilities(model: Any, x: Array) -> Array:
    return np.asarray(model.predict_proba(x))


def _mean(area: Array) -> float:
    """Return the mean over factors of the mean over those values that are there."""
    there = ~np.isnan(area)
    sums = np.where(there, area, 0.0).sum(axis=1)
    counts = there.sum(axis=1)
    return float((sums[counts > 0] / counts[counts > 0]).mean()) if counts.any() else CHANCE
