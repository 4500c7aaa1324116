"""Negative log-likelihoods of images given a decoder's logits, in nats per image."""

from math import log, pi

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from replearn.errors import InputError, nearest
from replearn.models.precision import full_precision
from replearn.training.loss import positive

LIKELIHOODS = ("bernoulli", "gaussian", "squared_error")


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Return -log Bernoulli(x; sigmoid(logits)) (B,), summed over pixels and channels.

    For grey values 0 < x < 1 this is the cross-entropy that the VAE literature uses; its least
    value is then the entropy of x, not 0.
    """
    return binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def gaussian_nll(logits: Tensor, x: Tensor, variance: float = 0.5) -> Tensor:
    """Return -log N(x; sigmoid(logits), variance) (B,), summed over pixels and channels.

    Sum over pixels of (x - sigmoid(logits))^2 / (2 variance) + log(2 pi variance) / 2. With the
    default variance 1/2 the first term is `squared_error`.
    """
    squared = (x - torch.sigmoid(logits)).square() / (2 * variance)
    return (squared + log(2 * pi * variance) / 2).flatten(1).sum(1)


def squared_error(logits: Tensor, x: Tensor) -> Tensor:
    """Return (x - sigmoid(logits))^2 (B,), summed over pixels and channels.

    A Gaussian likelihood of variance 1/2 without its constant; disentanglement_lib's `l2_loss`.
    """
    return (x - torch.sigmoid(logits)).square().flatten(1).sum(1)


class Likelihood:
    """A likelihood chosen by name, with its parameters checked.

    Args:
        name: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian, per pixel (0.5 unless given).

    Raises:
        InputError: if the name is unknown, or the variance not positive or given to another.
    """

    def __init__(self, name: str, variance: float | None = None) -> None:
        if name not in LIKELIHOODS:
            raise InputError(f"unknown likelihood {name!r}; {nearest(name, LIKELIHOODS)}")
        if name != "gaussian" and variance is not None:
            raise InputError(f"the likelihood {name!r} has no variance; set likelihood=gaussian")
        self.name = name
        self.variance = 0.5 if variance is None else positive("variance", variance)

    def nll(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return the negative log-likelihood (B,) of images (B, C, H, W), in nats."""
        logits, x = full_precision(logits), full_precision(x)
        if self.name == "bernoulli":
            return bernoulli_nll(logits, x)
        if self.name == "squared_error":
            return squared_error(logits, x)
        return gaussian_nll(logits, x, self.variance)
