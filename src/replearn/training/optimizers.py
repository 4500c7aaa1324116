"""Optimisers by name, for the parameters of a model."""

from collections.abc import Iterable
from typing import Any

from torch.nn import Parameter
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Optimizer, RMSprop

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
    """Return stochastic gradient descent; `nesterov` looks ahead along its momentum.

    Source:
        Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.
    """
    return SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)


def rmsprop(
    parameters: Iterable[Parameter],
    lr: float = 1e-3,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> RMSprop:
    """Return RMSprop: gradients over the root of their running mean square.

    Source:
        Tieleman & Hinton (2012), Neural networks for machine learning, lecture 6.5.
    """
    return RMSprop(
        parameters, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay
    )


def adamax(
    parameters: Iterable[Parameter],
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Adamax:
    """Return Adam with the largest recent gradient in place of the root mean square.

    Source:
        Kingma & Ba (2015), arXiv:1412.6980, algorithm 2.
    """
    return Adamax(parameters, lr=lr, betas=_pair(betas), eps=eps, weight_decay=weight_decay)


def adagrad(
    parameters: Iterable[Parameter],
    lr: float = 1e-2,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
) -> Adagrad:
    """Return Adagrad: gradients over the root of the sum of all their squares so far.

    Source:
        Duchi, Hazan & Singer (2011), JMLR 12.
    """
    return Adagrad(parameters, lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)


def adadelta(
    parameters: Iterable[Parameter],
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> Adadelta:
    """Return Adadelta: steps in the units of the weights, from running means of both squares.

    Source:
        Zeiler (2012), arXiv:1212.5701, algorithm 1.
    """
    return Adadelta(parameters, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


# The published list has a SparseAdam as well: it takes sparse gradients alone, which no model here
# has. Its "nesterov" is the preset of that name, sgd with nesterov=True.
OPTIMIZERS = {
    "adam": adam,
    "adamw": adamw,
    "adamax": adamax,
    "rmsprop": rmsprop,
    "sgd": sgd,
    "adagrad": adagrad,
    "adadelta": adadelta,
}


def make_optimizer(parameters: Iterable[Parameter], name: str = "adam", **params: Any) -> Optimizer:
    """Return `OPTIMIZERS[name]` over `parameters`.

    Raises:
        InputError: if the name or a parameter is unknown, or a value impossible.
    """
    if "lr" in params:
        positive("lr", params["lr"])
    if "weight_decay" in params:
        not_negative("weight_decay", params["weight_decay"])
    fused = params.get("fused")
    if fused is not None and not isinstance(fused, bool):
        raise InputError(f"fused must be True, False or None, got {fused!r}")
    try:
        return build(OPTIMIZERS, name, kind="optimizer", parameters=parameters, **params)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"optimizer {name!r} refuses its parameters: {error}") from error


def can_fuse(parameters: list[Parameter]) -> bool:
    """Return whether one kernel can update all parameters: floats on a device that has it."""
    return all(p.is_floating_point() and p.device.type in FUSED_DEVICES for p in parameters)


def _pair(betas: Any) -> tuple[float, float]:
    listed = list(betas) if isinstance(betas, list | tuple) else []
    if len(listed) != 2 or not all(isinstance(b, int | float) and 0 <= b < 1 for b in listed):
        raise InputError(
            f"betas must be two numbers, each at least 0 and less than 1, got {betas!r}"
        )
    return listed[0], listed[1]
