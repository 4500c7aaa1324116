"""Which images are held out for validation."""

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

_NAME = int.from_bytes(b"validation", "big")  # this split's own stream of random numbers


def split_indices(
    n: int, validation: float = 0.1, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted indices of the training and of the held-out images.

    A function of its arguments alone: networks with other initial weights or another order of
    batches see the same split.

    Args:
        n: number of images.
        validation: fraction that is held out, in [0, 1); at least one image unless it is 0.
        seed: which random split, >= 0.

    Raises:
        InputError: if the fraction or the seed is out of range, or no image is left to train on.
    """
    if isinstance(validation, bool) or not isinstance(validation, (int, float)):
        raise InputError(f"expected validation to be a fraction in [0, 1), got {validation!r}")
    if not 0 <= validation < 1:
        raise InputError(f"expected validation in [0, 1), got {validation}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"expected the seed of the split to be an integer >= 0, got {seed!r}")
    held_out = max(1, round(n * validation)) if validation > 0 else 0
    if held_out >= n:
        raise InputError(f"validation={validation} of {n} images leaves none to train on")
    rng = np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(_NAME,)))
    order = rng.permutation(n).astype(np.int64)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
