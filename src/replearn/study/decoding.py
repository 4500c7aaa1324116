"""What a decoder of true factors is trained on: factor values in, images out."""

from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from replearn.dataset.images import ImageDataset
from replearn.errors import InputError
from replearn.study.task import Task
from replearn.training.batches import Batch, Batches


def n_factors(data: ImageDataset) -> int:
    """Return the number of factors of variation.

    Raises:
        InputError: if the data set has none.
    """
    if data.factors is None or data.factor_space is None:
        raise InputError(
            f"{data.name} has no factors of variation to draw images from; choose a data set that "
            "has, such as dsprites"
        )
    return len(data.factor_space.sizes)


def factor_values(data: ImageDataset) -> Tensor:
    """Return the factors of all images (N, K) as numbers, centred and divided by their range.

    A factor's numbers are its physical values where it has some, else its indices; centre and range
    are those of its grid, whatever images there are. Names and hues are numbers here, too, as
    published; but the published code has them unscaled, so that a scale of 0.5 to 1 stood beside a
    shape of 1 to 3 and positions of 0 to 39.

    Raises:
        InputError: if the data set has no factors.
    """
    n_factors(data)
    space = data.factor_space
    assert space is not None and data.factors is not None
    columns = []
    for k, size in enumerate(space.sizes):
        values = np.asarray(space.values[k]) if space.values else np.arange(size)
        if not np.issubdtype(values.dtype, np.number):
            values = np.arange(size)
        span = np.ptp(values) or 1
        columns.append(((values - values.mean()) / span)[data.factors[:, k]])
    return torch.as_tensor(np.stack(columns, axis=1), dtype=torch.float32)


def decoding_task(task: Task, data: ImageDataset, device: torch.device) -> Task:
    """Return a task whose inputs are the factor values (B, K) of the images, which are targets.

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
