"""The words in which measures promise: what changes them not, and what they are made from."""

from collections.abc import Callable
from functools import partial
from typing import Any

from replearn.analysis.similarity.measure import Measure

SHIFT = frozenset({"translation"})
ORDER = frozenset({"permutation"})
TURN = frozenset({"rotation", "permutation"})
SCALE = frozenset({"scaling"})
SHAPE = SHIFT | TURN | SCALE
LINEAR = SHAPE | {"linear"}

# Groups under which measures are also asked for.
LINEAR_FAMILY = frozenset({"linear"})
RESI = frozenset({"resi"})  # the ReSi benchmark, arXiv:2408.00531
NEIGHBOURS = frozenset({"neighbours"})

similarity = partial(Measure, identical=1.0, higher_is_closer=True, symmetric=True, is_metric=False)
distance = partial(Measure, identical=0.0, higher_is_closer=False, symmetric=True, is_metric=True)

# What `matrix` is given: one pair's cross product, those of a block of pairs, or products of
# coordinates.
FACTORS: dict[str, Any] = {"uses": frozenset({"factors"}), "pairwise": True}
SQUARES: dict[str, Any] = {"uses": frozenset({"factors"})}
COORDINATES: dict[str, Any] = {"uses": frozenset({"coordinates"})}


def described(by: Callable[..., Any]) -> dict[str, Any]:
    """Return what a measure says that compares descriptions of the features as given."""
    return {"describe": by, "uses": frozenset()}
