"""Latent traversals: which latents are used, and the points that move along one of them."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from replearn.errors import InputError


def latent_kl(mean: ArrayLike, logvar: ArrayLike) -> np.ndarray:
    """Return KL(q(z_d|x) || N(0, 1)) of each latent, averaged over the images: (D,), nats.

    Args:
        mean: (N, D) posterior means.
        logvar: (N, D) logarithms of the posterior variances.

    Raises:
        InputError: if the two are not matrices of one shape.

    Source:
        Kingma & Welling (2014), arXiv:1312.6114, appendix B.
    """
    mean, logvar = np.asarray(mean, dtype=float), np.asarray(logvar, dtype=float)
    if mean.ndim != 2 or mean.shape != logvar.shape:
        raise InputError(
            f"mean and logvar are both (images, latents), not {mean.shape} and {logvar.shape}."
        )
    # expm1 keeps the difference of collapsed latents, where the variance is close to 1.
    return 0.5 * (mean**2 + np.expm1(logvar) - logvar).mean(axis=0)


def latent_order(kl: ArrayLike) -> np.ndarray:
    """Return the latents by falling KL (D,), equal ones by index, NaN last."""
    return np.argsort(-np.asarray(kl, dtype=float), kind="stable")


def traversal_values(n: int = 9, span: tuple[float, float] = (-2.0, 2.0)) -> np.ndarray:
    """Return the `n` values (n,) from one end of `span` to the other that a latent takes.

    Raises:
        InputError: if there are fewer than two, or the span is empty.
    """
    if n < 2:
        raise InputError(f"a traversal needs at least 2 values, not {n}.")
    low, high = span
    if not low < high:
        raise InputError(f"the span of a traversal goes from low to high, not {low} to {high}.")
    return np.linspace(low, high, n)


def traversal_latents(
    z: ArrayLike,
    n: int = 9,
    span: tuple[float, float] = (-2.0, 2.0),
    latents: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """Return latent points (L, n, D): row l is `z`, but latent `latents[l]` runs over the span.

    Args:
        z: (D,) the point that the other latents keep.
        n: number of values of the moved latent.
        span: first and last value, in standard deviations of the prior N(0, 1).
        latents: (L,) the latents to move, in this order; all D by default.

    Raises:
        InputError: if `z` is not one point, or a latent does not exist.
    """
    z = np.asarray(z)
    if z.ndim != 1:
        raise InputError(f"a traversal starts from one point z (D,), not shape {z.shape}.")
    order = np.arange(z.size) if latents is None else np.asarray(latents, dtype=int)
    if order.ndim != 1 or order.size == 0 or order.min() < 0 or order.max() >= z.size:
        raise InputError(f"latents are indices from 0 to {z.size - 1}, not {order.tolist()}.")
    dtype = np.result_type(z.dtype, np.float32)
    points = np.tile(z.astype(dtype), (order.size, n, 1))
    points[np.arange(order.size), :, order] = traversal_values(n, span)
    return points


def traverse(
    decode: Callable[[np.ndarray], np.ndarray],
    z: ArrayLike,
    n: int = 9,
    span: tuple[float, float] = (-2.0, 2.0),
    latents: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """Return the images (L, n, C, H, W) of `traversal_latents`, decoded one row at a time.

    Args:
        decode: points (B, D) of the dtype of `z` to images (B, C, H, W) in [0, 1].
    """
    rows = traversal_latents(z, n, span, latents)
    return np.stack([np.asarray(decode(row)) for row in rows])
