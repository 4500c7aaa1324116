"""The representations of layers of networks on one probe set, made or read when asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from replearn.analysis.activations import activations, code_version, fingerprint
from replearn.analysis.cache import (
    TensorCache,
    cached_representations,
    content_of,
    representation_keys,
)
from replearn.errors import InputError
from replearn.models import MODELS
from replearn.runs.config import canonical
from replearn.runs.rebuild import network_of
from replearn.runs.run import Run
from replearn.study.probes import Probe
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

    What is not cached of a network is made, from the layer that is asked for on, in one pass or as
    many as memory needs, and cached; what is cached is read alone, and needs no weights.
    """

    def __init__(self, sources: Sequence[Source], layers: Sequence[str], probe: Probe, **options):
        self._probe, self.options, self._layers = probe, options, list(layers)
        self._places = {s.label(layer): (s, layer) for s in sources for layer in layers}
        self.fingerprint = fingerprint(probe.batches())
        self._cache = TensorCache()
        self._made: Iterator[tuple[str, Tensor]] = iter(())
        self._built = networks([source.run for source in sources])
        versions = {id(model): code_version(model) for model in self._built.values()}
        self._versions = {run_id: versions[id(model)] for run_id, model in self._built.items()}

    def __getitem__(self, label: str) -> Tensor:
        source, layer = self._places[label]
        if layer in TARGETS:
            return targets(self._probe, layer)
        (key,) = representation_keys([layer], **self._content(source), **self.options).values()
        # Those that came before it in a pass are in the cache, and are not held.
        if key in self._cache and (known := self._cache.get(key)) is not None:
            return known
        if (found := self._next(label)) is None:
            self._made = self._make(source, layer)
            found = self._next(label)
        if found is None:
            raise RuntimeError(f"{label!r} was not made, though its network was asked for it")
        return found

    def keys_of(self, source: Source) -> dict[str, str]:
        """Return the content key of each layer of a network, targets left out."""
        made = [layer for layer in self._layers if layer not in TARGETS]
        return representation_keys(made, **self._content(source), **self.options)

    def contents(self) -> dict[str, str]:
        """Return by label what the store of pairs knows a representation by.

        It is the same however it is stored, for every measure that may take it so.
        """
        options = {**self.options, "reduced": False}
        return self._by_label(options, lambda x: content_of(x, self.fingerprint))

    def cache_keys(self, cache: TensorCache) -> dict[str, str]:
        """Return by label where `cache` keeps a representation; targets are put there."""
        return self._by_label(self.options, lambda x: cache.keep(x, self.fingerprint))

    def rows_per_image(self) -> dict[str, int]:
        """Return by label how many rows each image has: 1, or the positions of feature maps."""
        image = next(iter(self._probe.batches()))[:1]
        made = [layer for layer in self._layers if layer not in TARGETS]
        options = {k: v for k, v in self.options.items() if k != "reduced"}
        counts = {
            id(model): {k: len(x) for k, x in activations(model, made, [image], **options).items()}
            for model in {id(model): model for model in self._built.values()}.values()
        }
        return {
            label: counts[id(self._built[source.run.id])].get(layer, 1)
            for label, (source, layer) in self._places.items()
        }

    def _by_label(self, options: Any, of_target: Callable[[Tensor], str]) -> dict[str, str]:
        made = [layer for layer in self._layers if layer not in TARGETS]
        own = {
            name: of_target(targets(self._probe, name)) for name in self._layers if name in TARGETS
        }
        found = {}
        for source in dict.fromkeys(source for source, _ in self._places.values()):
            known = representation_keys(made, **self._content(source), **options) | own
            found |= {source.label(layer): known[layer] for layer in self._layers}
        return found

    def _next(self, label: str) -> Tensor | None:
        """Return what is asked for if the pass under way comes to it."""
        return next((tensor for name, tensor in self._made if name == label), None)

    def _make(self, source: Source, layer: str) -> Iterator[tuple[str, Tensor]]:
        # The layers from this one on: what is asked for next. Those before are done with.
        keys = self.keys_of(source)
        rest = [x for x in self._layers[self._layers.index(layer) :] if x not in TARGETS]
        made = cached_representations(
            lambda: source.run.model(source.step),
            [x for x in rest if x == layer or keys[x] not in self._cache],
            self._probe.batches,
            cache=self._cache,
            name=lambda layer: repr(source.label(layer)),
            **self._content(source),
            **self.options,
        )
        return ((source.label(name), tensor) for name, tensor in made)

    def _content(self, source: Source) -> dict[str, str]:
        name = weights_name(source.step)
        recorded = (source.run.completion or {}).get("artifacts", {}).get(name)
        if recorded is None:
            raise InputError(
                f"run {source.run.id} has no verified weights of step {source.step}; it has those "
                f"of steps {', '.join(map(str, source.run.checkpoints))}"
            )
        version = self._versions[source.run.id]
        return {"checkpoint": recorded["sha256"], "probe": self.fingerprint, "version": version}

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
        sizes = [run.info.get(name) for name in ("image_shape", "n_outputs", "n_factors")]
        key = canonical([run.config["model"], *sizes])
        if key not in built:
            built[key] = network_of(run)
        found[run.id] = built[key]
    return found


def has_posterior(run: Run) -> bool:
    """Tell whether a run's model is an auto-encoder: its output has mean and logvar."""
    model = MODELS.get(run.config["model"]["name"])
    return model is not None and model.kind == "auto-encoder"
