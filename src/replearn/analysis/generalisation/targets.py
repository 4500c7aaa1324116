"""Factors as numbers that a read-out can predict: values, angles as points, classes as shares."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Words in the names of factors whose values have no order.
CLASSES = ("shape", "color", "colour", "category", "instance", "object", "lighting")
# What it takes to come round, by a word in the factor's name, in the units of its values.
PERIODS = {"orientation": 2 * np.pi, "hue": 1.0, "azimuth": 360.0}


def target_tables(
    names: Sequence[str],
    sizes: Sequence[int],
    values: Sequence[ArrayLike] = (),
    value_names: Mapping[str, Sequence[str]] | None = None,
) -> list[Array]:
    """Return for each factor the table (V, T) of what stands for each of its V values.

    Classes, which are factors whose values have names and those whose name says so, are indicators
    (T = V). Angles and hues whose values go all round are (cos, sin), with the period of the
    factor, whatever the symmetry of a shape. Other factors are their values (T = 1).

    Args:
        names, sizes: of the K factors.
        values: (V,) of each factor; their indices unless given.
        value_names: words for the values of some factors.
    """
    tables = []
    for k, (name, size) in enumerate(zip(names, sizes, strict=True)):
        own = np.arange(size) if len(values) == 0 else np.asarray(values[k])
        words = set(name.replace("_", " ").split())
        if (period := _period(words, own)) is not None:
            angle = 2 * np.pi * own / period
            tables.append(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        elif name in (value_names or {}) or words & set(CLASSES):
            tables.append(np.eye(size))
        else:
            tables.append(own.astype(np.float64)[:, None])
    return tables


def targets_of(factors: ArrayLike, tables: Sequence[Array]) -> list[Array]:
    """Return for each factor the targets (N, T) of images with factor indices (N, K)."""
    columns = np.asarray(factors).T
    return [table[column] for table, column in zip(tables, columns, strict=True)]


def _period(words: set[str], values: NDArray) -> float | None:
    """Return the period of values that go all round in equal steps, or None."""
    if len(values) < 3:
        return None
    span, step = float(values[-1] - values[0]), float(values[1] - values[0])
    for word, period in PERIODS.items():
        # With its last value a factor is round again, or one step before that.
        if word in words and span - 1e-9 <= period <= span + step + 1e-9:
            return period
    return None
