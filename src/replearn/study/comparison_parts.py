"""What of a comparison is compared with what: by the kind of input that measures take, by size."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from replearn.analysis.cache import TensorCache, content_of
from replearn.analysis.similarity import Chosen
from replearn.analysis.similarity.inputs import ACTIVATIONS, OUTPUTS, POSTERIORS
from replearn.errors import InputError
from replearn.runs.run import Run
from replearn.study.probes import Probe
from replearn.study.representations import Representations, Source, has_posterior, targets

# By kind of input: the layer under whose name it stands, and the fields that it is made of.
_SHOWN = {OUTPUTS: "logits", POSTERIORS: "mean"}
_FIELDS = {OUTPUTS: ["logits"], POSTERIORS: ["mean", "logvar"]}

Key = str | Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """Measures, and the representations that they compare with each other.

    Attributes:
        chosen: the measures.
        read: networks and layers, with the options that they are made with.
        labels: of what is compared.
        fields: by label the labels of what it is made of; None where it stands for itself.
        beside: what does not come from the network, by field: labels of outputs.
    """

    chosen: list[Chosen]
    read: Representations
    labels: list[str]
    fields: Mapping[str, Mapping[str, str]] | None = None
    beside: Mapping[str, Tensor] | None = None

    def given(self) -> Mapping[str, Any]:
        """Return what is compared by label, read when asked for."""
        return _Given(self)

    def contents(self) -> dict[str, str]:
        """Return by label what the store of pairs knows it by."""
        known = self.read.contents()
        if self.fields is None:
            return {label: known[label] for label in self.labels}
        beside = {name: content_of(x) for name, x in (self.beside or {}).items()}
        return {
            label: json.dumps({k: known[v] for k, v in self.fields[label].items()} | beside)
            for label in self.labels
        }

    def keys(self, cache: TensorCache) -> dict[str, Key]:
        """Return by label where the cache has it; what comes from no network is put there."""
        known = self.read.cache_keys(cache)
        if self.fields is None:
            return {label: known[label] for label in self.labels}
        beside = {k: cache.keep(x, self.read.fingerprint) for k, x in (self.beside or {}).items()}
        return {
            label: {k: known[v] for k, v in self.fields[label].items()} | beside
            for label in self.labels
        }

    def probes(self) -> dict[str, str]:
        """Return the fingerprint of the images that each label was made from."""
        return dict.fromkeys(self.labels, self.read.fingerprint)


class _Given(Mapping[str, Any]):
    def __init__(self, part: Part):
        self._part = part

    def __getitem__(self, label: str) -> Any:
        part = self._part
        if part.fields is None:
            return part.read[label]
        return {k: part.read[v] for k, v in part.fields[label].items()} | dict(part.beside or {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._part.labels)

    def __len__(self) -> int:
        return len(self._part.labels)


class Shuffled(Mapping[str, Any]):
    """Representations whose rows stand in another order, one for all layers of a run.

    What they have in common is what unrelated inputs have in common.
    """

    def __init__(self, given: Mapping[str, Any], n: int):
        self._given, self._n = given, n

    @staticmethod
    def contents(known: Mapping[str, str]) -> dict[str, str]:
        """Return what the store of pairs knows them by, from what it knows the others by."""
        return {label: f"{key} in the order of {_run(label)}" for label, key in known.items()}

    def __getitem__(self, label: str) -> Any:
        order = np.random.default_rng([0, _run(label)]).permutation(self._n)

        def shuffled(x: Tensor) -> Tensor:
            # Feature maps by position have several rows for each image, which stay together.
            return x.reshape(self._n, -1, *x.shape[1:])[order].reshape(x.shape)

        found = self._given[label]
        if isinstance(found, Mapping):
            return {name: shuffled(x) for name, x in found.items()}
        return shuffled(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def parts_of(
    chosen: Sequence[Chosen],
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    **options: Any,
) -> tuple[list[Part], list[str]]:
    """Return the parts of a comparison, and warnings of what has no value.

    Measures of activations compare all layers, those of outputs the logits of classifiers, those
    of posteriors mean and logvar together, under the name `mean`. With pooling "positions" layers
    are compared with those of the same spatial size.

    Raises:
        InputError: if a measure is asked for on layers, or of runs, that it cannot compare.
    """
    by_kind: dict[str, list[Chosen]] = {}
    for one in chosen:
        by_kind.setdefault(one.measure.input_kind, []).append(one)
    parts, warnings = [], []
    for kind, own in by_kind.items():
        if kind == ACTIVATIONS:
            reduced = all(one.measure.reducible for one in own)
            read = Representations(sources, layers, probe, reduced=reduced, **options)
            sizes = _by_size(read) if options.get("pooling") == "positions" else [list(read)]
            parts += [Part(own, read, labels) for labels in sizes]
            if options.get("pooling") == "positions":
                warnings.append(_positions_warning(sizes, read, len(probe.indices)))
        else:
            parts.append(_part_of_kind(kind, own, sources, layers, probe, options))
    return parts, warnings


def _part_of_kind(
    kind: str,
    chosen: list[Chosen],
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    options: Mapping[str, Any],
) -> Part:
    names, shown, fields = ", ".join(c.label for c in chosen), _SHOWN[kind], _FIELDS[kind]
    for run in {source.run.id: source.run for source in sources}.values():
        if not _has(run, kind):
            lacks = "classifies no labels" if kind == OUTPUTS else "has no posteriors"
            raise InputError(
                f"{names} compare{'s' * (len(chosen) == 1)} {kind}, but run {run.id} "
                f"({run.experiment}) {lacks}; leave the measure or the run out"
            )
    if shown not in layers:
        raise InputError(
            f"{names} compare{'s' * (len(chosen) == 1)} {kind}, not {', '.join(layers)}; name "
            f"{shown} among the layers"
        )
    read = Representations(sources, fields, probe, **{**options, "reduced": False})
    beside = {"labels": labels_of(probe)} if kind == OUTPUTS else {}
    made = {s.label(shown): {field: s.label(field) for field in fields} for s in sources}
    return Part(chosen, read, list(made), made, beside)


def labels_of(probe: Probe) -> Tensor:
    """Return the labels (N,) of the probe's images."""
    return targets(probe, "labels").argmax(dim=1)


def _has(run: Run, kind: str) -> bool:
    if kind == POSTERIORS:
        return has_posterior(run)
    loss = (run.config.get("training") or {}).get("loss") or {}
    return run.config.get("target") == "labels" and loss.get("name") == "cross_entropy"


def _positions_warning(
    groups: Sequence[Sequence[str]], read: Representations, n_images: int
) -> str:
    """Return what is to be known of rows that are positions: `groups` are of one size each."""
    rows = read.rows_per_image()
    counts = "; ".join(f"{n_images * rows[own[0]]:,} of {_layers_of(own)}" for own in groups)
    text = (
        f"with pooling=positions the rows of one image depend on each other, so that null_sd and z "
        f"are not known; rows: {counts}"
    )
    apart = "layers of different spatial size are not compared, NaN stands between them"
    return f"{text}; {apart}." if len(groups) > 1 else f"{text}."


def _by_size(read: Representations) -> list[list[str]]:
    """Return the labels, those with equally many rows for an image together."""
    found: dict[int, list[str]] = {}
    for label, rows in read.rows_per_image().items():
        found.setdefault(rows, []).append(label)
    return list(found.values())


def _layers_of(labels: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(label.split("/", 2)[2] for label in labels))


def _run(label: str) -> int:
    return int(label.partition("/")[0])
