"""Which images a network trains on, is validated on, and is tested on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.images import ImageDataset
from replearn.dataset.split import split_indices
from replearn.dataset.splits import masks


@dataclass(frozen=True)
class Partition:
    """The images of a data set by their part in an experiment, as sorted positions (int64).

    Attributes:
        training: what a network is trained on.
        held_out: other images of the same combinations of factors, to validate on.
        test: the combinations of factors that are excluded from both; empty without a hold-out.
        named: the factors that say which combinations those are.
    """

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    test: NDArray[np.int64]
    named: tuple[str, ...] = ()


def partition(section: Mapping[str, Any], data: ImageDataset) -> Partition:
    """Return the partition of `data` that a config's `dataset` section asks for.

    A function of its arguments alone: networks with other initial weights or another order of
    batches see the same images.

    Raises:
        InputError: if a hold-out leaves nothing to train on or to test on; also as `masks` and
            `split_indices`.
    """
    validation, seed = section["validation"], section["split_seed"]
    chosen = masks(section, None if data.factors is None else data.factor_space)
    if chosen is None or data.factors is None:
        return Partition(*split_indices(len(data), validation, seed), np.array([], np.int64))
    used, test = map(np.flatnonzero, chosen.of(data.factors))
    chosen.check(len(used), len(test), data.name)
    training, held_out = split_indices(len(used), validation, seed)
    return Partition(used[training], used[held_out], test, chosen.named)
