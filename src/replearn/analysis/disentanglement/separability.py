"""SAP: how much better the best single latent predicts a factor than the second best."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    Integers,
    LatentScores,
    Split,
    codes_and_factors,
    mask_of,
    note_of,
    split,
    top_two_gap,
    varying_factors,
)
from replearn.errors import InputError
from replearn.registry import lookup


@dataclass(frozen=True, kw_only=True)
class SAP(LatentScores):
    """Separated attribute predictability.

    Attributes:
        sap: mean of `per_factor`; in [0, 1].
        per_factor: (K,), largest - second largest score of a latent.
        score: (D, K), squared correlation, or held-out accuracy, of each latent alone.
        form: how a latent was scored.
    """

    sap: float
    per_factor: Array
    score: Array
    form: str

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        return {"sap": self.sap, "dead_latents": float(self.n_dead)}


def sap(
    codes: Any,
    factors: Any,
    test_codes: Any = None,
    test_factors: Any = None,
    *,
    form: str = "squared_correlation",
    active: Any = None,
    seed: int = 0,
) -> SAP:
    """Return the separated attribute predictability of latent codes.

    Args:
        codes: (N, D), means of the latents.
        factors: (N, K), values of the factors as integers.
        test_codes, test_factors: held-out ones, for "svc" only; a third of the inputs, drawn by
            `seed`, if None.
        form: "squared_correlation", for factors whose values are in an order (all inputs are
            used); or "svc", for any: held-out accuracy of a linear support vector classifier on
            the latent. That is the published one, but lines cannot part many values of one
            number: a perfect code on the grid of dSprites scores .24.
        active: (D,) mask of the latents to use; by default those whose variance over the codes is
            above 0.01. `True` uses all, as published.
        seed: of the split.

    Raises:
        InputError: if shapes do not fit, a value is not finite, the form is unknown, or no factor
            varies.

    Source:
        Kumar et al. (2018), arXiv:1711.00848, section 3, as in
        google-research/disentanglement_lib, metrics/sap_score.py (C = 0.01, balanced classes).
    """
    lookup(FORMS, form, "form of SAP")
    if form == "svc":
        data = split(codes, factors, test_codes, test_factors, seed)
    elif test_codes is not None or test_factors is not None:
        raise InputError("form 'squared_correlation' of SAP takes no held-out codes: leave them.")
    else:
        x, f = codes_and_factors(codes, factors)
        data = Split(x, f, x, f)
    mask, varies = mask_of(active, data.codes), varying_factors(data.factors)
    score = np.zeros((len(mask), len(varies)))
    score[np.ix_(mask, varies)] = FORMS[form](
        Split(
            data.codes[:, mask],
            data.factors[:, varies],
            data.test_codes[:, mask],
            data.test_factors[:, varies],
        )
    )
    per_factor = top_two_gap(score)
    return SAP(
        sap=float(per_factor[varies].mean()),
        per_factor=per_factor,
        score=score,
        form=form,
        active=mask,
        note=note_of(mask, varies),
    )


def _squared_correlation(data: Split) -> Array:
    x, y = (values - values.mean(axis=0) for values in (data.codes, data.factors))
    sizes = (x**2).sum(axis=0)[:, None] * (y**2).sum(axis=0)
    # A latent of variance below 1e-12 is taken as constant, as published.
    known = (x**2).mean(axis=0) > 1e-12
    return np.where(known[:, None], (x.T @ y) ** 2 / np.where(known[:, None], sizes, 1.0), 0.0)


def _held_out_accuracy(data: Split) -> Array:
    columns = [
        [
            _accuracy(latent, factor, latent_test, factor_test)
            for factor, factor_test in zip(data.factors.T, data.test_factors.T, strict=True)
        ]
        for latent, latent_test in zip(data.codes.T, data.test_codes.T, strict=True)
    ]
    return np.array(columns).reshape(data.codes.shape[1], data.factors.shape[1])


def _accuracy(latent: Array, factor: Integers, latent_test: Array, factor_test: Integers) -> float:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
    model.fit(latent[:, None], factor)
    return float(np.mean(model.predict(latent_test[:, None]) == factor_test))


FORMS = {"squared_correlation": _squared_correlation, "svc": _held_out_accuracy}
