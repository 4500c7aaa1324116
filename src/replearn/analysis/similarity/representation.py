"""One representation made ready to be compared: centred in float64, scaled, and if wide, reduced.

A representation is a float array (N, D): one row per input, one column per feature. All linear
similarity measures see it only through its centred Gram matrix K = X X', so one with more columns
than rows is kept as K (N, N), or as coordinates F (N, r), r < N, with F F' = K.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

Array = NDArray[np.float64]

# A column whose spread is within this many roundings of its size is constant: a dead unit whose
# values differ in the last bit must not become a direction of full weight.
ROUNDINGS = 4.0
# Singular values below this share of the largest are rounding, not geometry.
RANK_CUT = 1e-8
# Eigenvalues of K below this share of the largest are computed again from X itself: the error of
# an eigenvalue is about 1e-16 of the largest, and it counts by its square root.
_TRUSTED = 1e-8
_COLUMNS = 2048


@dataclass(frozen=True)
class Representation:
    """A centred representation of Frobenius norm 1, in float64.

    Attributes:
        n: number N of inputs.
        d: number D of features that were given.
        size: Frobenius norm of the centred features before scaling.
        coordinates: (N, D) or, of a wide one, (N, r): F with F F' = K. None if not asked for.
        gram: (N, N) K, of a wide representation only, None if not asked for.
        row_norms: (N,) squared norms of the rows, the diagonal of K; their sum is 1.
        gram_norm: Frobenius norm of K.
        factors: of the centred features, singular values as they are scaled here; None if not
            asked for.
        described: what else was asked for, by name: a function of the features as given.
    """

    n: int
    d: int
    size: float
    coordinates: Array | None
    gram: Array | None
    row_norms: Array
    gram_norm: float
    factors: "Factors | None" = None
    described: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the arrays that are kept."""
        kept = (self.coordinates, self.gram, self.row_norms, self.factors)
        return _nbytes([*kept, *self.described.values()])

    def gram_rows(self, start: int, stop: int, out: Array) -> None:
        """Write rows `start` to `stop` of K from column `start` on: (stop - start, N - start)."""
        if self.gram is not None:
            out[:] = self.gram[start:stop, start:]
        elif self.coordinates is not None:
            np.matmul(self.coordinates[start:stop], self.coordinates[start:].T, out=out)
        else:
            raise RuntimeError("neither coordinates nor Gram matrix were prepared")


@dataclass(frozen=True)
class Factors:
    """Singular value decomposition of the centred features, without their right-hand side.

    Attributes:
        u: (N, r), orthonormal columns.
        s: (r,), singular values in falling order, all above `RANK_CUT` of the first.
    """

    u: Array
    s: Array

    @property
    def rank(self) -> int:
        """Return the number r of directions that are not rounding."""
        return len(self.s)


class ConstantError(InputError):
    """The representation has the same value on all `n` inputs."""

    def __init__(self, label: object, n: int):
        super().__init__(
            f"{label} is constant: it has the same value on all inputs and no geometry to compare."
        )
        self.n = n


def as_matrix(x: Any, label: object = "the representation") -> NDArray:
    """Return `x` (numpy array, tensor or nested list) as a real numeric (N, D) array.

    Raises:
        InputError: if it is not a matrix of real numbers.
    """
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.float() if x.dtype.itemsize < 4 and x.is_floating_point() else x
    x = np.asarray(x)
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    if x.dtype.kind in "iub":
        x = x.astype(np.float64)
    if x.ndim != 2 or x.dtype.kind != "f" or x.shape[1] == 0:
        raise InputError(
            f"expected {label} as numbers of shape (N, D), got {x.dtype} {x.shape}; "
            "flatten the features of each input."
        )
    return x


def prepare(
    x: Any,
    label: object = "the representation",
    *,
    coordinates: bool = True,
    gram: bool = True,
    factors: bool = False,
    describe: Mapping[str, Callable[[Array], Any]] | None = None,
) -> Representation:
    """Return `x` (N, D) centred and scaled to Frobenius norm 1, in float64.

    With D <= N the centred features themselves are kept; with D > N what is asked for: the Gram
    matrix (2 N^2 D operations), the coordinates (an eigendecomposition more). `factors` are kept
    if asked for; `describe` are functions of the features (N, D) as given, in float64.

    Raises:
        InputError: if `x` is no matrix, has fewer than 2 rows, or holds NaN or infinity.
        ConstantError: if all rows are equal up to rounding.
    """
    x = as_matrix(x, label)
    n, d = x.shape
    columns = _Centred(x, label)
    own: Factors | None = None
    if d <= n:
        f = columns.whole()
        size = float(np.linalg.norm(f))
        _refuse_constant(size, label, n)
        own = _narrow_factors(f) if factors else None
        f /= size
        k = None
        # G = F'F has the norm of K = F F' and is the smaller of the two.
        gram_norm = float(np.linalg.norm(f.T @ f))
        row_norms = np.einsum("ij,ij->i", f, f)
    else:
        k = columns.gram()
        trace = float(np.trace(k))
        _refuse_constant(trace, label, n)
        size = float(np.sqrt(trace))
        f = None
        if coordinates or factors:
            own = _eigen_factors(k, columns)
            f = own.u * own.s
            f /= np.linalg.norm(f)
        k /= trace
        row_norms = k.diagonal().copy()
        gram_norm = float(np.linalg.norm(k))
        if not gram:
            k = None
        if not coordinates:
            f = None
    if own is not None:
        own = Factors(own.u, own.s / np.linalg.norm(own.s)) if factors else None
    described = {name: make(x.astype(np.float64)) for name, make in (describe or {}).items()}
    return Representation(n, d, size * columns.scale, f, k, row_norms, gram_norm, own, described)


