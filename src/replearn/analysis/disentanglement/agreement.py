"""UDR: do models of other seeds find the same latents? The score that needs no factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    Array,
    Mask,
    active_latents,
    finite_codes,
)
from replearn.errors import InputError
from replearn.registry import lookup

# A latent of fewer nats than this says nothing.
KL_THRESHOLD = 0.01


@dataclass(frozen=True, kw_only=True)
class UDR:
    """Unsupervised disentanglement ranking of M models.

    Attributes:
        udr: (M,), median of each column of `pairs`, without the diagonal.
        pairs: (M, M), how nearly each latent of two models is one latent of the other; 0 on the
            diagonal.
        similarity: (M, M), of (D_i, D_j) absolute correlations or coefficients.
        active: of each model (D_i,), the latents that were used.
        note: a sentence if a model has no such latent, else empty.
        form: of the similarities.
    """

    udr: Array
    pairs: Array
    similarity: tuple[tuple[Array, ...], ...]
    active: tuple[Mask, ...]
    note: str
    form: str

    @property
    def n_dead(self) -> tuple[int, ...]:
        """Return the numbers of latents of each model that were left out."""
        return tuple(int(np.count_nonzero(~mask)) for mask in self.active)


def udr(
    codes: Sequence[Any],
    kl: Sequence[Any] | None = None,
    *,
    form: str = "lasso",
    threshold: float = KL_THRESHOLD,
) -> UDR:
    """Return the unsupervised disentanglement ranking of models on the same inputs.

    Args:
        codes: of each of M >= 2 models (N, D), means of its latents.
        kl: of each model (D,), mean KL divergence of each latent from the prior, in nats; if None,
            latents whose variance over the codes is above 0.01 are used.
        form: "lasso", sizes of the coefficients (alpha = 0.1) that predict the latents of the
            second model from those of the first; or "spearman", rank correlations.
        threshold: latents of no larger `kl` are left out.

    Raises:
        InputError: if there are fewer than two models, inputs or latents do not fit, a value is not
            finite, or the form is unknown.

    Source:
        Duan et al. (2020), arXiv:1905.12614, as in google-research/disentanglement_lib,
        udr/metrics/udr.py.
    """
    compare = lookup(FORMS, form, "form of UDR")
    if len(codes) < 2:
        raise InputError(f"UDR compares two or more models, got {len(codes)}.")
    x = [finite_codes(each) for each in codes]
    if len({len(each) for each in x}) > 1:
        raise InputError(
            f"expected codes of the same inputs, got {', '.join(str(len(each)) for each in x)}."
        )
    masks = _masks(x, kl, threshold)
    used = [
        (each - each.mean(axis=0))[:, mask] / each.std(axis=0)[mask]
        for each, mask in zip(x, masks, strict=True)
    ]
    m = len(x)
    pairs = np.zeros((m, m))
    similarity = [[np.zeros((x[i].shape[1], x[j].shape[1])) for j in range(m)] for i in range(m)]
    for i, j in np.argwhere(~np.eye(m, dtype=bool)):
        if used[i].shape[1] and used[j].shape[1]:
            found = compare(used[i], used[j])
            similarity[i][j][np.ix_(masks[i], masks[j])] = found
            pairs[i, j] = relative_strength(found)
    lost = ", ".join(str(i) for i, mask in enumerate(masks) if not mask.any())
    return UDR(
        udr=np.array([np.median(np.delete(pairs[:, i], i)) for i in range(m)]),
        pairs=pairs,
        similarity=tuple(tuple(row) for row in similarity),
        active=tuple(masks),
        note=f"All latents of model {lost} are dead: its scores are 0." if lost else "",
        form=form,
    )


def relative_strength(similarity: Array) -> float:
    """Return the mean over rows and columns of (D_i, D_j) of largest² / sum, 0 where that is 0."""
    sides = []
    for axis in (0, 1):
        total = similarity.sum(axis=axis)
        known = total > 0
        best = np.where(known, similarity.max(axis=axis) ** 2 / np.where(known, total, 1.0), 0.0)
        sides.append(best.mean())
    return float(np.mean(sides))


def _masks(x: list[Array], kl: Sequence[Any] | None, threshold: float) -> list[Mask]:
    if kl is None:
        return [active_latents(each) for each in x]
    given = [np.asarray(each, dtype=np.float64) for each in kl]
    if [each.shape for each in given] != [each.shape[1:] for each in x]:
        raise InputError(
            f"expected a KL divergence of each latent, {[each.shape[1] for each in x]} of the "
            f"models, got shapes {[each.shape for each in given]}."
        )
    # A constant latent cannot be standardised.
    return [(k > threshold) & (each.std(axis=0) > 0) for k, each in zip(given, x, strict=True)]


def _lasso(x: Array, y: Array) -> Array:
    from sklearn.linear_model import Lasso

    coefficients = Lasso(alpha=0.1).fit(x, y).coef_
    return np.abs(coefficients).reshape(y.shape[1], x.shape[1]).T


def _spearman(x: Array, y: Array) -> Array:
    from scipy.stats import rankdata

    x, y = (rankdata(values, axis=0) for values in (x, y))
    x, y = ((ranks - ranks.mean(axis=0)) / ranks.std(axis=0) for ranks in (x, y))
    return np.abs(x.T @ y) / len(x)


FORMS = {"lasso": _lasso, "spearman": _spearman}
