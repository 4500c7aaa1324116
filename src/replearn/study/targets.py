"""What a predictor predicts: class labels, or factors of variation, or their values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from replearn.dataset.images import ImageDataset
from replearn.errors import InputError


@dataclass(frozen=True)
class Targets:
    """The targets of a data set.

    Attributes:
        of: positions (B,) -> targets (B,) or (B, K), on the training device.
        n_outputs: how many numbers the predictor returns for one image.
        loss_parameters: what the loss has to know about the targets.
    """

    of: Callable[[Tensor], Tensor]
    n_outputs: int
    loss_parameters: dict[str, Any] = field(default_factory=dict)


def make_targets(data: ImageDataset, config: Mapping[str, Any], device: torch.device) -> Targets:
    """Return the targets that `config["target"]` and the loss ask for.

    Classification (`cross_entropy`) predicts labels, or the index of each factor, with one block
    of scores a factor. Regression (`mse`) predicts each factor's index, centred and divided by
    its range, as in Montero et al. (2022).

    Raises:
        InputError: if the data set has no such targets.
    """
    target, loss = config["target"], config["training"]["loss"]["name"]
    if target not in ("labels", "factors"):
        raise InputError(f"target must be labels or factors, got {target!r}")
    values = data.labels if target == "labels" else data.factors
    if values is None:
        other = "factors" if target == "labels" else "labels"
        raise InputError(f"{data.name} has no {target}; choose target={other}")
    if target == "labels":
        sizes = (max(int(values.max()) + 1, len(data.class_names)),)
    else:
        if data.factor_space is None:
            raise InputError(f"{data.name} has no factor space to predict")
        sizes = data.factor_space.sizes
    if loss == "mse":
        columns = values[:, None] if values.ndim == 1 else values
        spans = np.maximum(np.array(sizes) - 1, 1)
        scaled = torch.as_tensor((columns - columns.mean(0)) / spans, dtype=torch.float32)
        scaled = scaled.to(device)
        return Targets(lambda index: scaled[index.to(device)], len(sizes))
    indices = torch.as_tensor(values, device=device)
    parameters = {}
    if target == "factors" and data.factor_space is not None:
        parameters = {"sizes": list(sizes), "names": list(data.factor_space.names)}
    return Targets(lambda index: indices[index.to(device)], sum(sizes), parameters)
