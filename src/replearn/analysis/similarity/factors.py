"""Singular value decomposition of centred features, by shape and conditioning."""

from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.arithmetic import Array
from replearn.analysis.similarity.features import CentredFeatures

# Singular values below this share of the largest are rounding, not geometry.
RANK_CUT = 1e-8
# Eigenvalues of K below this share of the largest are computed again from X itself: the error of
# an eigenvalue is about 1e-16 of the largest, and it counts by its square root.
_TRUSTED = 1e-8
# Columns whose cosines are all below this are orthogonal, as those of `compact`.
_ORTHOGONAL = 1e-11


@dataclass(frozen=True)
class Factors:
    """Singular value decomposition of the centred features, without their right-hand side.

    Attributes:
        u: (N, r), orthonormal columns.
        s: (r,), singular values in falling order, all above `RANK_CUT` of the first and above what
            the rounding of the features as given amounts to.
    """

    u: Array
    s: Array

    @property
    def rank(self) -> int:
        """Return the number r of directions that are not rounding."""
        return len(self.s)


def narrow_factors(f: Array, noise: float) -> Factors:
    """Factorise (N, D), D <= N, by products where columns are independent enough.

    Singular values up to `noise` are left out.
    """
    from scipy.linalg import solve_triangular

    g = f.T @ f
    size = np.sqrt(g.diagonal())
    size[size <= RANK_CUT * size.max()] = 0.0
    kept = size > 0
    cosines = g[np.ix_(kept, kept)] / size[kept] / size[kept, None]
    np.fill_diagonal(cosines, 0.0)
    if np.abs(cosines).max(initial=0.0) < _ORTHOGONAL:
        order = np.argsort(-size)[: np.count_nonzero(kept)]
        return _cut(f[:, order] / size[order], size[order], noise)
    # Cholesky QR, twice: the first Q is orthogonal enough if its own Gram matrix is nearly 1.
    try:
        first = np.linalg.cholesky(g).T
        q = solve_triangular(first, f.T, trans=1, check_finite=False).T
        again = q.T @ q
        close = np.linalg.norm(again - np.eye(len(g))) < 0.1
        second = np.linalg.cholesky(again).T if close else None
    except np.linalg.LinAlgError:
        second = None
    if second is None:
        q, r = np.linalg.qr(f)
        u, s, _ = np.linalg.svd(r)
        return _cut(q @ u, s, noise)
    u, s, _ = np.linalg.svd(second @ first)
    return _cut(q @ solve_triangular(second, u, check_finite=False), s, noise)


def eigen_factors(k: Array, columns: CentredFeatures) -> Factors:
    """Factorise what has the Gram matrix `k` (N, N), its small directions from `columns`."""
    from scipy.linalg import eigh

    values, vectors = eigh(k, driver="evd", check_finite=False)
    values, vectors = values[::-1], vectors[:, ::-1]
    trusted = int(np.count_nonzero(values > _TRUSTED * values[0]))
    s = np.sqrt(values[:trusted])
    u = vectors[:, :trusted]
    # Centring takes one direction away, so a single doubtful one is known to be 0.
    if len(values) - trusted > 1:
        tail = vectors[:, trusted:]
        small, rotation = eigh(columns.projected_gram(tail), driver="evd", check_finite=False)
        small = np.clip(small[::-1], 0.0, None)
        s = np.concatenate([s, np.sqrt(small)])
        u = np.concatenate([u, tail @ rotation[:, ::-1]], axis=1)
    return _cut(u, s, columns.noise)


def _cut(u: Array, s: Array, noise: float) -> Factors:
    rank = int(np.count_nonzero(s > max(RANK_CUT * s[0], noise)))
    return Factors(np.ascontiguousarray(u[:, :rank]), s[:rank])
