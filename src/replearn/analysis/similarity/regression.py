"""How well one representation is predicted linearly from the other, and by what subspace."""

import math
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.arithmetic import Arithmetic
from replearn.analysis.similarity.cross import Crosses
from replearn.analysis.similarity.factors import RANK_CUT
from replearn.analysis.similarity.features import rounding_noise
from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.inner import inner_products
from replearn.analysis.similarity.products import ROUNDING
from replearn.analysis.similarity.promises import (
    LINEAR,
    RESI,
    SHAPE,
    SHIFT,
    SQUARES,
    described,
    distance,
    similarity,
)
from replearn.analysis.similarity.representation import Array

_MEMORY = 2**28


def linear_regression(crosses: Crosses, ridge: float = 0.0) -> Array:
    """Share of the variance of the first that is linear in the second, R², in [0, 1].

    Not symmetric. `ridge` is the penalty λ in the unit of the squared features of the second.

    Source: Kornblith et al. (2019), arXiv:1905.00414, table 1.
    """
    first, second = crosses.spectra
    shrunk = [np.ones_like(s) for s in second]
    if ridge:
        energies = [(y.size * s) ** 2 for y, s in zip(crosses.columns, second, strict=True)]
        shrunk = [energy / (energy + ridge) for energy in energies]
    return crosses.weighted([s**2 for s in first], [2.0 * w - w**2 for w in shrunk])


def gulp(crosses: Crosses, ridge: float = 0.01) -> Array:
    """Largest difference of ridge predictions from the two, over all tasks of norm 1.

    sqrt tr(P² + Q² - 2 P Q) with P = K (K + λ)⁻¹, of features scaled to mean squared norm 1;
    λ = `ridge`. With λ = 0 it compares spans alone, an affine function of `cca_r2`.

    Source: Boix-Adserà et al. (2022), arXiv:2210.06545, definition 1.
    """
    first, second = ([s**2 / (s**2 + ridge) for s in side] for side in crosses.spectra)
    norms = np.array([[w @ w] for w in first]) + np.array([w @ w for w in second])
    squared = norms - 2.0 * crosses.weighted(first, second)
    return np.sqrt(np.where(squared > ROUNDING * norms, squared, 0.0))


@dataclass(frozen=True)
class Span:
    """An orthonormal basis (N, r) of the columns of a matrix, which are not centred."""

    basis: Array

    @property
    def rank(self) -> int:
        """Return the rank of the centred columns: one less where the span holds the constant."""
        n, r = self.basis.shape
        mean = self.basis.mean(axis=0)
        return r - int(n * (mean @ mean) > 1.0 - RANK_CUT)

    @property
    def projection(self) -> Gram:
        """Return the matrix (N, N) that projects on it."""
        return Gram.of(self.basis)


def span(x: Array) -> Span:
    """Return the span of the columns of `x` (N, D)."""
    u, s, _ = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    noise = rounding_noise(x.dtype, float(np.linalg.norm(s)), x.shape)
    return Span(u[:, : int(np.count_nonzero(s > max(RANK_CUT * s[0], noise)))])


def eos(rows: list[Span], columns: list[Span]) -> Array:
    """Overlap of the two spans of features, not centred: ||Q'R||² / max rank, in [0, 1].

    Source: May et al. (2019), arXiv:1909.01264, eigenspace overlap score; by rank, not by number
    of features.
    """
    kept = [one.projection for one in rows]
    others = kept if rows is columns else [one.projection for one in columns]
    ranks = [np.array([one.basis.shape[1] for one in side]) for side in (rows, columns)]
    return inner_products(kept, others, Arithmetic(), _MEMORY) / np.maximum.outer(*ranks)


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
        float32=True,
        **SQUARES,
    ),
    similarity(
        name="eos",
        matrix=eos,
        range=(0.0, 1.0),
        invariant_to=LINEAR - SHIFT,
        source="May et al. (2019), arXiv:1909.01264",
        groups=RESI,
        as_given=True,
        **described(span),
    ),
    distance(
        name="gulp",
        matrix=gulp,
        range=(0.0, math.inf),
        invariant_to=SHAPE,
        source="Boix-Adserà et al. (2022), arXiv:2210.06545",
        groups=RESI,
        **SQUARES,
    ),
)
