"""What a decoder of true factors is trained on: factor values in, images out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from replearn.dataset.images import ImageDataset
from replearn.study.targets import factor_values
from replearn.study.task import Task, make_task
from replearn.training.batches import Batch, Batches


def decoding_task(config: Mapping[str, Any], data: ImageDataset, device: torch.device) -> Task:
    """Return a task whose inputs are the factor values (B, K) of the images, which are targets.

    Values are centred and divided by their range (`factor_values`). Names and hues are numbers,
    too, as published; but the published code has all of them unscaled, so that a scale of 0.5 to 1
    stood beside a shape of 1 to 3 and a position of 0 to 39.

    Args:
        config: of the run.
        data: images with factors; they move to the device.
        device: the training device.

    Raises:
        InputError: if the data set has no factors.
    """
    task, values = make_task(config, data, device), factor_values(data).to(device)

    def decoded(batches: Batches) -> Batches:
        def fetch(index: Tensor, generator: Generator) -> Batch:
            images, _ = batches.fetch(index, generator)
            return values[index.to(device)], images

        return replace(batches, fetch=fetch)

    test = None if task.test is None else decoded(task.test)
    return Task(decoded(task.training), decoded(task.held_out), test)
