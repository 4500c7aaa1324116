"""Compare the layers of finished runs: which representations, all pairs of them, their means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replearn.analysis.activations import code_version, fingerprint
from replearn.analysis.cache import cached_representations, representation_keys
from replearn.analysis.similarity import (
    MEASURES,
    Chosen,
    SimilarityResult,
    choose_all,
    compare_all,
)
from replearn.dataset.altered import ALTERATIONS
from replearn.errors import InputError, nearest
from replearn.runs.config import canonical, what_images
from replearn.runs.rebuild import network_of
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

    All layers of a network are made in one pass and cached; afterwards they are read one by one,
    and the weights are not needed.
    """

    def __init__(self, sources: Sequence[Source], layers: Sequence[str], probe: Probe, **options):
        self._probe, self._options, self._layers = probe, options, list(layers)
        self._places = {s.label(layer): (s, layer) for s in sources for layer in layers}
        self._print = fingerprint(probe.batches())
        self._ready: dict[str, Tensor] = {}
        built = networks([source.run for source in sources])
        versions = {id(model): code_version(model) for model in built.values()}
        self._versions = {run_id: versions[id(model)] for run_id, model in built.items()}

    def __getitem__(self, label: str) -> Tensor:
        source, layer = self._places[label]
        if layer in TARGETS:
            return targets(self._probe, layer)
        if label not in self._ready:
            self._ready = {source.label(name): x for name, x in self._read(source, layer)}
        return self._ready.pop(label)

    def keys_of(self, source: Source) -> dict[str, str]:
        """Return the content key of each layer of a network, targets left out."""
        made = [layer for layer in self._layers if layer not in TARGETS]
        return representation_keys(made, **self._content(source), **self._options)

    def _read(self, source: Source, layer: str) -> Iterator[tuple[str, Tensor]]:
        # The layers from this one on: what is asked for next. Those before are done with.
        rest = [x for x in self._layers[self._layers.index(layer) :] if x not in TARGETS]
        return cached_representations(
            lambda: source.run.model(source.step),
            rest,
            self._probe.batches,
            **self._content(source),
            **self._options,
        )

    def _content(self, source: Source) -> dict[str, str]:
        name = weights_name(source.step)
        recorded = (source.run.completion or {}).get("artifacts", {}).get(name)
        if recorded is None:
            raise InputError(
                f"run {source.run.id} has no verified weights of step {source.step}; it has those "
                f"of steps {', '.join(map(str, source.run.checkpoints))}"
            )
        version = self._versions[source.run.id]
        return {"checkpoint": recorded["sha256"], "probe": self._print, "version": version}

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


def networks(runs: Sequence[Run]) -> dict[int, nn.Module]:
    """Return the model of each run without weights, by run id; equal ones are built once."""
    built: dict[str, nn.Module] = {}
    found = {}
    for run in runs:
        shape, outputs = run.info.get("image_shape"), run.info.get("n_outputs")
        key = canonical([run.config["model"], shape, outputs])
        if key not in built:
            built[key] = network_of(run)
        found[run.id] = built[key]
    return found


def common_probe(runs: Sequence[Run], n: int, marked: bool | None = None) -> Probe:
    """Return `n` held-out images of the data set that all runs share, with their true labels.

    How much of their training data was altered does not part runs. Where all were trained with a
    shortcut, the images have its marks, which say nothing there; otherwise they have none.

    Args:
        marked: give them marks or not, whatever the runs were trained with.

    Raises:
        InputError: if the runs were trained on different data sets, images or splits.
    """
    first = runs[0]
    for run in runs[1:]:
        if _data(run) != _data(first):
            raise InputError(
                f"runs {first.id} and {run.id} were trained on different data "
                f"({first.config['dataset']['name']} and {run.config['dataset']['name']}, or other "
                f"splits); narrow the query, for example by where.dataset.name"
            )
        if run.identity.get("data") != first.identity.get("data"):
            raise InputError(
                f"runs {first.id} and {run.id} were trained on different images of the data set "
                f"{first.config['dataset']['name']} ({_kind(first)} and {_kind(run)}); narrow the "
                f"query, for example by where.id"
            )
    if marked is None:
        marked = all(run.config["dataset"].get("shortcut") is not None for run in runs)
    section = {**first.config["dataset"], "shortcut": 0.0 if marked else None}
    return probe_of(section, first.dataset(), n)


