"""Mutual information of single latents with factors and with each other: MIG, modularity."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    Integers,
    LatentScores,
    Mask,
    codes_and_factors,
    finite_codes,
    mask_of,
    note_of,
    top_two_gap,
    varying_factors,
)
from replearn.errors import InputError

BINS = 20
# A latent tells of a factor if their information is this many standard deviations above that of
# shuffled inputs: never by chance with 10 latents and 5 factors, and little is missed at N = 1000.
_SHUFFLES, _DEVIATIONS = 20, 5.0


@dataclass(frozen=True, kw_only=True)
class MIG(LatentScores):
    """Mutual information gap: is each factor in one latent alone?

    Attributes:
        mig: mean of `per_factor`; in [0, 1].
        ceiling: what the factors themselves, as latents, would score: a factor of more values than
            there are bins does not fit in one binned latent (.895 on the grid of dSprites).
        per_factor: (K,), (largest - second largest information) / entropy of the factor.
        information: (D, K), in nats.
    """

    mig: float
    ceiling: float
    per_factor: Array
    information: Array

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {"mig": self.mig, "ceiling": self.ceiling, "dead_latents": float(self.n_dead)}


@dataclass(frozen=True, kw_only=True)
class Modularity(LatentScores):
    """Modularity: is each latent about one factor alone?

    Attributes:
        modularity: mean of `per_latent` over the latents that tell of a factor; 0 if none does.
        of_active: mean over the active latents. Noise has .65 here at N = 10,000: sampled
            information is never 0.
        of_all: mean over all latents, as published, where noise and dead latents lower the score
            of a perfect code to .83.
        per_latent: (D,), 1 - sum of I² over other factors than the best / (best I² (K - 1)).
        tells: (D,), active latents with more information about a factor than chance.
        information: (D, K), in nats.
    """

    modularity: float
    of_active: float
    of_all: float
    per_latent: Array
    tells: Mask
    information: Array

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "modularity": self.modularity,
            "modularity_active": self.of_active,
            "modularity_all": self.of_all,
            "telling_latents": float(np.count_nonzero(self.tells)),
            "dead_latents": float(self.n_dead),
        }


@dataclass(frozen=True, kw_only=True)
class LatentInformation(LatentScores):
    """How much latents tell of each other: 0 if they are independent, but for a bias.

    Attributes:
        mean: over pairs of different active latents, in nats; 0 of fewer than two.
        chance: the same of latents shuffled apart: the bias of binned information.
        information: (D, D), in nats; the diagonal is 0.
    """

    mean: float
    chance: float
    information: Array

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {
            "mean_latent_mutual_information": self.mean,
            "mean_latent_mutual_information_chance": self.chance,
            "dead_latents": float(self.n_dead),
        }


def mig(codes: Any, factors: Any, *, bins: int = BINS, active: Any = None) -> MIG:
    """Return the mutual information gap of latent codes.

    Args:
        codes: (N, D), means of the latents.
        factors: (N, K), values of the factors as integers.
        bins: of equal width, from the least to the largest value of each latent.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all, as published.

    Raises:
        InputError: if shapes do not fit, a value is not finite, or no factor varies.

    Source:
        Chen et al. (2018), arXiv:1802.04942, with the estimator of Locatello et al. (2019),
        arXiv:1811.12359, as in google-research/disentanglement_lib, metrics/mig.py.
    """
    x, f = codes_and_factors(codes, factors)
    mask, varies = mask_of(active, x), varying_factors(f)
    information = _of_factors(x, f, bins, mask)
    entropy = np.where(varies, np.diagonal(mutual_information(_values(f), _values(f))), 1.0)
    own = mutual_information(binned(f.astype(np.float64), bins), _values(f))
    per_factor = np.where(varies, top_two_gap(information) / entropy, 0.0)
    return MIG(
        mig=float(per_factor[varies].mean()),
        ceiling=float((np.diagonal(own) / entropy)[varies].mean()),
        per_factor=per_factor,
        information=information,
        active=mask,
        note=note_of(mask, varies),
    )


def modularity(
    codes: Any, factors: Any, *, bins: int = BINS, active: Any = None, seed: int = 0
) -> Modularity:
    """Return the modularity of latent codes, of those that tell of a factor, the active, and all.

    Args:
        codes, factors, bins, active: as `mig`.
        seed: of the shuffled inputs that say what information there is by chance.

    Raises:
        InputError: as `mig`, or if there is only one factor.

    Source:
        Ridgeway & Mozer (2018), arXiv:1802.05312, section 3, with binned information as in
        google-research/disentanglement_lib, metrics/modularity_explicitness.py.
    """
    x, f = codes_and_factors(codes, factors)
    if f.shape[1] < 2:
        raise InputError("modularity needs two or more factors, got 1.")
    mask, varies = mask_of(active, x), varying_factors(f)
    everything = np.ones(x.shape[1], dtype=bool)
    information = _of_factors(x, f, bins, everything)
    per_latent = _modularity(information)
    rng = np.random.default_rng(seed)
    boxes, values = binned(x, bins), _values(f)
    shuffled = np.stack(
        [mutual_information(rng.permutation(boxes), values) for _ in range(_SHUFFLES)]
    )
    likely = shuffled.mean(axis=0) + _DEVIATIONS * shuffled.std(axis=0, ddof=1)
    # Information of a constant latent is 0 but for rounding, and so is its spread.
    tells = mask & (information > np.maximum(likely, 1e-9)).any(axis=1)
    note = note_of(mask, varies, "modularity is 0")
    if mask.any() and not tells.any():
        note = f"No latent tells of a factor: modularity is 0. {note}".strip()
    return Modularity(
        modularity=float(per_latent[tells].mean()) if tells.any() else 0.0,
        of_active=float(per_latent[mask].mean()) if mask.any() else 0.0,
        of_all=float(per_latent.mean()),
        per_latent=np.where(mask, per_latent, 0.0),
        tells=tells,
        information=np.where(mask[:, None], information, 0.0),
        active=mask,
        note=note,
    )


def mean_latent_mutual_information(
    codes: Any, *, bins: int = BINS, active: Any = None, seed: int = 0
) -> LatentInformation:
    """Return the mutual information of pairs of latents.

    Args:
        codes, bins, active: as `mig`.
        seed: of the shuffles behind `chance`.

    Raises:
        InputError: if the codes are no matrix or a value is not finite.

    Source:
        Locatello et al. (2019), arXiv:1811.12359, as in google-research/disentanglement_lib,
        metrics/unsupervised_metrics.py.
    """
    x = finite_codes(codes)
    mask = mask_of(active, x)
    information = np.zeros((x.shape[1], x.shape[1]))
    boxes = binned(x[:, mask], bins)
    shuffled = np.random.default_rng(seed).permuted(boxes, axis=0)
    information[np.ix_(mask, mask)] = mutual_information(boxes, boxes)
    np.fill_diagonal(information, 0.0)
    apart = mutual_information(shuffled, shuffled)
    n = max(1, int(mask.sum()))
    pairs = max(1, n * (n - 1))
    return LatentInformation(
        mean=float(information.sum() / pairs),
        chance=float((apart.sum() - np.trace(apart)) / pairs),
        information=information,
        active=mask,
        note=note_of(mask),
    )


def binned(codes: Array, bins: int) -> Integers:
    """Return the bin of each code (N, D), 0 to `bins` - 1, of equal width in each column."""
    if bins < 2:
        raise InputError(f"expected 2 or more bins, got {bins}.")
    boxes = np.empty(codes.shape, dtype=np.int64)
    for d, column in enumerate(codes.T):
        edges = np.histogram_bin_edges(column, bins)
        # The last edge is the largest value, which belongs to the last bin.
        boxes[:, d] = np.searchsorted(edges[1:-1], column, side="right")
    return boxes


def mutual_information(x: Integers, y: Integers) -> Array:
    """Return (D, K): plug-in mutual information in nats of small integers (N, D) and (N, K)."""
    from scipy.special import xlogy

    n, sizes = len(x), y.max(axis=0) + 1
    width = int(x.max(initial=0)) + 1
    rows = np.arange(x.shape[1]) * width + x
    found = np.empty((x.shape[1], y.shape[1]))
    for k, size in enumerate(sizes):
        cells = np.bincount(
            (rows * size + y[:, k : k + 1]).ravel(), minlength=x.shape[1] * width * size
        ).reshape(x.shape[1], width, size)
        terms = [xlogy(c, c).sum(-1) for c in (cells.sum(2), cells.sum(1))]
        joint = xlogy(cells, cells).sum((1, 2))
        found[:, k] = (joint - terms[0] - terms[1]) / n + np.log(n)
    return np.maximum(found, 0.0)


def _of_factors(x: Array, f: Integers, bins: int, mask: Mask) -> Array:
    information = np.zeros((x.shape[1], f.shape[1]))
    information[mask] = mutual_information(binned(x[:, mask], bins), _values(f))
    return information


def _values(factors: Integers) -> Integers:
    """Return the factors (N, K) as indices of the values that occur."""
    columns = [np.unique(column, return_inverse=True)[1] for column in factors.T]
    return np.stack(columns, axis=1)


def _modularity(information: Array) -> Array:
    squared = information**2
    best = squared.max(axis=1)
    others = squared.sum(axis=1) - best
    known = best > 0
    return np.where(known, 1 - others / np.where(known, best * (squared.shape[1] - 1), 1.0), 0.0)
