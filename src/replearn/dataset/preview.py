"""Which images show what a data set holds: samples, sweeps of its factors, images of each class."""

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.images import FactorSpace, ImageDataset

COLUMNS = 12
_MOST_ROWS = 24  # more classes than this share rows


def rows_of_images(dataset: ImageDataset, samples: int = 2) -> list[tuple[str, NDArray[np.int64]]]:
    """Return titled rows of at most 12 positions: random samples, then a row for each factor.

    In a grid a factor's row moves it alone, away from the first sample. Elsewhere, as for the
    attributes of photographs, its row has images of ascending values. Without factors there is a
    row for each class, or one image of each where there are many.

    Args:
        dataset: where the images come from; none is fetched.
        samples: rows of random samples, at least 1.
    """
    rng = np.random.default_rng(0)
    some = min(COLUMNS, len(dataset))
    rows = [("samples", rng.choice(len(dataset), some, replace=False)) for _ in range(samples)]
    if dataset.factors is not None and dataset.factor_space is not None:
        return rows + (
            _sweeps(dataset.factor_space, int(rows[0][1][0]))
            if dataset.is_grid
            else _by_value(dataset)
        )
    return rows if dataset.labels is None else rows + _by_class(dataset)


def _sweeps(space: FactorSpace, start: int) -> list[tuple[str, NDArray[np.int64]]]:
    rows = []
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        sweep = np.tile(space.factors(start), (min(size, COLUMNS), 1))
        sweep[:, k] = _spread(np.arange(size), COLUMNS)
        rows.append((name, space.index(sweep)))
    return rows


def _by_value(dataset: ImageDataset) -> list[tuple[str, NDArray[np.int64]]]:
    if dataset.factors is None or dataset.factor_space is None:
        return []
    rows = []
    for name, size, column in zip(
        dataset.factor_space.names, dataset.factor_space.sizes, dataset.factors.T, strict=True
    ):
        values = _spread(np.unique(column), COLUMNS)
        each = COLUMNS // len(values)
        found = [_spread(np.flatnonzero(column == value), each) for value in values]
        said = "without, with" if size == 2 and len(values) == 2 else f"{values[0]} … {values[-1]}"
        rows.append((f"{name} ({said})", np.concatenate(found)))
    return rows


def _by_class(dataset: ImageDataset) -> list[tuple[str, NDArray[np.int64]]]:
    names, labels = dataset.class_names, dataset.labels
    found = [_spread(np.flatnonzero(labels == number), COLUMNS) for number in range(len(names))]
    if len(names) <= _MOST_ROWS:
        return [(name, row) for name, row in zip(names, found, strict=True) if len(row)]
    rows = []
    for start in range(0, len(names), COLUMNS):
        group = found[start : start + COLUMNS]
        title = f"{names[start]} … {names[start + len(group) - 1]}"
        rows.append((title, np.concatenate([row[:1] for row in group])))
    return [(title, row) for title, row in rows if len(row)]


def _spread(values: NDArray, n: int) -> NDArray:
    """Return at most `n` of the values, evenly spread from the first to the last."""
    if len(values) <= n:
        return values
    return values[np.linspace(0, len(values) - 1, n).round().astype(int)]
