"""The similarities of all pairs of representations, as labelled matrices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity.representation import Array


@dataclass(frozen=True)
class SimilarityResult:
    """One (M, M) matrix a measure; rows are the first argument, columns the second.

    Attributes:
        labels: the M names, in the order of rows and columns.
        n: number of inputs that all were compared on.
        values: the matrices by measure; NaN where the measure is not defined.
        nulls: matrices of the mean over all re-pairings of the inputs, of the measures for which
            it is known in closed form.
        warnings: sentences to show beside the numbers.
        errors: matrices of standard errors over the choice of inputs, where asked for and known.
        null_sds: matrices of the standard deviation over all re-pairings of the inputs, where it
            is known in closed form.
        ranks: by label the number of directions that a representation has, where it was decided.
    """

    labels: tuple[str, ...]
    n: int
    values: Mapping[str, Array]
    nulls: Mapping[str, Array] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: Mapping[str, Array] = field(default_factory=dict)
    null_sds: Mapping[str, Array] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)

    def value(self, measure: str, x: str, y: str) -> float:
        """Return one number."""
        return float(self.values[measure][self.labels.index(x), self.labels.index(y)])

    @cached_property
    def z(self) -> dict[str, Array]:
        """(value - null) / null_sd by measure: how far from chance each is; NaN for 0 / 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                name: (self.values[name] - self.nulls[name]) / sd
                for name, sd in self.null_sds.items()
            }

    @cached_property
    def corrected(self) -> dict[str, Array]:
        """(value - null) / (1 - null) by measure: 0 is chance and 1 the same; NaN for 0/0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                name: (self.values[name] - null) / (1.0 - null) for name, null in self.nulls.items()
            }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield {x, y, measure, value, null, error, n}, one for each ordered pair and measure."""
        for measure, matrix in self.values.items():
            null, error = self.nulls.get(measure), self.errors.get(measure)
            for i, x in enumerate(self.labels):
                for j, y in enumerate(self.labels):
                    yield {
                        "x": x,
                        "y": y,
                        "measure": measure,
                        "value": float(matrix[i, j]),
                        "null": float("nan") if null is None else float(null[i, j]),
                        "error": float("nan") if error is None else float(error[i, j]),
                        "n": self.n,
                    }

    def arrays(self) -> dict[str, NDArray]:
        """Return plain arrays for `np.savez`: labels, n, warnings, ranks, value/<measure>, ...."""
        return {
            "labels": np.array(self.labels, dtype=np.str_),
            "n": np.array(self.n),
            "warnings": np.array(self.warnings, dtype=np.str_),
            "ranks": np.array([self.ranks.get(label, -1) for label in self.labels]),
            **{
                f"{kind}/{name}": matrix
                for kind, matrices in self._matrices().items()
                for name, matrix in matrices.items()
            },
        }

    def _matrices(self) -> dict[str, Mapping[str, Array]]:
        return {
            "value": self.values,
            "null": self.nulls,
            "error": self.errors,
            "null_sd": self.null_sds,
        }

    @classmethod
    def joined(
        cls,
        labels: Sequence[str],
        n: int,
        measures: Sequence[str],
        parts: Sequence["SimilarityResult"],
        warnings: Sequence[str] = (),
    ) -> "SimilarityResult":
        """Return the results of some labels as one of all: NaN where no part has a value.

        Args:
            labels: all of them, in order.
            n: number of inputs.
            measures: in order.
            parts: results of some of the labels.
            warnings: further ones.
        """
        place = {label: i for i, label in enumerate(labels)}
        found: dict[str, dict[str, Array]] = {}
        for part in parts:
            at = [place[label] for label in part.labels]
            for kind, matrices in part._matrices().items():
                for name, matrix in matrices.items():
                    whole = found.setdefault(kind, {}).setdefault(
                        name, np.full((len(labels), len(labels)), np.nan)
                    )
                    whole[np.ix_(at, at)] = matrix

        def of(kind: str) -> dict[str, Array]:
            return {name: found[kind][name] for name in measures if name in found.get(kind, {})}

        told = [warning for part in parts for warning in part.warnings]
        ranks = {label: rank for part in parts for label, rank in part.ranks.items()}
        return cls(
            tuple(labels), n, of("value"), of("null"), tuple([*warnings, *told]), of("error"),
            of("null_sd"), {label: ranks[label] for label in labels if label in ranks},
        )  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> "SimilarityResult":
        """Return the result that `arrays()` gave, from a dict or an open npz file."""

        def under(prefix: str) -> dict[str, Array]:
            return {k.removeprefix(prefix): arrays[k] for k in arrays if k.startswith(prefix)}

        labels = tuple(map(str, arrays["labels"]))
        ranks = arrays["ranks"] if "ranks" in arrays else [-1] * len(labels)
        return cls(
            labels=labels,
            n=int(arrays["n"]),
            values=under("value/"),
            nulls=under("null/"),
            errors=under("error/"),
            null_sds=under("null_sd/"),
            warnings=tuple(map(str, arrays["warnings"])),
            ranks={
                label: int(rank) for label, rank in zip(labels, ranks, strict=True) if rank >= 0
            },
        )
