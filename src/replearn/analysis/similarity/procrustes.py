"""Procrustes distance: the angle that is left after the best rotation."""

import numpy as np

from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import Array


def procrustes_angular(products: Products) -> Array:
    """Angle between two representations after the best rotation, in radians, in [0, pi/2].

    arccos ||X'Y||_* (nuclear norm) of centred features of Frobenius norm 1. A distance of 0 is
    resolved to about 1e-7, as the cosine is flat there.

    Source: Williams et al. (2021), arXiv:2110.14739, section 2; Ding et al. (2021),
    arXiv:2108.01661, section 3, for the nuclear norm.
    """
    return np.arccos(np.clip(products.nuclear, 0.0, 1.0))
