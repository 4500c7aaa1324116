"""What a hold-out is made of: which combinations are excluded, and which are left out at all."""

from collections.abc import Callable
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
        test: which combinations are tested; None for none.
        train: which are trained on; None for all others.
        keep: what all of them have to be.
    """

    name: str
    test: Expression | None
    train: Expression | None
    keep: tuple[Expression, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The factors that say which combinations are tested."""
        return self.test.named if self.test is not None else ()

    def of(self, factors: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows (N,) of factor indices (N, K) are trained on, and which tested."""
        return self._pair(lambda each: each.of(factors), len(factors))

    def counts(self, space: FactorSpace) -> tuple[int, int]:
        """Return how many combinations of the full grid are trained on, and how many tested."""
        masks = self._pair(lambda each: each.on_grid(), (1,) * len(space.sizes))
        train, test = (int(mask.sum()) * (len(space) // mask.size) for mask in masks)
        return train, test

    def check(self, n_train: int, n_test: int, data: str) -> None:
        """Raise an InputError unless it leaves images of a data set to train and to test on."""
        for n, purpose in ((n_train, "train on"), (n_test, "test on")):
            if not n and (purpose == "train on" or self.test is not None):
                raise InputError(
                    f"{self.name} leaves no image of {data} to {purpose}; exclude other "
                    "combinations"
                )

    def _pair(
        self, mask: Callable[[Expression], NDArray[np.bool_]], shape: int | tuple[int, ...]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        test = np.zeros(shape, bool) if self.test is None else mask(self.test)
        train = ~test if self.train is None else mask(self.train)
        for each in self.keep:
            train, test = train & mask(each), test & mask(each)
        return train, test
