"""The factors of variation of a data set, also before it is loaded, or one sentence without."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.dataset import DECLARATIONS
from replearn.dataset.declaration import Declaration
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError
from replearn.registry import lookup


def factor_space(data: ImageDataset | Declaration) -> FactorSpace:
    """Return the names and sizes of the factors of a data set, or of what is declared of it.

    Raises:
        InputError: if there are none.
    """
    if data.factor_space is None:
        raise _without_factors(data.name)
    return data.factor_space


def n_factors(data: ImageDataset | Declaration) -> int:
    """Return the number of factors of variation.

    Raises:
        InputError: if there are none.
    """
    return len(factor_space(data).sizes)


def factors_of(data: ImageDataset) -> tuple[NDArray[np.int64], FactorSpace]:
    """Return the factor indices (N, K) of all images, and the names and sizes of the factors.

    Raises:
        InputError: if the data set has none.
    """
    if data.factors is None:
        raise _without_factors(data.name)
    return data.factors, factor_space(data)


def declared(config: Mapping[str, Any]) -> Declaration:
    """Return what is known of a run's data set before it is loaded.

    Raises:
        InputError: if there is no data set of this name.
    """
    return lookup(DECLARATIONS, config["dataset"]["name"], "data set")


def _without_factors(name: str) -> InputError:
    return InputError(
        f"{name} has no factors of variation; choose a data set that has some, such as dsprites"
    )
