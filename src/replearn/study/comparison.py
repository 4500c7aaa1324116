"""Compare the layers of finished runs: which representations, all pairs of them, their means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.analysis.activations import fingerprint
from replearn.analysis.cache import cached_representations
from replearn.analysis.similarity import SimilarityResult, compare_all
from replearn.errors import InputError, nearest
from replearn.runs.run import Run
from replearn.study.probes import Probe, probe_of
from replearn.training.checkpoints import weights_name

# Layers that are no activations: what the images show.
TARGETS = ("labels", "factors")


@dataclass(frozen=True)
class Source:
    """One network of a comparison: a run after some steps."""

    run: Run
    step: int

    def label(self, layer: str) -> str:
        """Return the label of a layer: <run id>/<step>/<layer>."""
        return f"{self.run.id}/{self.step}/{layer}"


class Representations(Mapping[str, Tensor]):
    """The representations of layers of networks on one probe set, made or read when asked for.

    All layers of a network are made in one pass and cached; afterwards they are read one by one.
    """

    def __init__(self, sources: Sequence[Source], layers: Sequence[str], probe: Probe, **options):
        self._probe, self._options, self._layers = probe, options, list(layers)
        self._places = {s.label(layer): (s, layer) for s in sources for layer in layers}
        self._print = fingerprint(probe.batches())
        self._ready: dict[str, Tensor] = {}

    def __getitem__(self, label: str) -> Tensor:
        source, layer = self._places[label]
        if layer in TARGETS:
            return targets(self._probe, layer)
        if label not in self._ready:
            self._ready = {source.label(name): x for name, x in self._read(source, layer)}
        return self._ready.pop(label)

    def _read(self, source: Source, layer: str) -> Iterator[tuple[str, Tensor]]:
        name = weights_name(source.step)
        recorded = (source.run.completion or {}).get("artifacts", {}).get(name)
        if recorded is None:
            raise InputError(
                f"run {source.run.id} has no verified weights of step {source.step}; it has those "
                f"of steps {', '.join(map(str, source.run.checkpoints))}"
            )
        # The layers from this one on: what is asked for next. Those before are done with.
        rest = [x for x in self._layers[self._layers.index(layer) :] if x not in TARGETS]
        return cached_representations(
            source.run.model(source.step),
            rest,
            self._probe.batches,
            checkpoint=recorded["sha256"],
            probe=self._print,
            **self._options,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def targets(probe: Probe, kind: str) -> Tensor:
    """Return what the images show as a representation: labels one-hot (N, n), or factors (N, K).

    Raises:
        InputError: if the data set has no such targets.
    """
    data = probe.data
    if kind == "labels" and data.labels is not None:
        return torch.eye(int(data.labels.max()) + 1)[data.labels[probe.indices]]
    if kind == "factors" and data.factors is not None:
        return torch.from_numpy(data.factors[probe.indices]).double()
    raise InputError(f"{data.name} has no {kind} to compare layers with")


def common_probe(runs: Sequence[Run], n: int) -> Probe:
    """Return `n` held-out images of the data set that all runs share.

    Raises:
        InputError: if the runs were trained on different data sets or splits.
    """
    identities = {str(run.config["dataset"]): run for run in runs}
    if len(identities) > 1:
        first, other = list(identities.values())[:2]
        raise InputError(
            f"runs {first.id} and {other.id} were trained on different data "
            f"({first.config['dataset']['name']} and {other.config['dataset']['name']}, or other "
            f"splits); narrow the query, for example by where.dataset.name"
        )
    return probe_of(runs[0].config["dataset"], runs[0].dataset(), n)


def common_layers(runs: Sequence[Run], asked: str | Sequence[str]) -> list[str]:
    """Return the layers to compare: those named, or all, which needs one architecture.

    Raises:
        InputError: if the runs are of different architectures, or a layer does not exist.
    """
    layers = {run.id: run.model(run.checkpoints[0]).layers() for run in runs}
    first = runs[0]
    for run in runs[1:]:
        if layers[run.id] != layers[first.id]:
            raise InputError(
                f"runs {first.id} and {run.id} have different architectures "
                f"({_architecture(first)} and {_architecture(run)}); narrow the query, for "
                f"example by where.model.encoder"
            )
    named = listed(asked)
    if named == ["all"]:
        return layers[first.id]
    known = [*layers[first.id], "input", *TARGETS]
    for name in named:
        if name not in known:
            raise InputError(f"the models have no layer {name!r}; {nearest(name, known)}")
    return named


def choose_steps(runs: Sequence[Run], asked: str | int | Sequence[int]) -> list[Source]:
    """Return the networks to compare: each run after its last step, all kept steps, or some."""
    sources, named = [], listed(asked)
    for run in runs:
        kept = run.checkpoints
        if not kept:
            raise InputError(f"run {run.id} ({run.experiment}) has kept no weights to compare")
        wanted = {"last": kept[-1:], "all": kept}.get(str(named[0]), named)
        if not all(isinstance(step, int) for step in wanted):
            raise InputError(f"steps must be last, all, or a list of steps, got {asked!r}")
        sources += [Source(run, step) for step in wanted]
    return sources


def listed(value: Any) -> list[Any]:
    """Return what a config names as a list: `a`, `a,b` and `[a,b]` are all ways to write one."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, int) else list(value)


def compare_layers(
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    progress: Any = None,
    **options: Any,
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer)."""
    return compare_all(
        Representations(sources, layers, probe, **options), listed(measures), progress=progress
    )


def between_runs(
    result: SimilarityResult, measure: str, sources: Sequence[Source], layers: Sequence[str]
) -> NDArray[np.float64]:
    """Return the mean (L, L) over ordered pairs of different runs, layer by layer.

    Of a single run it is the matrix of that run's own layers.
    """
    place = {label: i for i, label in enumerate(result.labels)}
    matrix = result.values[measure]
    blocks = []
    for one in sources:
        for other in sources:
            if one.run.id != other.run.id or len(sources) == 1:
                rows = [place[one.label(layer)] for layer in layers]
                columns = [place[other.label(layer)] for layer in layers]
                blocks.append(matrix[np.ix_(rows, columns)])
    stack = np.stack(blocks)
    known = ~np.isnan(stack)
    # A layer that is constant in one run has no value there; the mean is over the others.
    total = np.where(known, stack, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))


def _architecture(run: Run) -> str:
    model = run.config["model"]
    return "-".join(str(model[key]) for key in ("name", "encoder", "decoder") if model.get(key))
