"""What a predictor predicts: class labels, or factors of variation, or their values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replearn.dataset.images import ImageDataset
from replearn.errors import InputError
from replearn.study.factors import declared, factor_space, factors_of


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
    of scores a factor. Regression (`mse`) predicts each factor's value (see `factor_values`), raw
    if `config["normalised"]` is False.

    Raises:
        InputError: if the data set has no such targets.
    """
    _check_options(config)
    loss, normalised = config["training"]["loss"]["name"], config.get("normalised")
    if config["target"] == "factors":
        values, space = factors_of(data)
        sizes, names = space.sizes, list(space.names)
    else:
        if data.labels is None:
            raise _without_labels(data.name)
        values, names = data.labels, None
        sizes = (max(int(values.max()) + 1, len(data.class_names)),)
    if loss == "mse":
        if names is None:
            numbers = _scaled_labels(values, sizes[0]).to(device)
        else:
            numbers = factor_values(data, normalised is not False).to(device)
        parameters = {} if names is None else {"names": names}
        return Targets(lambda index: numbers[index.to(device)], numbers.shape[1], parameters)
    indices = torch.as_tensor(values, device=device)
    parameters = {} if names is None else {"sizes": list(sizes), "names": names}
    return Targets(lambda index: indices[index.to(device)], sum(sizes), parameters)


def resolve_targets(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target where none is given, and that factors are regressed normalised.

    Labels are predicted where the data set is declared to have classes, else its factors; nothing
    is loaded.

    Raises:
        InputError: if the data set is not declared to have the target, or an option is none.
    """
    declaration, target = declared(config), config["target"]
    if target is None:
        target = "labels" if declaration.class_names else "factors"
    _check_options({**config, "target": target})
    if target == "factors":
        factor_space(declaration)
    elif not declaration.class_names:
        raise _without_labels(declaration.name)
    normalised = config["normalised"]
    if normalised is None and target == "factors" and config["training"]["loss"]["name"] == "mse":
        normalised = True
    return {"target": target, "normalised": normalised}


def factor_values(data: ImageDataset, normalised: bool = True) -> Tensor:
    """Return the factors of all images (N, K) as numbers, float32.

    A factor's numbers are its physical values where it has some, else its indices. Normalised,
    they are centred and divided by their range, both of its grid, whatever images there are:
    (v - mean) / (max - min), as in Montero et al. (2022), whose means are those of `unique_values`
    (of dSprites' posY, three values were in it twice).

    Raises:
        InputError: if the data set has no factors.
    """
    factors, space = factors_of(data)
    columns = []
    for k, column in enumerate(factors.T):
        numbers = space.numbers(k)
        if normalised:
            numbers = (numbers - numbers.mean()) / (np.ptp(numbers) or 1)
        columns.append(numbers[column])
    return torch.as_tensor(np.stack(columns, axis=1), dtype=torch.float32)


def _check_options(config: Mapping[str, Any]) -> None:
    target, loss = config["target"], config["training"]["loss"]["name"]
    if target not in ("labels", "factors"):
        raise InputError(f"target must be labels or factors, got {target!r}")
    normalised = config.get("normalised")
    if normalised is not None and not isinstance(normalised, bool):
        raise InputError(f"normalised must be True or False, got {normalised!r}")
    if normalised is not None and (target, loss) != ("factors", "mse"):
        raise InputError(
            "normalised is of factors that are regressed; leave it out, or give target=factors "
            "training.regression"
        )


def _without_labels(name: str) -> InputError:
    return InputError(f"{name} has no labels; choose target=factors")


def _scaled_labels(labels: NDArray[np.int64], n_classes: int) -> Tensor:
    """Return class numbers (N, 1), centred and divided by their range."""
    scaled = (labels - labels.mean()) / max(n_classes - 1, 1)
    return torch.as_tensor(scaled, dtype=torch.float32).reshape(len(labels), -1)
