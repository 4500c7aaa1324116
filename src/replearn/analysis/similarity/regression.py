"""How well one representation is predicted linearly from the other, and by what subspace."""

import math

import numpy as np

from replearn.analysis.similarity.cross import Cross
from replearn.analysis.similarity.promises import (
    FACTORS,
    LINEAR,
    RESI,
    SHAPE,
    SHIFT,
    described,
    distance,
    similarity,
)
from replearn.analysis.similarity.representation import RANK_CUT, Array


def linear_regression(cross: Cross, ridge: float = 0.0) -> float:
    """Share of the variance of the first that is linear in the second, R², in [0, 1].

    Not symmetric. `ridge` is the penalty λ in the unit of the squared features of the second.

    Source: Kornblith et al. (2019), arXiv:1905.00414, table 1.
    """
    first, second = cross.spectra
    weights = np.ones_like(second)
    if ridge:
        weights = (energy := (cross.y.size * second) ** 2) / (energy + ridge)
    return float(first**2 @ cross.squares @ (2.0 * weights - weights**2))


def gulp(cross: Cross, ridge: float = 0.01) -> float:
    """Largest difference of ridge predictions from the two, over all tasks of norm 1.

    sqrt tr(P² + Q² - 2 P Q) with P = K (K + λ)⁻¹, of features scaled to mean squared norm 1;
    λ = `ridge`. With λ = 0 it compares spans alone, an affine function of `cca_r2`.

    Source: Boix-Adserà et al. (2022), arXiv:2210.06545, definition 1.
    """
    first, second = (spectrum**2 / (spectrum**2 + ridge) for spectrum in cross.spectra)
    squared = first @ first + second @ second - 2.0 * (first @ cross.squares @ second)
    return float(np.sqrt(max(squared, 0.0)))


def span(x: Array) -> Array:
    """Return an orthonormal basis (N, r) of the columns of `x` (N, D), which are not centred."""
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return u[:, : int(np.count_nonzero(s > RANK_CUT * s[0]))]


def eos(rows: list[Array], columns: list[Array]) -> Array:
    """Overlap of the two spans of features, not centred: ||Q'R||² / max rank, in [0, 1].

    Source: May et al. (2019), arXiv:1909.01264, eigenspace overlap score; by rank, not by number
    of features.
    """
    return np.array(
        [[np.sum((q.T @ r) ** 2) / max(q.shape[1], r.shape[1]) for r in columns] for q in rows]
    )


MEASURES = (
    similarity(
        name="linear_regression",
        matrix=linear_regression,
        range=(0.0, 1.0),
        symmetric=False,
        invariant_to=SHAPE,
        invariant_to_second=LINEAR,
        source="Kornblith et al. (2019), arXiv:1905.00414",
        groups=RESI,
        **FACTORS,
    ),
    similarity(
        name="eos",
        matrix=eos,
        range=(0.0, 1.0),
        invariant_to=LINEAR - SHIFT,
        source="May et al. (2019), arXiv:1909.01264",
        groups=RESI,
        **described(span),
    ),
    distance(
        name="gulp",
        matrix=gulp,
        range=(0.0, math.inf),
        invariant_to=SHAPE,
        source="Boix-Adserà et al. (2022), arXiv:2210.06545",
        groups=RESI,
        **FACTORS,
    ),
)
