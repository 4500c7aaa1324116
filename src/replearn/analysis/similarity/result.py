"""The similarities of all pairs of representations, as labelled matrices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    """

    labels: tuple[str, ...]
    n: int
    values: Mapping[str, Array]
    nulls: Mapping[str, Array] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    errors: Mapping[str, Array] = field(default_factory=dict)

    def value(self, measure: str, x: str, y: str) -> float:
        """Return one number."""
        return float(self.values[measure][self.labels.index(x), self.labels.index(y)])

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
        """Return plain arrays for `np.savez`: labels, n, warnings, {value, null, error}/<m>."""
        return {
            "labels": np.array(self.labels, dtype=np.str_),
            "n": np.array(self.n),
            "warnings": np.array(self.warnings, dtype=np.str_),
            **{f"value/{name}": matrix for name, matrix in self.values.items()},
            **{f"null/{name}": matrix for name, matrix in self.nulls.items()},
            **{f"error/{name}": matrix for name, matrix in self.errors.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> "SimilarityResult":
        """Return the result that `arrays()` gave, from a dict or an open npz file."""

        def under(prefix: str) -> dict[str, Array]:
            return {k.removeprefix(prefix): arrays[k] for k in arrays if k.startswith(prefix)}

        return cls(
            labels=tuple(map(str, arrays["labels"])),
            n=int(arrays["n"]),
            values=under("value/"),
            nulls=under("null/"),
            errors=under("error/"),
            warnings=tuple(map(str, arrays["warnings"])),
        )
