"""Assign the images of a batch to categories: each where it is likely, and not all to one."""

import numpy as np
from numpy.typing import NDArray


def assign_categories(cost: NDArray[np.floating], crowding: float) -> NDArray[np.int64]:
    """Return the category (B,) of each image that minimises the sum of costs and of crowding.

    Over all K^B assignments k it minimises sum_i cost[i, k_i] + crowding n_pairs, where n_pairs
    counts the pairs of images that share a category. That is a flow of minimum cost, in which a
    category has B places and the m-th costs crowding (m - 1); it is solved exactly, as an
    assignment of images to places.

    Args:
        cost: (B, K) finite numbers, such as the negative log-likelihood of image i in category k.
        crowding: cost of a pair of images in one category, at least 0.

    Source:
        Jeong & Song (2019), arXiv:1905.09432, section 3.3; the costs of places are those of
        github.com/snu-mllab/DisentanglementICML19, which rounds all costs to 1e-4.
    """
    from scipy.optimize import linear_sum_assignment

    n, n_categories = cost.shape
    cost = cost.astype(np.float64)
    chosen = cost.argmin(1).astype(np.int64)
    # Whose best category is better by more than any place can cost is there in every optimum.
    best, second = np.partition(cost, 1, axis=1)[:, :2].T
    (open_ones,) = np.nonzero(second - best <= crowding * (n - 1))
    if len(open_ones) == 0:
        return chosen
    m = len(open_ones)
    taken = np.bincount(np.delete(chosen, open_ones), minlength=n_categories)
    # (K, m), then (m, K m): the places of a category side by side, the cheapest first.
    places = crowding * (taken[:, None] + np.arange(m))
    _, place = linear_sum_assignment((cost[open_ones, :, None] + places).reshape(m, -1))
    chosen[open_ones] = place // m
    return chosen
