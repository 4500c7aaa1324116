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


def matched(
    arrays: Mapping[str, NDArray],
    images: Mapping[str, Images],
    named: list[int],
    trained: NDArray[np.int64],
) -> Arrays:
    """Return `matched_errors` of the excluded images, by the factors that the hold-out names.

    NaN where an excluded image has no error itself. What some of the others lack a match for is
    left out: the mean of the rest would be one of other images than the excluded ones' is.

    Args:
        arrays: errors of held-out and of test images, as in `generalisation.npz`.
        images: by part.
        named: M positions of the factors.
        trained: (N, M) their indices in all training images.
    """
    data = images["test"].data
    sizes = [data.factor_space.sizes[k] for k in named]  # type: ignore[union-attr]

    def factors_of(part: str, name: str) -> NDArray[np.int64]:
        positions = images[part].positions
        if name in TRANSFORMED:
            positions = arrays[f"{part}_transformed_positions"]
        elif name in SOUGHT:
            positions = positions[arrays[f"{part}_sought"]]
        return data.factors[positions][:, named]  # type: ignore[index]

    found: Arrays = {}
    by_factor = (f"{each}_errors" for each in BY_FACTOR)
    for name in (*MEANS, *SOUGHT, *TRANSFORMED, "distance", *by_factor):
        if f"held_out_{name}" not in arrays or f"test_{name}" not in arrays:
            continue
        errors, tested = arrays[f"held_out_{name}"], arrays[f"test_{name}"]
        factors, others = factors_of("held_out", name), factors_of("test", name)
        power = 2 if name == "distance" else 1  # of distances, squares are averaged
        columns = errors.reshape(len(errors), -1) ** power
        # A factor that never varies has no errors at all.
        there = ~np.isnan(columns).all(axis=0)
        wanted = np.full((len(others), columns.shape[1]), np.nan)
        wanted[:, there] = matched_errors(columns[:, there], factors, others, sizes, trained)
        wanted = np.maximum(wanted, 0) ** 0.5 if name == "distance" else wanted
        wanted = wanted.reshape(tested.shape)
        if (np.isnan(wanted) & ~np.isnan(tested)).any():
            continue
        found[f"matched_{name}"] = np.where(np.isnan(tested), np.nan, wanted)
    return found
