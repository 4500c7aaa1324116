"""What errors excluded combinations would have if they were as hard as their parts."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.generalisation import matched_errors
from replearn.study.recombination import Arrays, Images

# Arrays (n,) of images whose mean is a score; of a part of the images; whose root mean square is.
MEANS = ("nll", "nll_above_entropy", "squared_error", "ssim", "encoder_error", "decoder_error")
SOUGHT = ("least_error", "encoder_gap")
TRANSFORMED = tuple(f"transformed_{name}" for name in MEANS[:4])
# Arrays (n, K) of images and factors: 1 less their mean is an R².
BY_FACTOR = ("probe", "additive_probe", "prediction")


# What is fitted, and what that is asked of.
PARTS = ("held_out", "test")
# What can be below 0 (a density), or is not an error.
SIGNED = ("nll", "ssim", "transformed_nll", "transformed_ssim")


def matched(
    arrays: Mapping[str, NDArray],
    images: Mapping[str, Images],
    named: list[int],
    trained: NDArray[np.int64],
) -> Arrays:
    """Return `matched_errors` of the excluded images, by the factors that the hold-out names.

    NaN where an excluded image has no error itself. What some of the others lack a match for is
    left out: the mean of the rest would be one of other images than the excluded ones' is.

    The encoder's gap, which is known of some held-out images, is fitted to these, and the least
    error is what it leaves of the squared error, which is fitted to all: differences between images
    are larger than the gap, and of two fits to different images the least could be the larger.

    Args:
        arrays: errors of held-out and of test images, as in `generalisation.npz`.
        images: by part.
        named: M positions of the factors.
        trained: (N, M) their indices in all training images.
    """
    data = images["test"].data
    sizes = [data.factor_space.sizes[k] for k in named]  # type: ignore[union-attr]

    def fitted(errors: NDArray, known: NDArray, others: NDArray) -> NDArray[np.float64]:
        """Return errors (n', ...) of the images at other positions than the known ones."""
        own, wanted = (data.factors[each][:, named] for each in (known, others))  # type: ignore[index]
        columns = errors.reshape(len(errors), -1)
        # A factor that never varies has no errors at all.
        there = ~np.isnan(columns).all(axis=0)
        found = np.full((len(others), columns.shape[1]), np.nan)
        found[:, there] = matched_errors(columns[:, there], own, wanted, sizes, trained)
        return found.reshape(len(others), *errors.shape[1:])

    found: Arrays = {}
    held_out, test = (images[part].positions for part in PARTS)
    by_factor = (f"{each}_errors" for each in BY_FACTOR)
    for name in (*MEANS, *TRANSFORMED, "distance", *by_factor):
        if f"held_out_{name}" not in arrays or f"test_{name}" not in arrays:
            continue
        errors, tested = arrays[f"held_out_{name}"], arrays[f"test_{name}"]
        known, others = held_out, test
        if name in TRANSFORMED:
            known, others = (arrays[f"{part}_transformed_positions"] for part in PARTS)
        power = 2 if name == "distance" else 1  # of distances, squares are averaged
        wanted = fitted(errors**power, known, others)
        wanted = wanted if name in SIGNED else np.maximum(wanted, 0) ** (1 / power)
        if not (np.isnan(wanted) & ~np.isnan(tested)).any():
            found[f"matched_{name}"] = np.where(np.isnan(tested), np.nan, wanted)
    if "held_out_encoder_gap" in arrays and "matched_squared_error" in found:
        known = held_out[arrays["held_out_sought"]]
        gap, whole = (
            fitted(arrays["held_out_encoder_gap"], known, test),
            found["matched_squared_error"],
        )
        if not np.isnan(gap).any():
            found["matched_encoder_gap"] = gap = np.clip(gap, 0, whole)
            found["matched_least_error"] = whole - gap
    return found
