"""Measures of what two classifiers say: how their predicted classes and probabilities differ."""

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.inputs import OUTPUTS, Parts
from replearn.analysis.similarity.pairs import difference
from replearn.analysis.similarity.promises import SCALE, described, distance
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError

_TILE = 1 << 16  # probabilities of one network that are in work at a time


def probabilities(outputs: Parts) -> Array:
    """Return the softmax (N, C) of the logits."""
    from scipy.special import softmax

    return np.asarray(softmax(outputs["logits"], axis=1))


def predictions(outputs: Parts) -> NDArray[np.intp]:
    """Return the predicted classes (N,); the first of equal logits counts."""
    return outputs["logits"].argmax(axis=1)


def accuracy(outputs: Parts) -> float:
    """Return the share of inputs whose predicted class is their label.

    Raises:
        InputError: if there are no labels.
    """
    if "labels" not in outputs:
        raise InputError("accuracy_difference needs the labels (N,) beside the logits.")
    return float((predictions(outputs) == outputs["labels"]).mean())


def jsd(rows: list[Array], columns: list[Array]) -> Array:
    """Mean Jensen-Shannon divergence of the predicted probabilities, in bits, in [0, 1].

    H((p + q) / 2) - (H(p) + H(q)) / 2, with base-2 entropies. Its square root, input by input,
    would be a metric.

    Source: Lin (1991), doi:10.1109/18.61115, equation 4.1; Klabunde et al. (2024),
    arXiv:2408.00531, section 3.
    """
    from scipy.special import entr

    if len(classes := {p.shape[1] for p in (*rows, *columns)}) > 1:
        listed = " and ".join(map(str, sorted(classes)))
        raise InputError(f"expected outputs for the same classes, got {listed} of them.")
    n, c = rows[0].shape
    out = np.zeros((len(rows), len(columns)))
    step = max(1, _TILE // c)
    for start in range(0, n, step):
        part = slice(start, start + step)
        own = np.array([[entr(p[part]).sum()] for p in rows])
        other = np.array([entr(q[part]).sum() for q in columns])
        out -= (own + other) / 2.0
        for i, p in enumerate(rows):
            for j in range(i if rows is columns else 0, len(columns)):
                both = entr((p[part] + columns[j][part]) / 2.0).sum()
                out[i, j] += both
                if rows is columns and j > i:
                    out[j, i] += both
    return np.clip(out / (n * np.log(2.0)), 0.0, 1.0)


def disagreement(rows: list[NDArray[np.intp]], columns: list[NDArray[np.intp]]) -> Array:
    """Share of inputs for which the predicted classes differ, in [0, 1].

    Source: Madani et al. (2004), doi:10.1007/978-3-540-25945-9_7; Klabunde et al. (2024),
    arXiv:2408.00531, section 3.
    """
    others = np.stack(columns)
    return np.stack([(one != others).mean(axis=1) for one in rows])


def accuracy_difference(rows: list[float], columns: list[float]) -> Array:
    """Absolute difference of the accuracies, in [0, 1].

    Source: Klabunde et al. (2024), arXiv:2408.00531, section 3.
    """
    return difference(rows, columns)


MEASURES = (
    distance(
        name="jsd",
        matrix=jsd,
        range=(0.0, 1.0),
        is_metric=False,
        invariant_to=frozenset(),
        source="Lin (1991), doi:10.1109/18.61115",
        input_kind=OUTPUTS,
        **described(probabilities),
    ),
    distance(
        name="disagreement",
        matrix=disagreement,
        range=(0.0, 1.0),
        invariant_to=SCALE,
        source="Klabunde et al. (2024), arXiv:2408.00531",
        input_kind=OUTPUTS,
        **described(predictions),
    ),
    distance(
        name="accuracy_difference",
        matrix=accuracy_difference,
        range=(0.0, 1.0),
        is_metric=False,
        invariant_to=SCALE,
        paired=False,
        source="Klabunde et al. (2024), arXiv:2408.00531",
        input_kind=OUTPUTS,
        **described(accuracy),
    ),
)
