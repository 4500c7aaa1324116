"""What a decoder of true factors is trained on: factor values in, images out."""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from replearn.dataset.images import ImageDataset
from replearn.study.targets import factor_values
from replearn.study.task import Task
from replearn.training.batches import Batch, Batches


def decoding_task(task: Task, data: ImageDataset, device: torch.device) -> Task:
    """Return a task whose inputs are the factor values (B, K) of the images, which are targets.

    Values are centred and divided by their range (`factor_values`). Names and hues are numbers,
    too, as published; but the published code has all of them unscaled, so that a scale of 0.5 to 1
    stood beside a shape of 1 to 3 and a position of 0 to 39.

    Args:
        task: of the images of `data`, as `make_task` returns it.
        device: the training device.

    Raises:
        InputError: if the data set has no factors.
    """
    values = factor_values(data).to(device)

    def decoded(batches: Batches) -> Batches:
        def fetch(index: Tensor, generator: Generator) -> Batch:
            images, _ = batches.fetch(index, generator)
            return values[index.to(device)], images

        return replace(batches, fetch=fetch)

    test = None if task.test is None else decoded(task.test)
    return Task(decoded(task.training), decoded(task.held_out), test)
