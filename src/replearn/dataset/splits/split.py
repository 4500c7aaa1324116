"""What a hold-out is made of: which combinations are excluded, and which are left out at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.expression import Expression
from replearn.dataset.images import FactorSpace
from replearn.errors import InputError


@dataclass(frozen=True)
class Split:
    """A hold-out: combinations of factors that are tested, and those that are trained on.

    Attributes:
        doc: what is excluded, and where its name promises something else.
        test: an expression for the excluded combinations.
        counts: images of the full grid to train on and to test on.
        train: an expression for the combinations to train on; None for all others.
    """

    doc: str
    test: str
    counts: tuple[int, int]
    train: str | None = None

    @property
    def shown(self) -> str:
        """The expressions, for tables."""
        return self.test if self.train is None else f"{self.test}; training {self.train}"


@dataclass(frozen=True)
class Modifier:
    """A restriction of the images of any hold-out.

    Attributes:
        doc: what is kept, and where its name promises something else.
        keep: an expression for the combinations that stay, in training and in test.
        count: images of the full grid that stay.
    """

    doc: str
    keep: str
    count: int


@dataclass(frozen=True)
class Masks:
    """A hold-out and its modifiers, with expressions that are checked.

    Attributes:
        name: what it is called in sentences.
        test, train, keep: the expressions; `train` is None for the complement.
    """

    name: str
    test: Expression
    train: Expression | None
    keep: tuple[Expression, ...]

    def of(self, factors: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows (N,) of factor indices (N, K) are trained on, and which tested."""
        return self._pair([e and e.of(factors) for e in (self.test, self.train, *self.keep)])

    def counts(self) -> tuple[int, int]:
        """Return how many combinations of the full grid are trained on, and how many tested."""
        sizes = self.test.space.sizes
        masks = self._pair([e and e.on_grid() for e in (self.test, self.train, *self.keep)])
        train, test = (int(m.sum()) * (int(np.prod(sizes)) // m.size) for m in masks)
        return train, test

    def check(self, n_train: int, n_test: int, data: str) -> None:
        """Raise an InputError unless it leaves images of a data set to train and to test on."""
        for n, purpose in ((n_train, "train on"), (n_test, "test on")):
            if not n:
                raise InputError(
                    f"{self.name} leaves no image of {data} to {purpose}; exclude other "
                    "combinations"
                )

    @staticmethod
    def _pair(masks: Sequence) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        test, train, *keep = masks
        train = ~test if train is None else train
        for kept in keep:
            train, test = train & kept, test & kept
        return train, test


def masks_of(
    split: Split, modifiers: Sequence[Modifier], space: FactorSpace, name: str, key: str
) -> Masks:
    """Return a hold-out of a space of factors.

    Args:
        name: what it is called in sentences.
        key: the config key that its test expression comes from.

    Raises:
        InputError: as `Expression`.
    """
    return Masks(
        name,
        Expression(split.test, space, key),
        None if split.train is None else Expression(split.train, space, key),
        tuple(Expression(modifier.keep, space, "dataset.modifiers") for modifier in modifiers),
    )
