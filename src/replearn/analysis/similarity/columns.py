"""Measures of features one by one: column d of one beside column d of the other, or matched."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from replearn.analysis.similarity.matching import standardised_features
from replearn.analysis.similarity.pairs import each_pair
from replearn.analysis.similarity.promises import (
    ORDER,
    SCALE,
    SHIFT,
    described,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError


def unit_columns(x: Array) -> Array:
    """Return `x` (N, D) with columns of norm 1; those that are 0 stay 0."""
    size = np.linalg.norm(x, axis=0)
    return np.divide(x, size, out=np.zeros_like(x), where=size > 0)


def column_cosines(x: Array, y: Array) -> Array:
    """Return the cosines (D,) of each column of `x` (N, D) with that of `y` (N, D).

    NaN where both columns are 0.

    Raises:
        InputError: if the numbers of features differ.
    """
    return _cosines(unit_columns(x), unit_columns(y))


def column_angles(x: Array, y: Array) -> Array:
    """Return 1 - angle / pi of the columns (D,), in [0, 1]; else as `column_cosines`."""
    return _nearness(unit_columns(x), unit_columns(y))


def matched_correlations(x: Array, y: Array) -> Array:
    """Return the absolute correlations (min(D, E),) of the columns matched one to one.

    In the order of the columns of the one with fewer; the match maximises their sum.
    """
    return _matched(standardised_features(x), standardised_features(y))


def column_cosine(rows: list[Array], columns: list[Array]) -> Array:
    """Mean cosine of the columns of equal number, in [-1, 1]; those that are 0 in both left out.

    Source: Bonheme & Grzes (2022), arXiv:2205.08399, in their published code, which takes the sum.
    """
    return each_pair(rows, columns, lambda x, y: np.nanmean(_cosines(x, y)))


def column_angle(rows: list[Array], columns: list[Array]) -> Array:
    """Mean of 1 - angle / pi of the columns of equal number, in [0, 1], as `column_cosine`.

    Source: Bonheme & Grzes (2022), arXiv:2205.08399, in their published code, which takes the sum.
    """
    return each_pair(rows, columns, lambda x, y: np.nanmean(_nearness(x, y)))


def mcc(rows: list[Array], columns: list[Array]) -> Array:
    """Mean absolute correlation of the columns matched one to one, in [0, 1].

    Constant columns count as uncorrelated.

    Source: Hyvärinen & Morioka (2016), arXiv:1605.06336, section 6; Khemakhem et al. (2020),
    arXiv:1907.04809, appendix I.
    """
    return each_pair(rows, columns, lambda x, y: _matched(x, y).mean())


def _cosines(x: Array, y: Array) -> Array:
    _as_many(x, y)
    cosines = np.clip(np.einsum("nd,nd->d", x, y), -1.0, 1.0)
    return np.where(x.any(axis=0) | y.any(axis=0), cosines, np.nan)


def _nearness(x: Array, y: Array) -> Array:
    _as_many(x, y)
    # Near 0 and pi the arc cosine loses half of the digits.
    angles = 2.0 * np.arctan2(np.linalg.norm(x - y, axis=0), np.linalg.norm(x + y, axis=0))
    return np.where(x.any(axis=0) | y.any(axis=0), 1.0 - angles / np.pi, np.nan)


def _as_many(x: Array, y: Array) -> None:
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"expected as many features in both, got {x.shape[1]} and {y.shape[1]}; measures of "
            "columns compare feature d with feature d."
        )


def _matched(x: Array, y: Array) -> Array:
    correlations = np.clip(np.abs(x.T @ y), 0.0, 1.0)
    if x.shape[1] > y.shape[1]:
        correlations = correlations.T
    return correlations[linear_sum_assignment(correlations, maximize=True)]


MEASURES = (
    similarity(
        name="column_cosine",
        matrix=column_cosine,
        range=(-1.0, 1.0),
        invariant_to=SCALE,
        equal_widths=True,
        source="Bonheme & Grzes (2022), arXiv:2205.08399",
        **described(unit_columns),
    ),
    similarity(
        name="column_angle",
        matrix=column_angle,
        range=(0.0, 1.0),
        invariant_to=SCALE,
        equal_widths=True,
        source="Bonheme & Grzes (2022), arXiv:2205.08399",
        **described(unit_columns),
    ),
    similarity(
        name="mcc",
        matrix=mcc,
        range=(0.0, 1.0),
        invariant_to=SHIFT | ORDER | SCALE,
        source="Hyvärinen & Morioka (2016), arXiv:1605.06336",
        **described(standardised_features),
    ),
)
