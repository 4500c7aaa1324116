"""How well single latents stand for single factors of variation (DCI), and which are used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.representation import as_matrix
from replearn.errors import InputError
from replearn.registry import lookup

Array = NDArray[np.float64]

# Burda et al. (2016) count a latent as active if the variance of its mean is above this.
ACTIVE_VARIANCE = 0.01
# disentanglement_lib adds this to importances before it takes their entropy.
_TINY = 1e-11


@dataclass(frozen=True)
class DCI:
    """Disentanglement, completeness and informativeness: read the three together.

    D latents, K factors. A latent or factor without importance has score 0 and weight 0.

    Attributes:
        disentanglement: mean of `disentanglement_per_latent`, weighted by importance; in [0, 1].
        completeness: mean of `completeness_per_factor`, weighted by importance; in [0, 1].
        informativeness: mean accuracy of the factors on held-out codes.
        informativeness_train: the same on the codes that were fitted.
        chance: held-out accuracy of always guessing the most frequent value; where
            `informativeness` is not above it, the other two scores mean nothing.
        importance: (D, K), how much each latent counts for each factor, columns of sum 1.
        disentanglement_per_latent: (D,), 1 - entropy of the row of `importance` in base K.
        completeness_per_factor: (K,), 1 - entropy of the column of `importance` in base D.
        informativeness_per_factor: (K,), held-out accuracies.
        active: (D,) latents that were used; the others have importance 0.
        method: name of the predictor and its size, to be shown with the numbers.
        note: a sentence where a score is 0 by definition, else empty.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    informativeness_train: float
    chance: float
    importance: Array
    disentanglement_per_latent: Array
    completeness_per_factor: Array
    informativeness_per_factor: Array
    active: NDArray[np.bool_]
    method: str
    note: str = ""

    @property
    def n_dead(self) -> int:
        """Return the number of latents that were left out."""
        return int(np.count_nonzero(~self.active))

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


def _boosted_trees(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(random_state=seed)


def _random_forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    # Each split sees all latents, as in boosting. With the default, the square root of them, the
    # trees must also split on latents that say nothing: a perfect code of 5 factors then has
    # D = .46 at N = 2000. Leaves of 5 keep the last, random splits from diluting the importances.
    every: Any = None
    return RandomForestClassifier(
        n_estimators=50, max_features=every, min_samples_leaf=5, random_state=seed
    )


@dataclass(frozen=True)
class Predictor:
    """A classifier with `feature_importances_`, and what to call it."""

    make: Callable[[int], Any]
    label: str


METHODS: Mapping[str, Predictor] = {
    "fast": Predictor(_random_forest, "random forest, 50 trees"),
    "reference": Predictor(_boosted_trees, "gradient-boosted trees (published)"),
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

    For each factor a tree ensemble predicts its value from the codes; its impurity importances
    give the matrix that the scores are entropies of. Latents that carry nothing are left out
    before the fit, and their rows are 0; the entropy over latents keeps base D, so that scores do
    not depend on how many are dead. With no active latent D = C = 0 and the accuracy is chance.

    Args:
        codes: (N, D), means of the latents.
        factors: (N, K), values of the factors as integers.
        test_codes, test_factors: held-out ones; a third of the inputs, drawn by `seed`, if None.
        method: "reference", the published gradient boosting, minutes for 1,000 inputs; or "fast",
            random forests, seconds for 5,000. Scores of the two are not the same number.
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
    """
    predictor = lookup(METHODS, method, "DCI method")
    x, f = _codes_and_factors(codes, factors)
    if (test_codes is None) != (test_factors is None):
        raise InputError("give both test_codes and test_factors, or neither.")
    if test_codes is None:
        order = np.random.default_rng(seed).permutation(len(x))
        held = max(1, len(x) // 3)
        x, f, x_test, f_test = x[order[held:]], f[order[held:]], x[order[:held]], f[order[:held]]
    else:
        x_test, f_test = _codes_and_factors(test_codes, test_factors)
        if x_test.shape[1] != x.shape[1] or f_test.shape[1] != f.shape[1]:
            raise InputError(
                f"expected held-out codes and factors of {x.shape[1]} latents and {f.shape[1]} "
                f"factors, got {x_test.shape[1]} and {f_test.shape[1]}."
            )
    mask = _mask(active, x)
    varies = np.array([len(np.unique(column)) > 1 for column in f.T])
    if not varies.any():
        raise InputError("no factor varies in these inputs; take more of them.")

    importance = np.zeros((x.shape[1], f.shape[1]))
    chance, train, test = np.zeros((3, f.shape[1]))
    for k in range(f.shape[1]):
        values, counts = np.unique(f[:, k], return_counts=True)
        guess = values[counts.argmax()]
        chance[k] = np.mean(f_test[:, k] == guess)
        if mask.any() and varies[k]:
            model = predictor.make(seed).fit(x[:, mask], f[:, k])
            importance[mask, k] = np.abs(model.feature_importances_)
            train[k] = model.score(x[:, mask], f[:, k])
            test[k] = model.score(x_test[:, mask], f_test[:, k])
        else:
            train[k], test[k] = np.mean(f[:, k] == guess), chance[k]
        if progress:
            progress("factors", k + 1, f.shape[1])
    d, per_latent = disentanglement(importance)
    c, per_factor = completeness(importance)
    note = "" if mask.any() else "All latents are dead: disentanglement and completeness are 0."
    if not varies.all():
        constant = ", ".join(str(k) for k in np.flatnonzero(~varies))
        note = f"{note} Factor {constant} does not vary and counts for nothing.".strip()
    return DCI(
        disentanglement=d,
        completeness=c,
        informativeness=float(test[varies].mean()),
        informativeness_train=float(train[varies].mean()),
        chance=float(chance[varies].mean()),
        importance=importance,
        disentanglement_per_latent=per_latent,
        completeness_per_factor=per_factor,
        informativeness_per_factor=test,
        active=mask,
        method=f"{method}: {predictor.label}, N = {len(x)}/{len(x_test)}",
        note=note,
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


def active_latents(mean: Any, threshold: float = ACTIVE_VARIANCE) -> NDArray[np.bool_]:
    """Return (D,): the latents whose mean varies over the inputs, Var_x(E[z|x]) > `threshold`.

    Source: Burda et al. (2016), arXiv:1509.00519, section 5.2.
    """
    return as_matrix(mean, "mean").astype(np.float64).var(axis=0) > threshold


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


def _codes_and_factors(codes: Any, factors: Any) -> tuple[Array, NDArray[np.int64]]:
    x = as_matrix(codes, "the codes").astype(np.float64)
    f = np.asarray(factors.detach().cpu() if hasattr(factors, "detach") else factors)
    if f.ndim != 2 or f.dtype.kind not in "iub":
        raise InputError(f"expected factors as integers of shape (N, K), got {f.dtype} {f.shape}.")
    if len(x) != len(f) or len(x) < 3:
        raise InputError(
            f"expected codes and factors of the same 3 or more inputs, got {len(x)} and {len(f)}."
        )
    if not np.isfinite(x).all():
        raise InputError("the codes hold NaN or infinite values; the model has diverged.")
    return x, f.astype(np.int64)


def _mask(active: Any, codes: Array) -> NDArray[np.bool_]:
    if active is None:
        return active_latents(codes)
    if active is True:
        return np.ones(codes.shape[1], dtype=bool)
    mask = np.asarray(active, dtype=bool)
    if mask.shape != (codes.shape[1],):
        raise InputError(f"expected a mask of {codes.shape[1]} latents, got shape {mask.shape}.")
    return mask
