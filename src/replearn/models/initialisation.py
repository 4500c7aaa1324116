"""Draw the first weights of a network from a generator of its own."""

from math import sqrt

import torch
from torch import Generator, Tensor, nn

AFFINE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


@torch.no_grad()
def uniform(parameter: Tensor, bound: float, generator: Generator) -> None:
    """Fill `parameter` with draws from U(-bound, bound), made on the generator's device."""
    draws = torch.empty(parameter.shape, dtype=parameter.dtype, device=generator.device)
    parameter.copy_(draws.uniform_(-bound, bound, generator=generator))


def kaiming(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    """Draw weights from U(-b, b) with b = sqrt(6 / fan_in), biases with b = 1 / sqrt(fan_in).

    The fan of a transposed convolution is PyTorch's (outputs x kernel area). Biases have the
    distribution of a new PyTorch layer, because the published code draws only weights anew.

    Source:
        He et al. (2015), arXiv:1502.01852, eq. 10 as a uniform distribution with gain sqrt 2; for
        every layer in Montero et al. (2022), github.com/mmrl/lost-in-latent-space.
    """
    fan_in, _ = fans(weight)
    uniform(weight, sqrt(6 / fan_in), generator)
    if bias is not None:
        uniform(bias, 1 / sqrt(fan_in), generator)


def glorot(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    """Draw weights from U(-b, b) with b = sqrt(6 / (fan_in + fan_out)); biases are zero.

    Source:
        Glorot & Bengio (2010), eq. 16: the default of Keras, hence of Locatello et al. (2019).
    """
    uniform(weight, sqrt(6 / sum(fans(weight))), generator)
    if bias is not None:
        nn.init.zeros_(bias)


def pytorch(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    """Draw weights and biases from U(-b, b) with b = 1 / sqrt(fan_in), as a new PyTorch layer.

    Source:
        LeCun et al. (1998), Efficient BackProp, section 4.6, up to the factor sqrt 3; the default
        of torch.nn.Linear and its convolutions, hence of Chadebec et al. (2020).
    """
    bound = 1 / sqrt(fans(weight)[0])
    uniform(weight, bound, generator)
    if bias is not None:
        uniform(bias, bound, generator)


def fans(weight: Tensor) -> tuple[int, int]:
    """Return (fan_in, fan_out): the weight's axes 1 and 0, times the kernel's area."""
    area = weight[0, 0].numel()
    return weight.shape[1] * area, weight.shape[0] * area


INITIALISATIONS = {"kaiming": kaiming, "glorot": glorot, "pytorch": pytorch}


def initialise(model: nn.Module, generator: Generator, init: str = "kaiming") -> None:
    """Draw all weights of `model` anew from `generator`; the global one is not touched.

    Parts that name their own initialisation in an attribute `init` (architectures do) keep to it,
    and parts with a method `draw_weights(generator)` draw their own weights.
    A CPU generator gives the same weights on every device.

    Args:
        model: any module of affine, convolutional and normalising layers.
        generator: source of all draws.
        init: a name in INITIALISATIONS, for parts that name none.

    Raises:
        TypeError: if a layer has parameters and no rule here.
    """
    init = getattr(model, "init", init)
    if hasattr(model, "draw_weights"):
        model.draw_weights(generator)  # type: ignore[operator]
    elif isinstance(model, AFFINE):
        INITIALISATIONS[init](model.weight, model.bias, generator)
    elif isinstance(model, NORMS):
        model.reset_parameters()  # ones and zeros, nothing random
    elif any(True for _ in model.parameters(recurse=False)):
        raise TypeError(f"initialise has no rule for {type(model).__name__}; add one")
    for child in model.children():
        initialise(child, generator, init)
