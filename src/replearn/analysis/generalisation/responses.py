"""Which latents respond to which factors: shares of variance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shares_of_variance(latents: ArrayLike, factors: ArrayLike) -> NDArray[np.float64]:
    """Return (K, D): the share of each latent's variance that lies between a factor's values.

    Var(E[z | f]) / Var(z), the correlation ratio: 1 where the factor decides the latent, 0 where
    its values have equal means; 0 for a latent that does not vary.

    Args:
        latents: (N, D).
        factors: (N, K) factor indices.
    """
    z = np.asarray(latents, dtype=np.float64)
    z = z - z.mean(axis=0)
    total = np.square(z).sum(axis=0)
    between = []
    for column in np.asarray(factors).T:
        one_hot = np.eye(int(column.max()) + 1)[column]
        sums, n = one_hot.T @ z, one_hot.sum(axis=0)
        between.append((np.square(sums) / np.maximum(n, 1)[:, None]).sum(axis=0))
    return np.stack(between) / np.where(total > 0, total, 1)


def responding_latents(shares: NDArray[np.float64], factors: Sequence[int]) -> list[int]:
    """Return the latent that each of some factors decides most, each latent once.

    Args:
        shares: (K, D), as `shares_of_variance` returns them.
        factors: positions of the factors; the first chooses first.
    """
    left = np.array(shares, dtype=np.float64)
    chosen: list[int] = []
    for k in factors:
        left[:, chosen] = -1
        chosen.append(int(left[k].argmax()))
    return chosen
