"""How often an image is drawn so that every value of a factor is drawn alike."""

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError, nearest


def check_rebalance(factor: str | None, name: str, space: FactorSpace | None) -> None:
    """Raise an InputError unless `factor` is one of the data set `name`, or None."""
    if factor is None:
        return
    if space is None:
        raise InputError(
            f"dataset.rebalance={factor} needs factors, and {name} has none; leave it out"
        )
    if factor not in space.names:
        raise InputError(
            f"dataset.rebalance={factor!r} is no factor of {name}; {nearest(factor, space.names)}"
        )


def balancing_weights(
    data: ImageDataset, factor: str, positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return a weight (N,) for each of the positions: 1 / images that share its value of `factor`.

    Drawn with these, every value that there is comes up equally often, as where Montero et al.
    (2022) rebalance shapes of which some combinations are excluded.

    Args:
        factor: the name of a factor.
        positions: (N,) among which images are drawn.

    Raises:
        InputError: if there is no such factor.
    """
    check_rebalance(factor, data.name, data.factor_space)
    if data.factors is None or data.factor_space is None:
        raise InputError(f"dataset.rebalance={factor} needs factors, and {data.name} has none")
    values = data.factors[positions, data.factor_space.names.index(factor)]
    return 1 / np.bincount(values)[values]
