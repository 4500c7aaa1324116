"""How far images are from others: squared error, structural similarity, and the least NLL."""

from math import log, pi, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replearn.errors import InputError

Array = NDArray[np.float64]

# Wang et al. (2004), section III-B and III-C.
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def least_nll(images: ArrayLike, likelihood: str = "bernoulli", variance: float = 0.5) -> Array:
    """Return the least negative log-likelihood (B,) that a reconstruction of images can have.

    It is that of the image itself: of a Bernoulli the entropy of the pixels as coins, of a Gaussian
    its constant, pixels * log(2 pi variance) / 2, of a squared error 0. The likelihoods are those
    of `replearn.training.likelihoods`.

    Args:
        images: (B, C, H, W) in [0, 1].
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian, per pixel.

    Returns:
        (B,) nats, summed over pixels and channels.

    Raises:
        InputError: if the likelihood is unknown.
    """
    x = _flat(images)
    if likelihood == "bernoulli":
        return -(_x_log_x(x) + _x_log_x(1 - x)).sum(axis=1)
    if likelihood == "gaussian":
        return np.full(len(x), x.shape[1] * log(2 * pi * variance) / 2)
    if likelihood == "squared_error":
        return np.zeros(len(x))
    raise InputError(f"expected bernoulli, gaussian or squared_error, got {likelihood!r}.")


def bits_per_value(nats: float, image_shape: tuple[int, ...]) -> float:
    """Return nats per image as bits per pixel value, of images (C, H, W)."""
    return nats / (prod(image_shape) * log(2))


def ssim(x: ArrayLike, y: ArrayLike) -> Array:
    """Return the structural similarity (B,) of images (B, C, H, W) in [0, 1]; 1 is equal.

    The mean over channels and over all places of a Gaussian window of 11 x 11 pixels (sigma 1.5)
    that lies within the image, with K1 = 0.01, K2 = 0.03 and a dynamic range of 1.

    Raises:
        InputError: if the shapes differ, or the images are smaller than the window.

    Source:
        Wang, Bovik, Sheikh & Simoncelli (2004), doi:10.1109/TIP.2003.819861, eq. 13-17.
    """
    a, b = np.asarray(x), np.asarray(y)
    kind = np.result_type(a, b, np.float32)
    a, b = a.astype(kind, copy=False), b.astype(kind, copy=False)
    if a.shape != b.shape or a.ndim != 4:
        raise InputError(f"expected images of one shape (B, C, H, W), got {a.shape} and {b.shape}.")
    if min(a.shape[2:]) < WINDOW:
        raise InputError(
            f"expected images of at least {WINDOW} x {WINDOW} pixels, the window of SSIM, got "
            f"{a.shape[2]} x {a.shape[3]}."
        )
    down, across = (_smoothing(size).astype(kind) for size in a.shape[2:])

    def smooth(images: Array) -> Array:
        return down @ images @ across.T

    mean_a, mean_b = smooth(a), smooth(b)
    both, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance, variances = smooth(a * b) - both, smooth(a * a + b * b) - squares
    c1, c2 = K1**2, K2**2
    similarity = (2 * both + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return similarity.mean(axis=(1, 2, 3), dtype=np.float64)


def _smoothing(size: int) -> Array:
    """Return the (size - 10, size) matrix whose rows are the window at each place."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(offsets**2) / (2 * SIGMA**2))
    matrix = np.zeros((size - WINDOW + 1, size))
    for place, row in enumerate(matrix):
        row[place : place + WINDOW] = window / window.sum()
    return matrix


def _flat(images: ArrayLike) -> Array:
    array = np.asarray(images, dtype=np.float64)
    return array.reshape(len(array), -1)


def _x_log_x(x: Array) -> Array:
    return x * np.log(np.where(x > 0, x, 1.0))
