"""One representation made ready to be compared: centred in float64, scaled, and if wide, reduced.

A representation is a float array (N, D): one row per input, one column per feature. All linear
similarity measures see it only through its centred Gram matrix K = X X', so one with more columns
than rows is kept as K (N, N), or as coordinates F (N, r), r < N, with F F' = K.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.arithmetic import PRECISIONS, Array
from replearn.analysis.similarity.factors import Factors, eigen_factors, narrow_factors
from replearn.analysis.similarity.features import CentredFeatures
from replearn.analysis.similarity.gram import Gram
from replearn.errors import InputError

# Products in float32 err by some 1e-7 of ||K||²; as long as the U-centred ||K*||² is this share of
# it, debiased CKA stays within 1e-6. A few outlying inputs, or too many features, make it smaller.
_FLOAT32_SHARE = 0.2


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

    @cached_property
    def nbytes(self) -> int:
        """Return the bytes of the arrays that are kept."""
        kept = (self.coordinates, self.gram, self.row_norms, self.factors)
        return _nbytes([*kept, *self.described.values()])

    @property
    def rank(self) -> int | None:
        """Return the rank of the centred features, None where nothing kept of them knows it."""
        known = (getattr(one, "rank", None) for one in (self.factors, *self.described.values()))
        return next((rank for rank in known if rank is not None), None)

    @property
    def kernel(self) -> Gram:
        """Return K, of which inner products are taken."""
        root = self.coordinates if self.gram is None else None
        return Gram(root, self.gram, self.row_norms)

    @property
    def bears_float32(self) -> bool:
        """Return whether products in float32 leave its debiased CKA within 1e-6."""
        if self.n < 4:
            return False
        norm, rows = self.gram_norm**2, float(self.row_norms @ self.row_norms)
        debiased = norm - self.n / (self.n - 2) * rows + 1.0 / ((self.n - 1) * (self.n - 2))
        return debiased > _FLOAT32_SHARE * norm


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
    precision: str = "float64",
) -> Representation:
    """Return `x` (N, D) centred and scaled to Frobenius norm 1, in float64.

    `precision="float32"` rounds what is kept of it afterwards, which halves its size, unless
    debiased CKA would lose more than 1e-6 by that.

    With D <= N the centred features themselves are kept; with D > N what is asked for: the Gram
    matrix (2 N^2 D operations), the coordinates (an eigendecomposition more). `factors` are kept
    if asked for; `describe` are functions of the features (N, D) as given.

    Raises:
        InputError: if `x` is no matrix, has fewer than 2 rows, or holds NaN or infinity.
        ConstantError: if all rows are equal up to rounding.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision must be {' or '.join(PRECISIONS)}, got {precision!r}.")
    x = as_matrix(x, label)
    n, d = x.shape
    columns = CentredFeatures(x, label)
    own: Factors | None = None
    if d <= n:
        f = columns.whole()
        size = float(np.linalg.norm(f))
        _refuse_constant(size, label, n)
        own = narrow_factors(f, columns.noise) if factors else None
        f /= size
        k = None
        row_norms = np.einsum("ij,ij->i", f, f)
        gram_norm = _gram_norm(f.astype(precision, copy=False))
    else:
        k = columns.gram()
        trace = float(np.trace(k))
        _refuse_constant(trace, label, n)
        size = float(np.sqrt(trace))
        f = None
        if coordinates or factors:
            own = eigen_factors(k, columns)
            f = own.u * own.s
            f /= np.linalg.norm(f)
        k /= trace
        row_norms = k.diagonal().copy()
        gram_norm = float(np.linalg.norm(k))
        if not gram:
            k = None
    if own is not None:
        own = Factors(own.u, own.s / np.linalg.norm(own.s)) if factors else None
    described = {name: make(x) for name, make in (describe or {}).items()}
    # The Gram matrix of a narrow one is taken from its coordinates.
    kept = f if coordinates or (gram and d <= n) else None
    found = Representation(
        n, d, size * columns.scale, kept, k, row_norms, gram_norm, own, described
    )
    if precision == "float64":
        return found
    if found.bears_float32:
        return _rounded(found)
    return found if f is None or d > n else replace(found, gram_norm=_gram_norm(f))


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
    columns = CentredFeatures(x, label)
    if d <= n:
        whole = columns.whole()
        _refuse_constant(float(np.linalg.norm(whole)), label, n)
        factors = narrow_factors(whole, columns.noise)
    else:
        k = columns.gram()
        _refuse_constant(float(np.trace(k)), label, n)
        factors = eigen_factors(k, columns)
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


def _gram_norm(f: NDArray) -> float:
    """Return ||F F'||, which is that of the smaller F'F, of (N, D)."""
    return float(np.linalg.norm(f.T @ f))


def _rounded(x: Representation) -> Representation:
    """Return what is kept of it in float32."""

    def single(array: Array | None) -> Any:
        return None if array is None else array.astype(np.float32)

    factors = None if x.factors is None else Factors(single(x.factors.u), x.factors.s)
    return replace(x, coordinates=single(x.coordinates), gram=single(x.gram), factors=factors)


def _nbytes(kept: Any) -> int:
    """Return the bytes of the arrays in something nested."""
    if hasattr(kept, "nbytes"):
        return kept.nbytes
    if is_dataclass(kept):
        kept = [getattr(kept, each.name) for each in fields(kept)]
    return sum(map(_nbytes, kept)) if isinstance(kept, list | tuple) else 0


def _refuse_constant(size: float, label: object, n: int) -> None:
    if size == 0.0:
        raise ConstantError(label, n)
