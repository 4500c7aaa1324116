"""Small data sets out of large ones: some classes, some images of each, some images of all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from inspect import Parameter, signature
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.images import ImageDataset
from replearn.errors import InputError, nearest

_NAME = int.from_bytes(b"subset", "big")  # the subsets' own stream of random numbers
OPTIONS: dict[str, Any] = {"n": None, "subset_seed": None}
CLASS_OPTIONS: dict[str, Any] = {"classes": None, "per_class": None}


def with_subsets(
    load: Callable[..., ImageDataset], has_classes: bool
) -> Callable[..., ImageDataset]:
    """Return a loader that takes the options of `subset` besides its own, also in its signature."""
    options = OPTIONS | (CLASS_OPTIONS if has_classes else {})

    @wraps(load.func if isinstance(load, partial) else load)
    def load_subset(**params: Any) -> ImageDataset:
        chosen = {key: params.pop(key) for key in options if key in params}
        check_options(**chosen)
        return subset(load(**params), **chosen)

    own = signature(load)
    added = [Parameter(k, Parameter.KEYWORD_ONLY, default=v) for k, v in options.items()]
    cast(Any, load_subset).__signature__ = own.replace(
        parameters=[*own.parameters.values(), *added]
    )
    return load_subset


def check_options(
    n: Any = None, subset_seed: Any = None, classes: Any = None, per_class: Any = None
) -> None:
    """Raise an InputError if the options of `subset` fit no data set at all."""
    for name, value in (("n", n), ("per_class", per_class)):
        if value is not None and not (_is_whole(value) and value >= 1):
            raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    if subset_seed is not None and not (_is_whole(subset_seed) and subset_seed >= 0):
        raise InputError(f"subset_seed must be a whole number of at least 0, got {subset_seed!r}")
    if classes is None:
        return
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
        raise InputError(
            f"classes must be a list of class names or numbers, such as [0, 3], got {classes!r}"
        )


def subset(
    dataset: ImageDataset,
    n: int | None = None,
    subset_seed: int | None = None,
    classes: Sequence[str | int] | None = None,
    per_class: int | None = None,
) -> ImageDataset:
    """Return some images of a data set, in their order, as a view: the others are never read.

    The choice is a function of the arguments and the data alone. A larger `n` or `per_class` keeps
    the images of a smaller one; what is drawn of one class does not depend on the other classes.

    Args:
        dataset: where the images come from.
        n: how many images, drawn without replacement from those that `classes` and `per_class`
            leave; None for all of them.
        subset_seed: which random choice, >= 0; None for 0.
        classes: names or numbers of the classes to keep; they get the numbers 0, 1, ... in this
            order. None for all of them.
        per_class: how many images of each class; None for all of them.

    Raises:
        InputError: if there are not so many images, or no such class.
    """
    check_options(n, subset_seed, classes, per_class)
    seed = subset_seed or 0
    chosen, numbers = np.arange(len(dataset)), None
    if classes is not None or per_class is not None:
        numbers = _numbers(dataset, dataset.class_names if classes is None else classes)
        chosen = _of_classes(dataset, numbers, per_class, seed)
    if n is not None:
        if n > len(chosen):
            left = " that classes and per_class leave" if len(chosen) < len(dataset) else ""
            raise InputError(
                f"n={n} is more than the {len(chosen)} images of {dataset.name}{left}; choose a "
                "smaller one"
            )
        chosen = _drawn(chosen, n, seed, 0)
    taken = dataset if len(chosen) == len(dataset) else dataset.take(chosen)
    if numbers is None or taken.labels is None:
        return taken
    position = np.zeros(len(dataset.class_names), np.int64)
    position[numbers] = np.arange(len(numbers))
    return replace(
        taken,
        labels=position[taken.labels],
        class_names=tuple(dataset.class_names[number] for number in numbers),
    )


def _of_classes(
    dataset: ImageDataset, numbers: list[int], per_class: int | None, seed: int
) -> NDArray[np.int64]:
    """Return the sorted positions of the images of some classes, or of `per_class` of each."""
    members = {number: np.flatnonzero(dataset.labels == number) for number in numbers}
    if per_class is not None:
        for number, found in members.items():
            if per_class > len(found):
                raise InputError(
                    f"per_class={per_class} is more than the {len(found)} images of class "
                    f"{dataset.class_names[number]!r} of {dataset.name}; choose a smaller one"
                )
            members[number] = _drawn(found, per_class, seed, number + 1)
    return np.sort(np.concatenate(list(members.values())))


def _drawn(members: NDArray[np.int64], n: int, seed: int, stream: int) -> NDArray[np.int64]:
    """Return `n` of `members`, sorted; the first n of an order, so that a larger n has them too."""
    rng = np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(_NAME, stream)))
    return np.sort(members[rng.permutation(len(members))[:n]])


def _numbers(dataset: ImageDataset, classes: Sequence[str | int]) -> list[int]:
    """Return the numbers of classes that are given by name or number."""
    names = dataset.class_names
    if dataset.labels is None or not names:
        raise InputError(f"{dataset.name} has no classes; leave classes and per_class out")
    numbers = []
    for each in classes:
        if isinstance(each, str):
            if each not in names:
                raise InputError(f"{dataset.name} has no class {each!r}; {nearest(each, names)}")
            number = names.index(each)
        elif _is_whole(each) and 0 <= each < len(names):
            number = int(each)
        else:
            raise InputError(
                f"{dataset.name} has no class {each!r}; give a name, or a number from 0 to "
                f"{len(names) - 1}"
            )
        if number in numbers:
            raise InputError(f"classes={list(classes)} has {names[number]!r} twice; give it once")
        numbers.append(number)
    return numbers


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
