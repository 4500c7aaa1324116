"""What is compared: activations, the outputs of classifiers, or the posteriors of VAEs."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity import representation
from replearn.analysis.similarity.measure import Chosen
from replearn.analysis.similarity.representation import Representation, as_matrix
from replearn.errors import InputError

ACTIVATIONS, OUTPUTS, POSTERIORS = "activations", "outputs", "posteriors"
SHAPES = {
    ACTIVATIONS: "an array (N, D)",
    OUTPUTS: "a mapping of logits (N, C) and labels (N,)",
    POSTERIORS: "a mapping of mean (N, D) and logvar (N, D)",
}

Parts = dict[str, NDArray[np.float64]]


def one_kind(chosen: Iterable[Chosen]) -> str:
    """Return what all of these measures compare.

    Raises:
        InputError: if some compare one kind of input and some another.
    """
    kinds = {one.measure.input_kind: one.label for one in chosen}
    if len(kinds) > 1:
        listed = " and ".join(f"{label} of {kind}" for kind, label in kinds.items())
        raise InputError(f"expected measures of one kind of input, got {listed}; ask in turn.")
    return next(iter(kinds), ACTIVATIONS)


def prepare(
    x: Any, label: object = "the representation", *, kind: str = ACTIVATIONS, **kept: Any
) -> Representation:
    """Return `x` ready to be compared by measures of `kind`.

    Activations are prepared by `representation.prepare` with `kept`; of the other kinds there are
    the descriptions alone, each made from the parts in float64.

    Raises:
        InputError: if `x` is of another kind, incomplete, or holds NaN or infinity.
        ConstantError: if activations are equal for all inputs up to rounding.
    """
    if isinstance(x, Mapping) == (kind == ACTIVATIONS):
        given = f"a mapping of {', '.join(map(str, x))}" if isinstance(x, Mapping) else "an array"
        raise InputError(f"expected {label} as {kind}, {SHAPES[kind]}, got {given}.")
    if kind == ACTIVATIONS:
        return representation.prepare(x, label, **kept)
    parts = _parts(x, kind, label)
    n, d = next(iter(parts.values())).shape
    described = {name: make(parts) for name, make in (kept.get("describe") or {}).items()}
    return Representation(n, d, 1.0, None, None, np.empty(0), 0.0, described=described)


def _parts(x: Mapping[str, Any], kind: str, label: object) -> Parts:
    required = {OUTPUTS: ["logits"], POSTERIORS: ["mean", "logvar"]}[kind]
    if missing := [name for name in required if name not in x]:
        raise InputError(
            f"expected {label} as {kind}, {SHAPES[kind]}, but {missing[0]} is missing."
        )
    parts = {name: as_matrix(x[name], f"{name} of {label}") for name in required}
    for name, part in parts.items():
        if not np.isfinite(part).all():
            raise InputError(
                f"{name} of {label} holds NaN or infinite values; the network that made it has "
                "diverged, leave it out."
            )
    if len(shapes := {part.shape for part in parts.values()}) > 1:
        sizes = " and ".join(map(str, sorted(shapes)))
        raise InputError(f"mean and logvar of {label} must have one shape, got {sizes}.")
    if kind == OUTPUTS and x.get("labels") is not None:
        labels = np.asarray(x["labels"])
        if labels.shape != (len(parts["logits"]),) or labels.dtype.kind not in "iu":
            raise InputError(
                f"expected labels of {label} as integers of shape ({len(parts['logits'])},), got "
                f"{labels.dtype} {labels.shape}."
            )
        parts["labels"] = labels
    return {name: part.astype(np.float64) for name, part in parts.items()}
