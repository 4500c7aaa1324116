"""Codes and factors as the metrics take them: checked, split, and without the dead latents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.representation import as_matrix
from replearn.errors import InputError

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Burda et al. (2016) count a latent as active if the variance of its mean is above this.
ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class LatentScores:
    """What every metric says beside its scores.

    Attributes:
        active: (D,) latents that were used; the others have rows of 0 in the matrix.
        note: a sentence where a score is 0 by definition or leaves something out, else empty.
    """

    active: Mask
    note: str = ""

    @property
    def n_dead(self) -> int:
        """Return the number of latents that were left out."""
        return int(np.count_nonzero(~self.active))


def active_latents(mean: Any, threshold: float = ACTIVE_VARIANCE) -> Mask:
    """Return (D,): the latents whose mean varies over the inputs, Var_x(E[z|x]) > `threshold`.

    Source: Burda et al. (2016), arXiv:1509.00519, section 5.2.
    """
    return as_matrix(mean, "mean").astype(np.float64).var(axis=0) > threshold


def finite_codes(codes: Any) -> Array:
    """Return codes (N, D) as float64, or raise an InputError unless all are finite."""
    x = as_matrix(codes, "the codes").astype(np.float64)
    if len(x) < 3:
        raise InputError(f"expected the codes of 3 or more inputs, got {len(x)}.")
    if not np.isfinite(x).all():
        raise InputError("the codes hold NaN or infinite values; the model has diverged.")
    return x


def codes_and_factors(codes: Any, factors: Any) -> tuple[Array, Integers]:
    """Return codes (N, D) as float64 and factors (N, K) as int64, or raise an InputError."""
    x = as_matrix(codes, "the codes")
    f = np.asarray(factors.detach().cpu() if hasattr(factors, "detach") else factors)
    if f.ndim != 2 or f.dtype.kind not in "iub":
        raise InputError(f"expected factors as integers of shape (N, K), got {f.dtype} {f.shape}.")
    if len(x) != len(f) or len(x) < 3:
        raise InputError(
            f"expected codes and factors of the same 3 or more inputs, got {len(x)} and {len(f)}."
        )
    return finite_codes(x), f.astype(np.int64)


@dataclass(frozen=True)
class Split:
    """Codes (N, D) and factors (N, K) to fit, and held-out ones."""

    codes: Array
    factors: Integers
    test_codes: Array
    test_factors: Integers


def split(codes: Any, factors: Any, test_codes: Any, test_factors: Any, seed: int) -> Split:
    """Return the inputs with those held out: as given, or a third drawn by `seed` if None."""
    x, f = codes_and_factors(codes, factors)
    if (test_codes is None) != (test_factors is None):
        raise InputError("give both test_codes and test_factors, or neither.")
    if test_codes is None:
        order = np.random.default_rng(seed).permutation(len(x))
        held = max(1, len(x) // 3)
        return Split(x[order[held:]], f[order[held:]], x[order[:held]], f[order[:held]])
    x_test, f_test = codes_and_factors(test_codes, test_factors)
    if x_test.shape[1] != x.shape[1] or f_test.shape[1] != f.shape[1]:
        raise InputError(
            f"expected held-out codes and factors of {x.shape[1]} latents and {f.shape[1]} "
            f"factors, got {x_test.shape[1]} and {f_test.shape[1]}."
        )
    return Split(x, f, x_test, f_test)


def mask_of(active: Any, codes: Array) -> Mask:
    """Return (D,) latents to use: those active by variance (None), all (True) or as given."""
    if active is None:
        return active_latents(codes)
    if active is True:
        return np.ones(codes.shape[1], dtype=bool)
    mask = np.asarray(active, dtype=bool)
    if mask.shape != (codes.shape[1],):
        raise InputError(f"expected a mask of {codes.shape[1]} latents, got shape {mask.shape}.")
    return mask


def varying_factors(factors: Integers) -> Mask:
    """Return (K,): the factors with more than one value, or raise an InputError if none has."""
    varies = (factors != factors[0]).any(axis=0)
    if not varies.any():
        raise InputError("no factor varies in these inputs; take more of them.")
    return varies


def note_of(active: Mask, varies: Mask | None = None, scores: str = "the score is 0") -> str:
    """Return a sentence if all latents are dead, and one if a factor does not vary."""
    said = [] if active.any() else [f"All latents are dead: {scores}."]
    if varies is not None and not varies.all():
        constant = ", ".join(str(k) for k in np.flatnonzero(~varies))
        said.append(f"Factor {constant} does not vary and counts for nothing.")
    return " ".join(said)


def top_two_gap(matrix: Array) -> Array:
    """Return (K,): the largest entry of each column of (D, K) less the second largest (or 0)."""
    ordered = np.sort(np.vstack([np.zeros_like(matrix[:1]), matrix]), axis=0)
    return ordered[-1] - ordered[-2]
