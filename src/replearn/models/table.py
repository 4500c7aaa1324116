"""List the layers of a model: names, shapes and parameters."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from replearn.models.network import Network


class LayerRow(NamedTuple):
    """One layer that analyses can name.

    Attributes:
        name: of a module, or of a field of the model's output.
        shape: of its output for one image.
        n_parameters: weights between the layer before and this one.
    """

    name: str
    shape: tuple[int, ...]
    n_parameters: int


def layer_table(model: Network, image_shape: tuple[int, int, int] | None = None) -> list[LayerRow]:
    """Return a row for each of `model.layers()`; the parameters sum to those of the model.

    Fields that one module computes together (mean and logvar) share its parameters evenly.

    Args:
        model: any model of the registry; it is run once on a blank image.
        image_shape: (C, H, W), that of the model unless given.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    modules = dict(model.named_modules())
    hooks = [
        modules[name].register_forward_hook(partial(_record, shapes, name))
        for name in model.layers()
        if name in modules
    ]
    weight = next(model.parameters())
    blank = torch.zeros(
        1, *(image_shape or model.image_shape), dtype=weight.dtype, device=weight.device
    )
    was_training = model.training
    try:
        with torch.no_grad():
            output = model.eval()(blank)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    rows = []
    for name in model.layers():
        shape = shapes[name] if name in shapes else tuple(getattr(output, name).shape[1:])
        module = name if name in modules else model.heads.get(name, "")
        count = sum(p.numel() for p in modules[module].parameters()) if module else 0
        n_sharing = max(list(model.heads.values()).count(module), 1)
        rows.append(LayerRow(name, shape, count // n_sharing))
    return rows


def _record(
    shapes: dict[str, tuple[int, ...]], name: str, _: nn.Module, __: Any, output: Tensor
) -> None:
    shapes[name] = tuple(output.shape[1:])
