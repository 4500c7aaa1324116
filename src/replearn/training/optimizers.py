"""Optimisers by name, for the parameters of a model."""

from collections.abc import Iterable
from typing import Any

from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from replearn.errors import InputError
from replearn.registry import build
from replearn.training.loss import not_negative, positive

FUSED_DEVICES = ("cpu", "cuda", "mps", "xpu")


def adam(
    parameters: Iterable[Parameter],
    lr: float = 5e-4,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    fused: bool | None = None,
) -> Adam:
    """Return Adam; one fused kernel for all parameters unless `fused` is false.

    Source:
        Kingma & Ba (2015), arXiv:1412.6980.
    """
    parameters = list(parameters)
    fused = can_fuse(parameters) if fused is None else fused
    return Adam(
        parameters, lr=lr, betas=_pair(betas), eps=eps, weight_decay=weight_decay, fused=fused
    )


def adamw(
    parameters: Iterable[Parameter],
    lr: float = 5e-4,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    fused: bool | None = None,
) -> AdamW:
    """Return Adam with decoupled weight decay.

    Source:
        Loshchilov & Hutter (2019), arXiv:1711.05101.
    """
    parameters = list(parameters)
    fused = can_fuse(parameters) if fused is None else fused
    return AdamW(
        parameters, lr=lr, betas=_pair(betas), eps=eps, weight_decay=weight_decay, fused=fused
    )


def sgd(
    parameters: Iterable[Parameter],
    lr: float = 1e-2,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> SGD:
    """Return stochastic gradient descent."""
    return SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def rmsprop(
    parameters: Iterable[Parameter],
    lr: float = 1e-3,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> RMSprop:
    """Return RMSprop."""
    return RMSprop(
        parameters, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay
    )


OPTIMIZERS = {"adam": adam, "adamw": adamw, "sgd": sgd, "rmsprop": rmsprop}


def make_optimizer(parameters: Iterable[Parameter], name: str = "adam", **params: Any) -> Optimizer:
    """Return `OPTIMIZERS[name]` over `parameters`.

    Raises:
        InputError: if the name or a parameter is unknown, or a value impossible.
    """
    if "lr" in params:
        positive("lr", params["lr"])
    if "weight_decay" in params:
        not_negative("weight_decay", params["weight_decay"])
    try:
        return build(OPTIMIZERS, name, kind="optimizer", parameters=parameters, **params)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"optimizer {name!r} refuses its parameters: {error}") from error


def can_fuse(parameters: list[Parameter]) -> bool:
    """Return whether one kernel can update all parameters: floats on a device that has it."""
    return all(p.is_floating_point() and p.device.type in FUSED_DEVICES for p in parameters)


def _pair(betas: Iterable[float]) -> tuple[float, float]:
    first, second = betas
    return first, second
