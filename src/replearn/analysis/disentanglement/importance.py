"""DCI: disentanglement, completeness and informativeness, from what predicts the factors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    LatentScores,
    Mask,
    mask_of,
    note_of,
    split,
    varying_factors,
)
from replearn.analysis.disentanglement.predictors import METHODS
from replearn.analysis.similarity.representation import as_matrix
from replearn.errors import InputError
from replearn.registry import lookup

# disentanglement_lib adds this to importances before it takes their entropy.
_TINY = 1e-11


@dataclass(frozen=True, kw_only=True)
class DCI(LatentScores):
    """Disentanglement, completeness and informativeness: read the three together.

    D latents, K factors. A latent or factor without importance has score 0 and weight 0, and so
    has a factor that is not told, and a latent has no weight for it: importances of noise are of
    what was learned by heart.

    Attributes:
        disentanglement: mean of `disentanglement_per_latent`, weighted by importance for factors
            that are told; in [0, 1].
        completeness: mean of `completeness_per_factor`, weighted by importance; in [0, 1].
        informativeness: mean accuracy (R² of the regressions) of the factors on held-out codes.
        informativeness_train: the same on the codes that were fitted.
        chance: held-out accuracy (R²) of always guessing the most frequent value (the mean).
        importance: (D, K), how much each latent counts for each factor; of trees, columns of sum 1.
        told: (K,) factors that held-out codes tell: the predictions are better than a guess, or
            correlate with the values, by 3 standard errors.
        disentanglement_per_latent: (D,), 1 - entropy of the row of `importance` in base K.
        completeness_per_factor: (K,), 1 - entropy of the column of `importance` in base D.
        informativeness_per_factor: (K,), held-out accuracies (R²).
        method: name of the predictor and its size, to be shown with the numbers.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    informativeness_train: float
    chance: float
    importance: Array
    told: Mask
    disentanglement_per_latent: Array
    completeness_per_factor: Array
    informativeness_per_factor: Array
    method: str

    def scores(self) -> dict[str, float]:
        """Return the numbers to log: the three scores always stand together."""
        return {
            "disentanglement": self.disentanglement,
            "completeness": self.completeness,
            "informativeness": self.informativeness,
            "informativeness_train": self.informativeness_train,
            "informativeness_chance": self.chance,
            "dead_latents": float(self.n_dead),
        }


