"""Which images are held out for validation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.errors import InputError

DEFAULT = 0.1  # of the images are held out unless a fraction is given
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


def fractions(validation: Any = None, train_fraction: Any = None) -> tuple[float, float]:
    """Return the fractions of the images that are held out and trained on, from either of them.

    Args:
        validation: the fraction that is held out, in (0, 1), or None.
        train_fraction: the fraction that is trained on, in (0, 1), or None.

    Raises:
        InputError: if one is no such fraction, or they do not sum to one.
    """
    for name, value in (("validation", validation), ("train_fraction", train_fraction)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value < 1):
            what = "which are held out" if name == "validation" else "which are trained on"
            raise InputError(
                f"dataset.{name} must be a fraction between 0 and 1 of the images, {what}, "
                f"got {value!r}"
            )
    if train_fraction is None:
        validation = DEFAULT if validation is None else validation
        return validation, round(1 - validation, 12)  # 0.8 for 0.2, as it would be written
    rest = round(1 - train_fraction, 12)
    if validation is not None and abs(validation - rest) > 1e-9:
        raise InputError(
            f"dataset.validation={validation} and dataset.train_fraction={train_fraction} do not "
            f"sum to 1; give one of them"
        )
    return rest, train_fraction
