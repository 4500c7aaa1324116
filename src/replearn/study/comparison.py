"""Compare the layers of finished runs: which representations, all pairs of them, their means."""

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity import (
    MEASURES,
    SimilarityResult,
    choose_all,
    compare_all,
)
from replearn.analysis.similarity.assembly import check_inputs
from replearn.analysis.similarity.pace import Announce
from replearn.dataset.altered import ALTERATIONS
from replearn.errors import InputError, nearest
from replearn.runs.config import canonical, what_images
from replearn.runs.run import Run
from replearn.study.comparison_parts import Part, Shuffled, parts_of
from replearn.study.probes import Probe, probe_of
from replearn.study.representations import TARGETS, Representations, Source, networks

__all__ = ["TARGETS", "Representations", "Source", "networks"]


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

    Nor what was altered of those that it trained on, or how often each was drawn: the images that
    it held out are the same.
    """
    apart = {*ALTERATIONS, "rebalance"}
    section = run.config["dataset"]
    return canonical(what_images({k: v for k, v in section.items() if k not in apart}))


def _kind(run: Run) -> str:
    is_twin = (run.info.get("dataset") or {}).get("is_twin")
    return "its twin" if is_twin else f"{str(run.identity.get('data'))[:8]}…"


def common_layers(
    runs: Sequence[Run], asked: str | Sequence[str], latent: str = "mean"
) -> list[str]:
    """Return the layers to compare: those named, or all, which needs one architecture.

    A name is one of the model's modules, a field of its output, `input`, or one of TARGETS; `all`
    may stand among others. Where decoders get the mean, which they do unless `latent="sample"`, z
    is the mean again, and not one of all.

    Raises:
        InputError: if a layer does not exist in every run, or the runs are of different
            architectures and all layers are asked for.
    """
    built, first = networks(runs), runs[0]
    named = listed(asked, "layers")
    if "all" in named:
        layers = built[first.id].layers()  # type: ignore[operator]
        for run in runs[1:]:
            if built[run.id].layers() != layers:  # type: ignore[operator]
                raise InputError(
                    f"runs {first.id} and {run.id} have different architectures "
                    f"({_architecture(first)} and {_architecture(run)}); narrow the query, for "
                    f"example by where.model.encoder"
                )
        if latent == "mean":
            layers = [layer for layer in layers if layer != "z"]
        at = named.index("all")
        named[at : at + 1] = layers
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
    sources, named = [], named_steps(asked)
    for run in runs:
        kept = run.checkpoints
        for step in named:
            wanted = kept if step == "all" else kept[-1:] if step == "last" else [step]
            sources += [Source(run, each) for each in wanted]
    return list(dict.fromkeys(sources))


def named_steps(asked: Any) -> list[Any]:
    """Return steps as a config names them: `last`, `all`, and whole numbers.

    Raises:
        InputError: if one is something else.
    """
    steps = [int(x) if isinstance(x, str) and x.isdecimal() else x for x in listed(asked, "steps")]
    for step in steps:
        if isinstance(step, bool) or not (isinstance(step, int) or step in ("last", "all")):
            raise InputError(f"steps must be last, all, or a list of steps, got {asked!r}")
    return steps


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
    *,
    standard_errors: bool = False,
    precision: str = "float64",
    device: str = "cpu",
    shuffled: bool = False,
    announce: Announce | None = None,
    **options: Any,
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer).

    Pairs that were compared before are read from results/pairs; the others are kept there.

    Args:
        sources, layers: of which networks which layers.
        probe: the images.
        measures: of activations, of outputs (the logits), or of posteriors (mean and logvar).
        progress, standard_errors, precision, device, announce: as in `compare_all`.
        shuffled: give each run the images in another order: what unrelated inputs give.
        options: `pooling` and `latent` of `stream_activations`.

    Raises:
        InputError: as `compare_all` and `parts_of`.
    """
    store = PairStore()

    def compare(part: Part) -> SimilarityResult:
        given, keys = part.given(), part.contents()
        if shuffled:
            given, keys = Shuffled(given, len(probe.indices)), Shuffled.contents(keys)
        return compare_all(
            given,
            [one.spec for one in part.chosen],
            probes=part.probes(),
            standard_errors=standard_errors,
            precision=precision,
            device=device,
            progress=progress,
            keys=keys,
            store=store,
            announce=announce,
        )

    with closing(store):
        return compare_parts(
            compare, sources, layers, probe, measures, standard_errors=standard_errors, **options
        )


def compare_parts(
    compare: Callable[[Part], SimilarityResult],
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    *,
    standard_errors: bool = False,
    **options: Any,
) -> SimilarityResult:
    """Return what `compare` returns of all parts of a comparison, together.

    Raises:
        InputError: as `parts_of`; or if standard errors over positions are asked for.
    """
    check_pooling(options.get("pooling"), standard_errors)
    chosen = choose_all(listed(measures, "measures"), MEASURES)
    check_inputs(chosen, {"the probe set": len(probe.indices)})
    parts, warnings = parts_of(chosen, sources, layers, probe, **options)
    found = [compare(part) for part in parts]
    if options.get("pooling") == "positions":  # these, too, take the rows for independent
        found = [replace(one, null_sds={}) for one in found]
    labels = [source.label(layer) for source in sources for layer in layers]
    return SimilarityResult.joined(
        labels, len(probe.indices), [one.label for one in chosen], found, warnings
    )


def check_pooling(pooling: str | None, standard_errors: bool) -> None:
    """Raise an InputError if standard errors over positions are asked for."""
    if standard_errors and pooling == "positions":
        raise InputError(
            "standard errors take the rows for independent inputs, but with pooling=positions many "
            "are of one image; leave standard_errors out, or give another pooling"
        )


def _architecture(run: Run) -> str:
    model = run.config["model"]
    return "-".join(str(model[key]) for key in ("name", "encoder", "decoder") if model.get(key))
