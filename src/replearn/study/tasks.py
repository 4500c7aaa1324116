"""What models are trained on, by name: how images become examples of input and target."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from replearn.dataset.images import ImageDataset
from replearn.study.composition import composition_task
from replearn.study.decoding import decoding_task
from replearn.study.targets import make_targets
from replearn.study.task import Task, make_task


def reconstruction(config: Mapping[str, Any], data: ImageDataset, device: torch.device) -> Task:
    """Image to the same image."""
    return make_task(config, data, device)


def composition(config: Mapping[str, Any], data: ImageDataset, device: torch.device) -> Task:
    """Reference, command and a factor to the reference with the command's value of that factor."""
    return composition_task(config, data, device)


def decoding(config: Mapping[str, Any], data: ImageDataset, device: torch.device) -> Task:
    """Values of factors to the image."""
    return decoding_task(make_task(config, data, device), data, device)


def prediction(config: Mapping[str, Any], data: ImageDataset, device: torch.device) -> Task:
    """Image to its label, or to its factors."""
    return make_task(config, data, device, make_targets(data, config, device).of)


TASKS: dict[str, Callable[[Mapping[str, Any], ImageDataset, torch.device], Task]] = {
    "reconstruction": reconstruction,
    "composition": composition,
    "decoding": decoding,
    "prediction": prediction,
}
