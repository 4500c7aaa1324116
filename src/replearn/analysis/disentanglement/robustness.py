"""IRS: does a latent stay where it is, whatever happens to all factors but its own?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    Integers,
    LatentScores,
    codes_and_factors,
    mask_of,
    note_of,
    varying_factors,
)
from replearn.analysis.disentanglement.information import BINS, binned
from replearn.errors import InputError


@dataclass(frozen=True, kw_only=True)
class IRS(LatentScores):
    """Interventional robustness.

    Attributes:
        irs: mean of `per_latent`, weighted by the largest deviation of each latent.
        chance: the same of inputs in another order than the factors: groups of fewer inputs
            deviate less from their mean than all do, so that noise has .31 on the grid of dSprites
            at N = 10,000.
        per_latent: (D,), the largest of each row of `robustness`.
        parent: (D,), the factor it is of; -1 of a dead latent.
        robustness: (D, K), 1 - deviation with the factor held still / largest deviation.
    """

    irs: float
    chance: float
    per_latent: Array
    parent: Integers
    robustness: Array

    @property
    def above_chance(self) -> float:
        """Return how far `irs` is from chance (0) to perfect (1)."""
        return (self.irs - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "irs": self.irs,
            "irs_chance": self.chance,
            "dead_latents": float(self.n_dead),
        }


def irs(
    codes: Any,
    factors: Any,
    *,
    quantile: float = 0.99,
    bins: int | None = BINS,
    active: Any = None,
    seed: int = 0,
) -> IRS:
    """Return the interventional robustness score of latent codes.

    Args:
        codes: (N, D), means of the latents.
        factors: (N, K), values of the factors as integers, independent of each other.
        quantile: of the deviations within inputs of one value that stands for the largest: .99 in
            disentanglement_lib, 1 in the paper.
        bins: of equal width, to which values of a factor are merged as published, so that a factor
            of more values is not held quite still (a perfect code has .97 on the grid of
            dSprites); None keeps them apart.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all that vary, as published.
        seed: of the order behind `chance`.

    Raises:
        InputError: if shapes do not fit, a value is not finite, the quantile is not in (0, 1], or
            no factor varies.

    Source:
        Suter et al. (2019), arXiv:1811.00007, as in google-research/disentanglement_lib,
        metrics/irs.py.
    """
    if not 0 < quantile <= 1:
        raise InputError(f"expected a quantile above 0 and up to 1, got {quantile}.")
    x, f = codes_and_factors(codes, factors)
    mask, varies = mask_of(active, x), varying_factors(f)
    mask &= x.std(axis=0) > 0
    if bins is not None:
        f = binned(f.astype(np.float64), bins)
    robustness = np.zeros((len(mask), len(varies)))
    chance = np.zeros_like(robustness)
    largest = np.abs(x - x.mean(axis=0)).max(axis=0)
    shuffled = np.random.default_rng(seed).permutation(x)
    inside = np.ix_(mask, varies)
    robustness[inside] = _robustness(x[:, mask], f[:, varies], largest[mask], quantile)
    chance[inside] = _robustness(shuffled[:, mask], f[:, varies], largest[mask], quantile)
    weights = largest * mask
    per_latent = robustness.max(axis=1)
    return IRS(
        irs=_mean(per_latent, weights),
        chance=_mean(chance.max(axis=1), weights),
        per_latent=per_latent,
        parent=np.where(mask, robustness.argmax(axis=1), -1),
        robustness=robustness,
        active=mask,
        note=note_of(mask, varies),
    )


def _robustness(x: Array, f: Integers, largest: Array, quantile: float) -> Array:
    columns = []
    for factor in f.T:
        groups = [x[factor == value] for value in np.unique(factor)]
        deviations = [
            np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0) for group in groups
        ]
        columns.append(1 - np.mean(deviations, axis=0) / largest)
    return np.stack(columns, axis=1)


def _mean(scores: Array, weights: Array) -> float:
    return float(scores @ weights / weights.sum()) if weights.any() else 0.0
