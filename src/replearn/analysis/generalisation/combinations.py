"""Errors by combination of the factors that a hold-out names."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_FREE = 0.1


def by_combination(
    held_out: ArrayLike, test: ArrayLike, **errors: tuple[ArrayLike, ArrayLike]
) -> Mapping[str, NDArray]:
    """Return the mean errors of each combination of some factors, in the order of their values.

    Args:
        held_out, test: (n, M) factor indices of images of training and of excluded combinations.
        errors: name -> an error of each of these images, (n_held_out,) and (n_test,). NaN is no
            value.

    Returns:
        combinations (C, M), combination_excluded (C,), combination_n (C,) images, and for each
        error combination_<name> (C,), NaN where no image has one. A combination of which some
        images are excluded and others not (other factors decide) is there twice.
    """
    factors = np.vstack([held_out, test]).astype(np.int64)
    excluded = np.repeat([False, True], [len(np.asarray(held_out)), len(np.asarray(test))])
    keys = np.column_stack([factors, excluded])
    kinds, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.reshape(-1)
    found: dict[str, NDArray] = {
        "combinations": kinds[:, :-1],
        "combination_excluded": kinds[:, -1].astype(bool),
        "combination_n": np.bincount(which, minlength=len(kinds)),
    }
    for name, parts in errors.items():
        values = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
        there = ~np.isnan(values)
        n = np.bincount(which[there], minlength=len(kinds))
        sums = np.bincount(which[there], values[there], minlength=len(kinds))
        found[f"combination_{name}"] = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    return found


def free_of_exclusion(factors: ArrayLike, excluded: ArrayLike) -> NDArray[np.bool_]:
    """Return for which images a factor is not tied to the others by what was excluded.

    Where squares were excluded on the right, shapes are free on the left, and positions of all
    shapes but squares. Of all training images, the right would stand for "no square": a read-out
    of the shape that was fitted on them would call a square on the right none, whatever its code.

    Args:
        factors: (N, M) factor indices of training images, of the factors that the hold-out names.
        excluded: (n, M) of excluded combinations.

    Returns:
        (N, M): the others of an image are those of no excluded combination. All where fewer than a
        tenth of the images are: then every read-out of the factor is tied.
    """
    table, out = (np.asarray(f, dtype=np.int64) for f in (factors, excluded))
    free = np.ones(table.shape, dtype=bool)
    for m in range(table.shape[1]):
        both = np.delete(np.vstack([table, out]), m, axis=1)
        _, key = np.unique(both, axis=0, return_inverse=True)
        key = key.reshape(-1)
        own = ~np.isin(key[: len(table)], key[len(table) :])
        free[:, m] = own if own.mean() >= LEAST_FREE else True
    return free


def evenly(named: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return which `n` of some images, sorted, have each combination in its share of them.

    Args:
        named: (P, M) factor indices of the images.
        n: all images if there are no more.
    """
    order = np.lexsort(np.asarray(named).T[::-1])
    return np.sort(order[np.linspace(0, len(order) - 1, min(n, len(order))).astype(np.int64)])


def spread(positions: NDArray[np.int64], named: ArrayLike, n: int, seed: int) -> NDArray[np.int64]:
    """Return `n` of some positions, sorted, in which each combination comes equally often.

    As often as there are images of it: a rare one may have fewer.

    Args:
        positions: (P,) images to draw from; all of them if there are no more than `n`.
        named: (P, M) factor indices of these images.
        seed: of the draw.
    """
    if len(positions) <= n:
        return np.sort(positions)
    order = np.random.default_rng(seed).permutation(len(positions))
    _, group = np.unique(np.asarray(named)[order], axis=0, return_inverse=True)
    group = group.reshape(-1)
    # How many images of its combination come before each in the random order.
    by_group = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    turn = np.empty(len(group), np.int64)
    turn[by_group] = np.arange(len(group)) - starts
    return np.sort(positions[order[np.argsort(turn, kind="stable")[:n]]])
