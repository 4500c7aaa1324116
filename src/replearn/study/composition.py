"""The composition task: change one factor of an image to its value in another image."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import partition
from replearn.dataset.triples import COMMANDS, TripleIndex, Triples, check_grid
from replearn.errors import InputError
from replearn.inputs import CompositionInput
from replearn.runs.rebuild import make_model
from replearn.study.factors import declared, factor_space, factors_of, n_factors
from replearn.study.learned import vae_scores
from replearn.study.task import Task, make_task
from replearn.training.batches import Batch, Batches
from replearn.training.engine import make_evaluator
from replearn.training.loss import Loss
from replearn.training.seeds import derive_seed, make_generator

RECONSTRUCT = ("all", "target")
# What a run without these keys was asked for.
OPTIONS = {"command": "resampled", "reconstruct": "all"}


def composition_task(
    config: Mapping[str, Any],
    data: ImageDataset,
    device: torch.device,
    images: Task | None = None,
    info: dict[str, Any] | None = None,
) -> Task:
    """Return the composition task on `data`, which moves to `device`.

    An example is (CompositionInput, target (B, 3, C, H, W)): reference, command and transformed
    image, or (B, 1, C, H, W), the transformed image alone, with `reconstruct="target"`. References
    and commands are images to train on, always. The transformed image is one of them in training, a
    held-out image in validation, an image of an excluded combination in the test: the part that an
    example belongs to is that of its target.

    Args:
        config: with `command` and `reconstruct`; else "resampled" and "all".
        images: what `make_task` returns for these, if it is there already.
        info: gets "n_factors" and, as "triples", of how many images there are triples.

    Raises:
        InputError: if the data set has no factors, or no triples.
    """
    options = OPTIONS | {key: config[key] for key in OPTIONS if config.get(key) is not None}
    check_options(**options)
    (factors, space), parts = factors_of(data), partition(config["dataset"], data)
    images = make_task(config, data, device) if images is None else images
    triples = Triples(factors, space.sizes, parts.training, options["command"], device)
    target_only = options["reconstruct"] == "target"
    usable = triples.changeable(images.training.indices)
    counts = {"references": int(usable.sum()), "unchangeable": int((~usable).sum())}
    made: dict[str, Batches | None] = {}
    extra = 0
    if usable.any():
        draw = triples.from_references
        made["training"] = _examples(_some(images.training, usable), draw, target_only)
    for part, batches in (("held_out", images.held_out), ("test", images.test)):
        if batches is not None:
            targets = getattr(parts, part)
            reached = triples.reachable(targets)
            counts[f"{part}_targets"] = int(reached.either.sum())
            counts[f"{part}_unreachable"] = int((~reached.either).sum())
            counts[f"{part}_excluded_commands"] = int(reached.others.sum())
            extra += reached.nbytes
            usable = np.isin(batches.indices, targets[reached.either])
            if usable.any():
                size = min(batches.batch_size, int(usable.sum()))
                some = _some(replace(batches, batch_size=size), usable)
                draw = partial(triples.to_targets, reached=reached)
                made[part] = _examples(some, draw, target_only)
    for part, purpose in (("training", "train"), ("held_out", "validate")):
        if part not in made:
            raise InputError(
                f"there is no triple to {purpose} on among the {len(parts.training):,} training "
                f"images of {data.name}: too few differ in one factor alone; take more images"
            )
    if info is not None:
        info |= {
            "n_factors": len(space.sizes),
            "triples": {**counts, "bytes": triples.nbytes + extra},
        }
    return Task(made["training"], made["held_out"], made.get("test"))  # type: ignore[arg-type]


def example_triples(
    config: Mapping[str, Any], data: ImageDataset, n: int, part: str
) -> tuple[CompositionInput, Tensor]:
    """Return up to `n` examples of a run, the same ones at every call: inputs and targets.

    Args:
        config: of the run.
        data: that it was trained on.
        part: "training", "held_out" or "test": whose images the transformed ones are. Of "test"
            they are excluded combinations, references and commands are of training combinations.

    Returns:
        Reference and command images (n, 2, C, H, W) with the factors' numbers, and reference,
        command and transformed images (n, 3, C, H, W).

    Raises:
        InputError: if there is no such triple.
    """
    task = composition_task({**config, "reconstruct": "all"}, data, torch.device("cpu"))
    batches = getattr(task, part)
    if batches is None:
        raise InputError(f"the run has no {part} triples: it excludes no combinations of factors")
    order = np.random.default_rng(derive_seed(0, "example triples")).permutation(batches.indices)
    return batches.fetch(torch.from_numpy(order[:n]), make_generator(derive_seed(0, "examples")))


def check_composition(config: Mapping[str, Any]) -> None:
    """Refuse, before data are loaded, what cannot be composed.

    Raises:
        InputError: if an option is unknown, the data set has no factors or too many combinations of
            them, or the operator does not fit model and factors.
    """
    check_options(config["command"], config["reconstruct"])
    declaration = declared(config)
    check_grid(factor_space(declaration).sizes)
    with torch.device("meta"):
        make_model(config["model"], declaration.image_shape, n_factors=n_factors(declaration))


def check_options(command: str, reconstruct: str) -> None:
    """Raise an InputError unless both are known."""
    for name, value, choices in (
        ("command", command, COMMANDS),
        ("reconstruct", reconstruct, RECONSTRUCT),
    ):
        if value not in choices:
            raise InputError(f"{name} must be {' or '.join(choices)}, got {value!r}")


def image_scores(
    config: Mapping[str, Any], model: nn.Module, loss: Loss, images: Task
) -> dict[str, float]:
    """Return what is measured of an auto-encoder on images alone, without commands.

    Returns:
        `image_reconstruction`, the reconstruction term of held-out images (nats per image), and
        `vae_scores`, as experiments.unsupervised has them.
    """
    evaluate = make_evaluator(model, loss, derive_seed(config["seed"], "image scores"))
    terms = evaluate(images.held_out.in_order(), 0)
    scores = vae_scores(model, loss, images, terms["reconstruction"])
    return {"image_reconstruction": terms["reconstruction"], **scores}


def _some(batches: Batches, chosen: NDArray[np.bool_]) -> Batches:
    """Return batches of the chosen positions (N,) alone."""
    weights = None if batches.weights is None else batches.weights[chosen]
    return replace(batches, indices=batches.indices[chosen], weights=weights)


def _examples(
    batches: Batches, draw: Callable[[Tensor, Generator], TripleIndex], target_only: bool
) -> Batches:
    """Return examples in place of images."""

    def fetch(index: Tensor, generator: Generator) -> Batch:
        found = draw(index, generator)
        encoded = torch.stack([found.reference, found.command], 1).flatten()
        images = batches.fetch(encoded, generator)[0].unflatten(0, (-1, 2))
        target = batches.fetch(found.transformed, generator)[0][:, None]
        if not target_only:
            target = torch.cat([images, target], 1)
        return CompositionInput(images, found.factor, target_only), target

    return replace(batches, fetch=fetch)
