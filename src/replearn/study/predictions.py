"""How predictors and decoders of true factors do on excluded combinations."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.analysis.generalisation import (
    relative_errors,
    target_tables,
    targets_of,
    total_variance,
)
from replearn.models import Network
from replearn.study.recombination import BATCH, Arrays, Images, image_errors
from replearn.study.task import Task
from replearn.training.seeds import make_generator


@torch.no_grad()
def decoded_factors(model: Network, loss: Any, task: Task, images: Mapping[str, Images]) -> Arrays:
    """Return the `image_errors` (n,) of what a decoder draws of the factors of images, by part."""
    found: dict[str, list[NDArray]] = defaultdict(list)
    for part, each in images.items():
        for factors, x in _batches(task, each):
            for name, values in image_errors(loss.likelihood, model(factors).logits, x).items():
                found[f"{part}_{name}"].append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


@torch.no_grad()
def predicted_factors(
    model: Network, loss: Any, task: Task, images: Mapping[str, Images]
) -> Arrays:
    """Return `relative_errors` (n, K) of the predictions of factors, by part.

    Of classes, the prediction is the mean of what stands for each value of a factor (see
    `target_tables`) under the predicted probabilities. A predictor of labels has none.
    """
    space = images["train"].data.factor_space
    outputs, targets = {}, {}
    for part, each in images.items():
        pairs = [(model(x).logits.float().cpu(), y.cpu()) for x, y in _batches(task, each)]
        outputs[part], targets[part] = (torch.cat(own) for own in zip(*pairs, strict=True))
    if space is None or targets["train"].shape[1:] != (len(space.names),):
        return {}
    predicted, true = {}, {}
    if getattr(loss, "sizes", None) is not None:
        tables = target_tables(space.names, space.sizes, space.values, space.value_names)
        for part, each in images.items():
            scores = outputs[part].double().split(loss.sizes, dim=1)
            shares = [torch.softmax(own, dim=1).numpy() for own in scores]
            predicted[part] = [own @ table for own, table in zip(shares, tables, strict=True)]
            true[part] = targets_of(each.factors, tables)
    else:
        for part in images:
            predicted[part], true[part] = _columns(outputs[part]), _columns(targets[part])
    variances = total_variance(true["train"])
    return {
        f"{part}_prediction_errors": relative_errors(predicted[part], true[part], variances)
        for part in images
    }


def _columns(values: Tensor) -> list[NDArray]:
    return [column[:, None] for column in values.double().numpy().T]


def _batches(task: Task, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets of some images as the task has them."""
    for chosen in torch.from_numpy(images.positions).split(BATCH):
        yield task.training.fetch(chosen, make_generator(0))