def dci(
    codes: Any,
    factors: Any,
    test_codes: Any = None,
    test_factors: Any = None,
    *,
    method: str = "fast",
    active: Any = None,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> DCI:
    """Return the DCI scores of latent codes.

    For each factor a predictor is fitted to the codes; its importances (impurity of trees, sizes of
    the lasso's coefficients) give the matrix that the scores are entropies of. Dead latents are
    left out before the fit, and their rows are 0; the entropy over latents keeps base D, so that
    scores do not depend on how many are dead. With no active latent D = C = 0 and the accuracy is
    chance. So it is if no factor is told: the published lasso gives noise D = 1.

    Args:
        codes: (N, D), means of the latents.
        factors: (N, K), values of the factors as integers.
        test_codes, test_factors: held-out ones; a third of the inputs, drawn by `seed`, if None.
        method: "fast", the gradient boosting of disentanglement_lib with codes in bins, see
            `boosting`; "reference", the same by scikit-learn as published, minutes for 10,000
            inputs; "lasso" and "forest", the regressions of disent-and-gen. Scores of trees and of
            regressions are not the same number.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all, as published.
        seed: of the split and of the trees.
        progress: called with (stage, done, total) after each factor.

    Raises:
        InputError: if shapes do not fit, a value is not finite, the factors are no integers, the
            method is unknown, or no factor varies.

    Source:
        Eastwood & Williams (2018), https://openreview.net/forum?id=By-7dz-AZ, section 2; as in
        google-research/disentanglement_lib, metrics/dci.py (weighted C, 1e-11 in the entropies).
        Lasso and forest: Montero et al. (2021), https://openreview.net/forum?id=qbH974jKUVy, as in
        mmrl/disent-and-gen (its forest does not run; ours has scikit-learn's defaults, 50 trees).
    """
    predictor = lookup(METHODS, method, "DCI method")
    data = split(codes, factors, test_codes, test_factors, seed)
    x, f = data.codes, data.factors
    mask, varies = mask_of(active, x), varying_factors(f)

    importance = np.zeros((x.shape[1], f.shape[1]))
    chance, train, test = np.zeros((3, f.shape[1]))
    told = np.zeros(f.shape[1], dtype=bool)
    for k in range(f.shape[1]):
        if varies[k]:
            found = predictor.predict(
                seed, x[:, mask], f[:, k], data.test_codes[:, mask], data.test_factors[:, k]
            )
            importance[mask, k] = found.importance
            train[k], test[k], chance[k] = found.train, found.test, found.guess
            told[k] = found.told
        if progress:
            progress("factors", k + 1, f.shape[1])
    # A row keeps what it has for factors that are not told: without it, a latent that is about
    # everything and tells of one factor only would be disentangled.
    per_latent = disentanglement(importance)[1] * told.any()
    share = (importance * told).sum(axis=1)
    d = float(per_latent @ share / (share.sum() or 1.0))
    c, per_factor = completeness(importance * told)
    return DCI(
        disentanglement=d,
        completeness=c,
        informativeness=float(test[varies].mean()),
        informativeness_train=float(train[varies].mean()),
        chance=float(chance[varies].mean()),
        importance=importance,
        told=told,
        disentanglement_per_latent=per_latent,
        completeness_per_factor=per_factor,
        informativeness_per_factor=test,
        active=mask,
        method=f"{method}: {predictor.label}, N = {len(x)}/{len(data.test_codes)}",
        note=_note(mask, varies, told),
    )


def disentanglement(importance: Array) -> tuple[float, Array]:
    """Return the disentanglement score of an importance matrix (D, K) and that of each latent.

    1 - entropy of each row in base K, weighted by the row's share of all importance.

    Raises:
        InputError: if the matrix has a negative entry or no entry.
    """
    return _concentration(_importance(importance))


def completeness(importance: Array) -> tuple[float, Array]:
    """Return the completeness score of an importance matrix (D, K) and that of each factor.

    1 - entropy of each column in base D, weighted by the column's share of all importance.

    Raises:
        InputError: as `disentanglement`.
    """
    return _concentration(_importance(importance).T)


def _concentration(importance: Array) -> tuple[float, Array]:
    """Return 1 - entropy of each row, in base of its length, and its weighted mean."""
    total = importance.sum()
    if total == 0:
        return 0.0, np.zeros(len(importance))
    if importance.shape[1] == 1:
        # One alternative: nothing to be entangled with.
        scores = (importance[:, 0] > 0).astype(np.float64)
    else:
        p = importance + _TINY
        p /= p.sum(axis=1, keepdims=True)
        scores = 1.0 + (p * np.log(p)).sum(axis=1) / np.log(importance.shape[1])
        scores = np.clip(scores, 0.0, 1.0)
    return float(scores @ importance.sum(axis=1) / total), scores


def _importance(importance: Any) -> Array:
    matrix = as_matrix(importance, "the importance matrix").astype(np.float64)
    if not np.all(matrix >= 0):
        raise InputError("expected an importance matrix without negative or NaN entries.")
    return matrix


def _note(active: Mask, varies: Mask, told: Mask) -> str:
    note = note_of(active, varies, "disentanglement and completeness are 0")
    lost = np.flatnonzero(varies & ~told)
    if not active.any() or not lost.size:
        return note
    which = ", ".join(str(k) for k in lost)
    return (
        f"Factor {which} is not told better than by chance and counts for nothing. {note}".strip()
    )