def _data(run: Run) -> str:
    """Return what chooses the images and the split of a run; not where they came from.

    Nor what was altered of those that it trained on: the images that it held out are the same.
    """
    section = run.config["dataset"]
    return canonical(what_images({k: v for k, v in section.items() if k not in ALTERATIONS}))


def _kind(run: Run) -> str:
    is_twin = (run.info.get("dataset") or {}).get("is_twin")
    return "its twin" if is_twin else f"{str(run.identity.get('data'))[:8]}…"


def common_layers(runs: Sequence[Run], asked: str | Sequence[str]) -> list[str]:
    """Return the layers to compare: those named, or all, which needs one architecture.

    A name is one of the model's modules, a field of its output, `input`, or one of TARGETS.

    Raises:
        InputError: if a layer does not exist in every run, or the runs are of different
            architectures and all layers are asked for.
    """
    built, first = networks(runs), runs[0]
    named = listed(asked, "layers")
    if named == ["all"]:
        layers = built[first.id].layers()  # type: ignore[operator]
        for run in runs[1:]:
            if built[run.id].layers() != layers:  # type: ignore[operator]
                raise InputError(
                    f"runs {first.id} and {run.id} have different architectures "
                    f"({_architecture(first)} and {_architecture(run)}); narrow the query, for "
                    f"example by where.model.encoder"
                )
        return layers
    for model in {id(model): model for model in built.values()}.values():
        known = layer_names(model)
        for name in named:
            if name not in known:
                raise InputError(f"the models have no layer {name!r}; {nearest(str(name), known)}")
    return list(dict.fromkeys(named))


def layer_names(model: Any) -> list[str]:
    """Return every name that a layer of `model` can be asked for by, the declared ones first."""
    modules = [name for name, _ in model.named_modules() if name]
    return list(dict.fromkeys([*model.layers(), "input", *TARGETS, *model.heads, *modules]))


def choose_steps(runs: Sequence[Run], asked: str | int | Sequence[str | int]) -> list[Source]:
    """Return the networks to compare: each run after its last step, all kept steps, or some.

    Raises:
        InputError: if a step is neither `last` nor `all` nor a whole number.
    """
    sources, named = [], listed(asked, "steps")
    for run in runs:
        kept = run.checkpoints
        for step in named:
            if isinstance(step, bool) or not (isinstance(step, int) or step in ("last", "all")):
                raise InputError(f"steps must be last, all, or a list of steps, got {asked!r}")
            wanted = kept if step == "all" else kept[-1:] if step == "last" else [int(step)]
            sources += [Source(run, each) for each in wanted]
    return list(dict.fromkeys(sources))


def listed(value: Any, key: str) -> list[Any]:
    """Return what a config names as a list: `a`, `a,b` and `[a,b]` are all ways to write one.

    A part `word=value` is a further parameter of the part before: `jaccard:k=10,x=3` is one.

    Raises:
        InputError: if it names nothing; the sentence tells the config's `key`.
    """
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    parts: list[Any] = []
    for part in value if isinstance(value, list | tuple) else [] if value is None else [value]:
        further = isinstance(part, str) and re.match(r"\w+=", part)
        if further and parts and isinstance(parts[-1], str) and ":" in parts[-1]:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    if not parts:
        raise InputError(f"{key}={value!r} names nothing to compare; name at least one, or leave "
                         f"{key} out")  # fmt: skip
    return parts


def compare_layers(
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    progress: Any = None,
    **options: Any,
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer)."""
    chosen = choose_all(listed(measures, "measures"), MEASURES)
    made = Representations(sources, layers, probe, reduced=may_reduce(chosen), **options)
    return compare_all(made, [one.spec for one in chosen], progress=progress)


def may_reduce(chosen: Sequence[Chosen]) -> bool:
    """Return whether wide layers may be kept as the coordinates that their Gram matrix gives."""
    return all(one.measure.reducible for one in chosen)


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
