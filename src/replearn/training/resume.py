"""The resume state: all that the next training step depends on, without pickles.

Two files. `resume.safetensors` holds tensors: weights, loss modules, optimiser moments, generator
states; and in its header the rest: step, optimiser settings, metric history, threads, versions.
`resume.json` is a copy of that header to read. A kill between the storing of the two leaves them of
different steps, so only the first is loaded. Batch order and learning-rate schedules depend on the
seed and the step alone: the state of the scheduler is `step`. On CPU, with the same number of
threads and the same versions, a run resumed from here is bit for bit the uninterrupted one.
"""

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from replearn.errors import InputError

TENSORS, SETTINGS = "resume.safetensors", "resume.json"


def save_state(
    model: nn.Module,
    loss: nn.Module,
    optimizer: Optimizer,
    generator: torch.Generator,
    **settings: Any,
) -> dict[str, bytes]:
    """Return the two files of the resume state by name.

    Args:
        settings: JSON values that `load_state` gives back, such as `step` and `history`.
    """
    tensors: dict[str, Tensor] = {"generator": generator.get_state()}
    numbers: dict[str, Any] = {}
    for name, module in {"model": model, "loss": loss}.items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, each in {"optimizer": optimizer, **_loss_optimizers(loss)}.items():
        moments, numbers[name] = _split(each.state_dict())
        tensors |= {f"{name}/{key}": value for key, value in moments.items()}
    # Copies: tied or sliced weights share memory, which safetensors refuses.
    copies = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    text = json.dumps({"optimizers": numbers, **settings})
    return {TENSORS: save(copies, metadata={"settings": text}), SETTINGS: text.encode()}


def load_state(
    content: bytes,
    model: nn.Module,
    loss: nn.Module,
    optimizer: Optimizer,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Put a resume state back into the objects, in place, and return its settings.

    Args:
        content: of `resume.safetensors`.

    Raises:
        InputError: if the state is of another model, loss or optimiser.
    """
    try:
        tensors, settings = load(content), json.loads(_header(content)["settings"])
        numbers = settings.pop("optimizers")
        for name, module in {"model": model, "loss": loss}.items():
            module.load_state_dict(_below(tensors, name))
        for name, each in {"optimizer": optimizer, **_loss_optimizers(loss)}.items():
            each.load_state_dict(_join(_below(tensors, name), numbers[name]))
            _match_layout(each)
    except (RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(
            f"the resume state does not fit this configuration ({str(error).splitlines()[0]}); "
            f"resume with the configuration that it was saved from"
        ) from error
    generator.set_state(tensors["generator"])
    return settings


def _header(content: bytes) -> dict[str, str]:
    """Return the metadata in the header of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def _loss_optimizers(loss: nn.Module) -> dict[str, Optimizer]:
    return {f"loss_{name}": each for name, each in loss.optimizers.items()}  # type: ignore[operator]


def _match_layout(optimizer: Optimizer) -> None:
    """Lay moments out in memory like their parameters, as the optimiser itself does."""
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{prefix}/"): value
        for key, value in tensors.items()
        if key.startswith(f"{prefix}/")
    }


def _split(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split an optimiser's state_dict into its tensors and its JSON values."""
    tensors, numbers = {}, {"param_groups": state["param_groups"], "state": {}}
    for index, values in state["state"].items():
        for key, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{key}"] = value
            else:
                numbers["state"].setdefault(str(index), {})[key] = value
    return tensors, numbers


def _join(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {
        int(index): dict(values) for index, values in numbers["state"].items()
    }
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    return {"state": state, "param_groups": numbers["param_groups"]}
