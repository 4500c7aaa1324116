"""Whether images are to be had, and fit model and targets: found out before anything is spent."""

from collections.abc import Mapping
from typing import Any

import torch

from replearn.dataset import DECLARATIONS, ImageDataset, load_if_ready
from replearn.errors import InputError
from replearn.models import MODELS
from replearn.runs.config import canonical
from replearn.runs.rebuild import dataset_parameters, make_model
from replearn.study.factors import declared, n_factors
from replearn.study.targets import make_targets
from replearn.study.task import as_trained, make_task

# What decides, besides the data set and the model.
_OF_TRAINING = ("batch_size", "n_validation", "channels_last")


class FitChecker:
    """Looks at each data set, and at each model for it, once for any number of configurations.

    Of images that have to be downloaded, drawn or converted first it knows the declared shape; then
    what depends on them (targets, the size of the split) is not looked at.

    Args:
        here: whether runs find the files that this process finds; else missing ones are no fault.
    """

    def __init__(self, here: bool = True) -> None:
        self._here = here
        self._data: dict[str, ImageDataset | str | None] = {}
        self._fits: dict[str, str | None] = {}

    def fault(self, config: Mapping[str, Any]) -> str | None:
        """Return the sentence that a run of `config` would end with before its first step, or None.

        Args:
            config: of an experiment that trains; others have no faults.
        """
        if not {"dataset", "model", "training"} <= config.keys():
            return None
        data = self._look(config["dataset"])
        if isinstance(data, str):
            return data
        training = config["training"]
        key = canonical(
            [config["dataset"], config["model"], config.get("target"), config.get("normalised"),
             training["loss"]["name"], *(training[name] for name in _OF_TRAINING)]
        )  # fmt: skip
        if key not in self._fits:
            try:
                self._fits[key] = _check(config, data)
            except InputError as error:
                self._fits[key] = str(error)
        return self._fits[key]

    def _look(self, section: Mapping[str, Any]) -> ImageDataset | str | None:
        # Many configurations differ in what they exclude of the same images.
        key = canonical([section["name"], dataset_parameters(section)])
        if key not in self._data:
            try:
                self._data[key] = load_if_ready(section["name"], **dataset_parameters(section))
            except InputError as error:
                self._data[key] = str(error) if self._here else None
        return self._data[key]


def _check(config: Mapping[str, Any], data: ImageDataset | None) -> None:
    """Raise an InputError unless model, targets and batches can be made."""
    cpu, given = torch.device("cpu"), {}
    if data is not None:
        make_task(config, as_trained(config, data), cpu)
    if "target" in config:
        given["n_outputs"] = 1 if data is None else make_targets(data, config, cpu).n_outputs
    composed = config["model"].get("composition_op") is not None
    if composed or MODELS[config["model"]["name"]].kind == "decoder":
        given["n_factors"] = n_factors(declared(config) if data is None else data)
    with torch.device("meta"):  # shapes alone: no weights
        make_model(config["model"], _shape(config["dataset"], data), **given)


def _shape(section: Mapping[str, Any], data: ImageDataset | None) -> tuple[int, int, int]:
    """Return (C, H, W) of the images, as declared if they are not here."""
    if data is not None:
        return data.image_shape
    channels, height, width = DECLARATIONS[section["name"]].image_shape
    size = section.get("size")
    return (channels, size, size) if size else (channels, height, width)
