"""What a run trains on: its data set, on its device, in training and held-out batches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from replearn.analysis.generalisation import spread
from replearn.dataset.altered import altered
from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import Partition, partition
from replearn.dataset.rebalance import balancing_weights
from replearn.errors import InputError
from replearn.runs.rebuild import choose_device, make_dataset
from replearn.study.versions import versions
from replearn.training.batches import Batch, Batches
from replearn.training.seeds import derive_seed

if TYPE_CHECKING:
    from sacred.run import Run


@dataclass(frozen=True)
class Task:
    """What a model is trained on.

    Attributes:
        training: the examples to train on.
        held_out: examples of the same combinations of factors, to validate on.
        test: examples of the combinations that a hold-out excludes, each of the factors that it
            names equally often; None without one.
    """

    training: Batches
    held_out: Batches
    test: Batches | None = None


def prepare(run: "Run", config: Mapping[str, Any]) -> tuple[ImageDataset, torch.device]:
    """Return the data to train on, and the device; write what they are to the run's info."""
    device = choose_device(config["device"])
    data = make_dataset(config["dataset"])
    run.info["dataset"] = describe(data)
    run.info["image_shape"] = list(data.image_shape)
    run.info["device"] = str(device)
    run.info["versions"] = versions()
    for observer in run.observers:
        observer.identity["data"] = data.digest
    return as_trained(config, data), device


def as_trained(config: Mapping[str, Any], data: ImageDataset) -> ImageDataset:
    """Return the data as a network of this config is trained on them: altered if it says so.

    Raises:
        InputError: if labels are to be replaced that nobody predicts, or there are no labels.
    """
    section = config["dataset"]
    noise, shortcut = section.get("label_noise"), section.get("shortcut")
    if noise is None and shortcut is None:
        return data
    if noise is not None and config.get("target") != "labels":
        raise InputError(
            "dataset.label_noise replaces labels, which this run does not predict; leave it out, "
            "or train experiments.supervised with target=labels"
        )
    kept = partition(section, data).training
    return altered(data, kept, noise, shortcut, section.get("noise_seed"))


def describe(data: ImageDataset) -> dict[str, Any]:
    """Return what a run says of its data set: a twin says that it is one."""
    return {"name": data.name, "is_twin": data.is_twin, "digest": data.digest, "note": data.note}


def make_task(
    config: Mapping[str, Any],
    data: ImageDataset,
    device: torch.device,
    target: Callable[[Tensor], Tensor] | None = None,
) -> Task:
    """Return the training, held-out and test batches of `data`, which moves to `device`.

    Args:
        target: positions (B,) -> targets (B, ...) on the device; None for the images themselves.
    """
    section, training = config["dataset"], config["training"]
    parts = partition(section, data)
    layout = torch.channels_last if training["channels_last"] else torch.contiguous_format
    on_device = replace(data, images=data.images.to(device))

    def fetch(index: Tensor, generator: Generator) -> Batch:
        index = index.to(device)
        x = on_device.batch(index).contiguous(memory_format=layout)
        return x, x if target is None else target(index)

    size, n, seed = training["batch_size"], training["n_validation"], section["split_seed"]

    def in_any_order(chosen: NDArray[np.int64]) -> Batches:
        # In the order of their factors, images of one batch would be alike: no sample of q(z),
        # which total correlations, covariances and discrepancies are estimated from.
        chosen = np.random.default_rng(derive_seed(0, "held-out order")).permutation(chosen)
        return Batches(fetch, chosen, min(size, max(len(chosen), 1)))

    factor = section.get("rebalance")
    weights = None if factor is None else balancing_weights(data, factor, parts.training)
    return Task(
        Batches(fetch, parts.training, size, weights),
        in_any_order(some_of(parts.held_out, n, seed)),
        in_any_order(some_excluded(data, parts, n, seed)) if len(parts.test) else None,
    )


def some_excluded(data: ImageDataset, parts: Partition, n: int, seed: int) -> NDArray[np.int64]:
    """Return at most `n` of the excluded images, always the same ones, in order.

    Each combination of the factors that the hold-out names comes equally often, as far as it can.
    """
    factors = data.factors[parts.test][:, named_factors(data, parts)]  # type: ignore[index]
    return spread(parts.test, factors, n, derive_seed(seed, "excluded"))


def named_factors(data: ImageDataset, parts: Partition) -> list[int]:
    """Return the positions of the factors that the hold-out names."""
    return [data.factor_space.names.index(name) for name in parts.named]  # type: ignore[union-attr]


def some_of(indices: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Return at most `n` of the indices, always the same ones, in order."""
    if len(indices) <= n:
        return indices
    rng = np.random.default_rng(derive_seed(seed, "subset"))
    return np.sort(rng.choice(indices, n, replace=False))
