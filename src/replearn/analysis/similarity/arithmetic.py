"""Where large matrix products are computed: numpy, or torch on a GPU; in float64 or float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

Array = NDArray[np.float64]

PRECISIONS = ("float64", "float32")


class Arithmetic:
    """Products by numpy on the CPU.

    Its arrays ("native" ones) support slicing, `.T`, `@`, `*=` and `reshape` alike; float64 numpy
    arrays come in by `put` and go out by `take`.
    """

    def __init__(self, precision: str = "float64"):
        if precision not in PRECISIONS:
            raise InputError(f"precision must be {' or '.join(PRECISIONS)}, got {precision!r}.")
        self.dtype = np.dtype(precision)

    def put(self, x: NDArray) -> Any:
        """Return `x` as a native array of this precision, itself if it is one."""
        return np.asarray(x, self.dtype)

    def take(self, x: Any) -> Array:
        """Return a native array as float64."""
        return np.asarray(x, np.float64)

    def empty(self, *shape: int) -> Any:
        """Return a native array whose values are not set."""
        return np.empty(shape, self.dtype)

    def side_by_side(self, parts: Sequence[Any]) -> Any:
        """Return native matrices of equally many rows as one."""
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def product(self, a: Any, b: Any, out: Any = None) -> Any:
        """Return the matrix product; of stacks of matrices, that of each."""
        return np.matmul(a, b, out=out)

    def weighted_squares(self, x: Any, left: Sequence[Array], right: Sequence[Array]) -> Array:
        """Return a' (B∘B) b of each block B of `x`, added in float64.

        Args:
            x: a native matrix of I rows and J columns of blocks.
            left, right: the I weights a and J weights b, which say how large the blocks are.

        Returns:
            (I, J).
        """
        weights = np.concatenate(right)
        starts = np.cumsum([0, *map(len, right[:-1])])
        out = np.empty((len(left), len(right)))
        top = 0
        for i, own in enumerate(left):
            part = self._double(x[top : top + len(own)])
            sums = self.take(self._double(self.put(own)) @ (part * part))
            out[i] = np.add.reduceat(sums * weights, starts)
            top += len(own)
        return out

    def _double(self, x: Any) -> Any:
        return x.astype(np.float64, copy=False)


class TorchArithmetic(Arithmetic):
    """Products by torch on a device."""

    def __init__(self, precision: str, device: str):
        import torch

        super().__init__(precision)
        self._torch, self._device = torch, torch.device(device)
        self._native = getattr(torch, precision)

    def put(self, x: NDArray) -> Any:
        x = np.require(x, self.dtype, "W")  # torch warns of arrays that are not writeable
        return self._torch.as_tensor(x, device=self._device)

    def take(self, x: Any) -> Array:
        return x.to("cpu", self._torch.float64).numpy()

    def empty(self, *shape: int) -> Any:
        return self._torch.empty(shape, dtype=self._native, device=self._device)

    def side_by_side(self, parts: Sequence[Any]) -> Any:
        return parts[0] if len(parts) == 1 else self._torch.cat(list(parts), dim=1)

    def product(self, a: Any, b: Any, out: Any = None) -> Any:
        # TF32, which training may have switched on, has 10 bits: errors of 1e-3.
        matmul = self._torch.backends.cuda.matmul
        before, matmul.allow_tf32 = matmul.allow_tf32, False
        try:
            return self._torch.matmul(a, b, out=out)
        finally:
            matmul.allow_tf32 = before

    def _double(self, x: Any) -> Any:
        return x.double()


def arithmetic(precision: str = "float64", device: str = "cpu") -> Arithmetic:
    """Return the arithmetic of a precision ("float64", "float32") on a device ("cpu", "cuda").

    Raises:
        InputError: if there is no such precision, device, or GPU.
    """
    if device == "cpu":
        return Arithmetic(precision)
    if device.partition(":")[0] != "cuda":
        raise InputError(f"device must be cpu or cuda, got {device!r}.")
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"device={device} was asked for, but torch sees no GPU; use device=cpu.")
    return TorchArithmetic(precision, device)
