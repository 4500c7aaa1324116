"""What pictures of a comparison are drawn from: blocks of values, and what networks are called."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.similarity import SimilarityResult
from replearn.errors import InputError, nearest
from replearn.runs.where import ABSENT, look_up, paths
from replearn.study.comparison import Source
from replearn.study.seed_groups import seed_groups
from replearn.study.similarity_table import tidy_blocks
from replearn.study.summary import short_names

if TYPE_CHECKING:
    import pandas

Array = NDArray[np.float64]

SHOWN = {
    "value": "{}",
    "null": "{} by chance",
    "corrected": "{}, chance-corrected",
    "z": "{}, z against chance",
    "error": "standard error of {}",
    "excess": "{}, less that of step 0",
}
"""What of a measure is drawn, and how that is called."""


@dataclass(frozen=True)
class Compared:
    """The similarities of layers of networks, compared all at once or part by part.

    Attributes:
        parts: the networks of each part, with the similarities of all their layers.
        layers: the layers of each network.
    """

    parts: Sequence[tuple[Sequence[Source], SimilarityResult]]
    layers: Sequence[str]

    @property
    def sources(self) -> list[Source]:
        """Every network, in the order of the parts."""
        return [source for part, _ in self.parts for source in part]

    @property
    def measures(self) -> list[str]:
        """The labels of the measures."""
        return list(self.parts[0][1].values)

    @property
    def warnings(self) -> list[str]:
        """The warnings of all parts, each once."""
        return list(dict.fromkeys(warning for _, found in self.parts for warning in found.warnings))

    def block(
        self,
        measure: str,
        one: Source,
        other: Source,
        rows: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        shown: str = "value",
    ) -> Array:
        """Return a block (I, J): layers of one network against those of another of its part.

        Args:
            rows, columns: names of layers; all by default.
            shown: a name in SHOWN. `excess` is that over the untrained networks of the same two
                runs; of one run at two steps, over its untrained network against `other`.

        Raises:
            InputError: if `shown` is not known of the measure.
        """
        if shown == "excess":
            before = Source(one.run, 0), Source(other.run, 0 if _alike(one, other) else other.step)
            trained = self.block(measure, one, other, rows, columns)
            return trained - self.block(measure, *before, rows, columns)
        part = self._place[one]
        found, places = self.parts[part][1], self._labels[part]
        at = [
            [places[source.label(layer)] for layer in (self.layers if names is None else names)]
            for source, names in ((one, rows), (other, columns))
        ]
        return _matrix(found, measure, shown)[np.ix_(*at)]

    @cached_property
    def _place(self) -> dict[Source, int]:
        return {source: i for i, (part, _) in enumerate(self.parts) for source in part}

    @cached_property
    def _labels(self) -> list[dict[str, int]]:
        return [{label: i for i, label in enumerate(found.labels)} for _, found in self.parts]

    @cached_property
    def groups(self) -> dict[str, list[Source]]:
        """Name -> the networks of runs that differ in their seeds alone."""
        return seed_groups(self.sources)

    @cached_property
    def _group_names(self) -> dict[int, str]:
        return {source.run.id: name for name, own in self.groups.items() for source in own}

    def tables(self) -> "Iterator[pandas.DataFrame]":
        """Yield tables with one row for each pair that was compared, and measure (`tidy`)."""
        for part, found in self.parts:
            for table in tidy_blocks(found, part, self.layers):
                for side in "xy":  # a part does not know what sets its runs apart from others
                    names = [self._group_names[run] for run in table[f"run_{side}"]]
                    table[f"group_{side}"] = names
                yield table

    def kind(self, source: Source, name: str, layer: str = "") -> Any:
        """Return what a network is by `name`, such as its colour in a picture.

        Args:
            name: group, seed, step, run, layer, or a path of the config.

        Raises:
            InputError: if no run has such a path.
        """
        if name == "group":
            return self._group_names[source.run.id]
        if name == "seed":
            return str(source.run.config.get("seed"))  # no order is meant
        if name in ("step", "layer", "run"):
            return {"step": source.step, "layer": layer, "run": str(source.run.id)}[name]
        value = look_up(source.run.config, name)
        if isinstance(value, Mapping):
            value = value.get("name", ABSENT)
        if value is ABSENT or value is None:
            self._check_path(name)
            return "–"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number else str(value)

    def _check_path(self, name: str) -> None:
        known = {path for source in self.sources for path, _ in paths(source.run.config)}
        if name not in known and not any(path.startswith(f"{name}.") for path in known):
            choices = {"group", "seed", "step", "layer", "run", *known}
            raise InputError(f"{name!r} is a path of no run that is compared; "
                             f"{nearest(name, choices)}")  # fmt: skip


def kind_title(name: str) -> str:
    """Return what a legend calls the kinds of `Compared.kind`."""
    return {"step": "optimiser step"}.get(name, short_names([name])[name])


def _alike(one: Source, other: Source) -> bool:
    return one.run.id != other.run.id or one.step == other.step


def _matrix(found: SimilarityResult, measure: str, shown: str) -> Array:
    # The last two are computed, of all measures, when they are asked for.
    known = getattr(
        found, {"value": "values", "null": "nulls", "error": "errors"}.get(shown, shown)
    )
    if measure not in known:
        raise InputError(
            f"show={shown} is not known of {measure}; show=value and show=excess are of all "
            f"measures"
        )
    return np.asarray(known[measure])