def factorise(x: Any, label: object = "the representation") -> Factors:
    """Return the left singular vectors and singular values of the centred features (N, D).

    D <= N: QR, then the SVD of R. D > N: eigenvectors of the Gram matrix; those whose eigenvalue
    is below 1e-8 of the largest are computed again from the features projected on them, which
    gives their singular values to about 1e-12 of the largest instead of 1e-8.

    Raises:
        InputError: as `prepare`.
    """
    x = as_matrix(x, label)
    n, d = x.shape
    columns = _Centred(x, label)
    if d <= n:
        whole = columns.whole()
        _refuse_constant(float(np.linalg.norm(whole)), label, n)
        factors = _narrow_factors(whole)
    else:
        k = columns.gram()
        _refuse_constant(float(np.trace(k)), label, n)
        factors = _eigen_factors(k, columns)
    return Factors(factors.u, factors.s * columns.scale)


def compact(x: Any, label: object = "the representation") -> Array:
    """Return coordinates (N, r) in float64, r < N, with the centred Gram matrix of `x` (N, D).

    Every measure that ignores translation and rotation gives the same value for them, and of a
    convolutional layer (N = 1000, D = 32768) they are 8 MB instead of 131.

    Raises:
        InputError: as `prepare`.
    """
    factors = factorise(x, label)
    return factors.u * factors.s


class _Centred:
    """The centred columns of a matrix, as a whole or block by block, divided by `scale`."""

    def __init__(self, x: NDArray, label: object):
        if len(x) < 2:
            raise InputError(f"expected at least 2 inputs, but {label} has {len(x)}.")
        low, high = float(x.min()), float(x.max())
        if not np.isfinite(low) or not np.isfinite(high):
            raise InputError(
                f"{label} holds NaN or infinite values; the network that made it has diverged, "
                "leave it out."
            )
        # Dividing by a power of two rounds nothing; then squares neither overflow nor vanish.
        largest = max(abs(low), abs(high))
        self.scale = float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0
        self._x = x
        self._tolerance = ROUNDINGS * float(np.finfo(x.dtype).eps)

    def whole(self) -> Array:
        return self._block(0, self._x.shape[1])

    def gram(self) -> Array:
        n, d = self._x.shape
        k = np.zeros((n, n))
        for start in range(0, d, _COLUMNS):
            block = self._block(start, start + _COLUMNS)
            k += block @ block.T
        return k

    def projected_gram(self, u: Array) -> Array:
        """Return (X'u)'(X'u) without forming X X'."""
        out = np.zeros((u.shape[1], u.shape[1]))
        for start in range(0, self._x.shape[1], _COLUMNS):
            block = self._block(start, start + _COLUMNS).T @ u
            out += block.T @ block
        return out

    def _block(self, start: int, stop: int) -> Array:
        block = self._x[:, start:stop].astype(np.float64)
        block /= self.scale
        size = np.linalg.norm(block, axis=0)
        # The second pass takes away the rounding of the first mean.
        block -= block.mean(axis=0)
        block -= block.mean(axis=0)
        block[:, np.linalg.norm(block, axis=0) <= self._tolerance * size] = 0.0
        return block


def _narrow_factors(f: Array) -> Factors:
    q, r = np.linalg.qr(f)
    u, s, _ = np.linalg.svd(r)
    return _cut(q @ u, s)


def _nbytes(kept: Any) -> int:
    """Return the bytes of the arrays in something nested."""
    if hasattr(kept, "nbytes"):
        return kept.nbytes
    if is_dataclass(kept):
        kept = [getattr(kept, each.name) for each in fields(kept)]
    return sum(map(_nbytes, kept)) if isinstance(kept, list | tuple) else 0


def _eigen_factors(k: Array, columns: _Centred) -> Factors:
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
    return _cut(u, s)


def _cut(u: Array, s: Array) -> Factors:
    rank = int(np.count_nonzero(s > RANK_CUT * s[0]))
    return Factors(np.ascontiguousarray(u[:, :rank]), s[:rank])


def _refuse_constant(size: float, label: object, n: int) -> None:
    if size == 0.0:
        raise ConstantError(label, n)
