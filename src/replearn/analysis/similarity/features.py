"""The centred columns of a representation, in float64, whole or block by block."""

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.arithmetic import Array
from replearn.errors import InputError

# A column whose spread is within this many roundings of its size is constant: a dead unit whose
# values differ in the last bit must not become a direction of full weight.
ROUNDINGS = 4.0
_COLUMNS = 2048


def rounding_noise(dtype: np.dtype, size: float, shape: tuple[int, ...]) -> float:
    """Return a singular value that the rounding of a matrix (N, D) of norm `size` does not reach.

    Errors of size e in all entries have singular values up to e (sqrt N + sqrt D).
    """
    n, d = shape
    entry = ROUNDINGS * float(np.finfo(dtype).eps) * size / np.sqrt(n * d)
    return float(entry * (np.sqrt(n) + np.sqrt(d)))


class CentredFeatures:
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
        self._energies: dict[int, float] = {}  # sums of squares of the blocks read, not centred

    @property
    def noise(self) -> float:
        """Return a singular value that the rounding of the numbers as given does not reach."""
        size = float(np.sqrt(sum(self._energies.values())))
        return rounding_noise(self._x.dtype, size, self._x.shape)

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
        block = np.divide(self._x[:, start:stop], self.scale, dtype=np.float64)
        size = _squares(block)
        self._energies[start] = float(size.sum())
        # The second pass takes away the rounding of the first mean.
        block -= block.mean(axis=0)
        block -= block.mean(axis=0)
        block[:, _squares(block) <= self._tolerance**2 * size] = 0.0
        return block


def _squares(block: Array) -> Array:
    """Return the sum of squares of each column."""
    return np.einsum("ij,ij->j", block, block)
