"""Objects from a config: the data set, the model and the loss of an experiment or of a run."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from replearn.dataset import DATASETS
from replearn.dataset.images import ImageDataset
from replearn.errors import InputError
from replearn.models import MODELS, Network
from replearn.models.weights import load_weights
from replearn.registry import build, lookup
from replearn.runs.config import defaults
from replearn.training.losses import LOSSES


def make_dataset(section: Mapping[str, Any]) -> ImageDataset:
    """Return the data set of a config's `dataset` section."""
    return build(DATASETS, section["name"], kind="data set", **dataset_parameters(section))


def dataset_parameters(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config's `dataset` section tells the loader of the data set that it names."""
    return _own(section, DATASETS, "data set")


def make_model(section: Mapping[str, Any], image_shape: tuple[int, int, int], **given: Any):
    """Return the model of a config's `model` section, for images (C, H, W).

    Args:
        given: parameters that follow from the data, such as `n_outputs`; where the section has a
            `composition_op`, `n_factors` is that operator's.

    Raises:
        InputError: if a name or value is wrong, or does not fit the data.
    """
    operator = section.get("composition_op")
    n_factors = None if operator is None else given.pop("n_factors")
    params = _own(section, MODELS, "model") | given
    model = build(MODELS, section["name"], kind="model", image_shape=image_shape, **params)
    if operator is not None:
        model.compose_with(operator, n_factors)
    return model


def make_loss(section: Mapping[str, Any], **given: Any) -> nn.Module:
    """Return the loss of a config's `training` section.

    Args:
        given: parameters that follow from the data, such as the factors' `sizes`.
    """
    params = {k: v for k, v in section["loss"]["params"].items() if v is not None} | given
    return build(LOSSES, section["loss"]["name"], kind="loss", **params)


def choose_device(name: str) -> torch.device:
    """Return the device that `device=auto|cpu|cuda` stands for."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device=cuda was asked for, but torch sees no GPU; use device=auto")
    return torch.device(name)


def _own(section: Mapping[str, Any], registry: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the parameters of a section that the entry which it names takes and that are set."""
    accepted = defaults(lookup(registry, section["name"], kind))
    return {k: v for k, v in section.items() if k in accepted and v is not None}


def dataset_of(run: Any) -> ImageDataset:
    """Return the data set that a run was trained on: the same images, not others of its name.

    Raises:
        InputError: if those that are found here are others.
    """
    section, known = run.config["dataset"], run.identity.get("data")
    is_twin = (run.info.get("dataset") or {}).get("is_twin")
    if is_twin and section.get("source") == "auto":
        section = {**section, "source": "twin"}  # also where the published file is here by now
    data = make_dataset(section)
    if known is not None and data.digest != known:
        kinds = ["drawn by replearn" if twin else "published" for twin in (is_twin, data.is_twin)]
        raise InputError(
            f"run {run.id} was trained on other images of {data.name} ({kinds[0]}, {known[:24]}) "
            f"than those that are here ({kinds[1]}, {data.digest[:24]}); bring back its files"
        )
    return data


def network_of(run: Any) -> Network:
    """Return a run's model as it is built, without its weights: what layers it has."""
    shape = run.info["image_shape"]
    sizes = ("n_outputs", "n_factors")
    given = {name: run.info[name] for name in sizes if run.info.get(name) is not None}
    return make_model(run.config["model"], tuple(shape), **given)


def model_of(run: Any, step: int | None = None) -> nn.Module:
    """Return a run's model with its weights after `step` steps, or with the last ones.

    Raises:
        InputError: if the run has no such weights, or they do not fit the model.
    """
    weights, model = run.checkpoint(step), network_of(run)
    load_weights(model, weights, f"run {run.id}")
    return model.eval()
