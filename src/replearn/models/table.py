"""List the layers of a model: names, shapes, parameters, multiply-accumulates."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from replearn.models.network import Network


class LayerRow(NamedTuple):
    """One layer, or the operator, of a model.

    Attributes:
        name: of a module, or of a field of the model's output; `operator` alone is no layer that
            analyses can name.
        shape: of its output for one example.
        n_parameters: weights between the layer before and this one.
        n_macs: multiply-accumulates of a forward pass of one example, between the layer before and
            this one, in affine and (transposed) convolutional layers; the rest is not counted.
    """

    name: str
    shape: tuple[int, ...]
    n_parameters: int
    n_macs: int


def layer_table(model: Network) -> list[LayerRow]:
    """Return a row for each of `model.layers()`; parameters and MACs sum to those of the model.

    Fields that one module computes together (mean and logvar) share its numbers evenly. A model
    that composes latents has the row `operator`, last: its layers are those of a plain pass, which
    does without.

    Args:
        model: any model of the registry, also one on the meta device; it is run once on a blank
            example.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    macs: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(partial(_record, shapes, macs, name))
        for name, module in model.named_modules()
        if name
    ]
    composes = getattr(model, "operator", None) is not None
    was_training = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            output = model.eval()(model.blank())
            if composes:
                action = torch.zeros(1, dtype=torch.int64, device=output.z.device)
                model.operator(output.z, output.z, action)  # type: ignore[operator, union-attr]
    finally:
        for module, mode in was_training.items():
            module.training = mode
        for hook in hooks:
            hook.remove()
    rows = []
    modules = dict(model.named_modules())
    for name in model.layers() + ["operator"] * composes:
        shape = shapes[name] if name in modules else tuple(getattr(output, name).shape[1:])
        module = name if name in modules else model.heads.get(name, "")
        n_sharing = max(list(model.heads.values()).count(module), 1)
        n_parameters = sum(p.numel() for p in modules[module].parameters()) if module else 0
        inside = [n for at, n in macs.items() if module and f"{at}.".startswith(f"{module}.")]
        rows.append(LayerRow(name, shape, n_parameters // n_sharing, sum(inside) // n_sharing))
    return rows


def layer_lines(rows: Sequence[LayerRow]) -> list[str]:
    """Return the table as aligned text, with a head and the totals."""
    parameters, macs = (sum(numbers) for numbers in list(zip(*rows, strict=True))[2:])
    lines = [("layer", "shape", "parameters", "MACs"), *rows, ("total", "", parameters, macs)]
    return ["{:16} {:20} {:>12} {:>14}".format(*map(_cell, line)) for line in lines]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _record(
    shapes: dict[str, tuple[int, ...]],
    macs: dict[str, int],
    name: str,
    module: nn.Module,
    inputs: tuple[Any, ...],
    output: Tensor,
) -> None:
    shapes[name] = tuple(output.shape[1:])
    if isinstance(module, nn.Linear | nn.Conv2d):  # each weight once at each output position
        n_positions = output[0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        macs[name] = module.weight.numel() * n_positions
    elif isinstance(module, nn.ConvTranspose2d):  # and here at each input position
        macs[name] = module.weight.numel() * inputs[0][0, 0].numel()
