"""The cross product of two representations, from which a pair's canonical correlations come."""

from functools import cached_property

import numpy as np

from replearn.analysis.similarity.representation import Array, Representation


class Cross:
    """C = U'U' of the left singular vectors of two centred representations of the same inputs.

    Attributes:
        x, y: the prepared representations, with factors.
        c: (r_x, r_y), its entries the cosines between directions of the two.
    """

    def __init__(self, x: Representation, y: Representation, c: Array):
        self.x, self.y, self.c = x, y, c

    @property
    def swapped(self) -> "Cross":
        """The cross product of the second with the first; what is known of one is not shared."""
        return Cross(self.y, self.x, self.c.T)

    @property
    def ranks(self) -> tuple[int, int]:
        """The ranks r_x and r_y."""
        return self.c.shape[0], self.c.shape[1]

    @property
    def spectra(self) -> tuple[Array, Array]:
        """(r_x,) and (r_y,): the singular values, of square sum 1."""
        if self.x.factors is None or self.y.factors is None:
            raise RuntimeError("the representations were prepared without factors")
        return self.x.factors.s, self.y.factors.s

    @cached_property
    def squares(self) -> Array:
        """(r_x, r_y): C with squared entries."""
        return self.c * self.c

    @cached_property
    def correlations(self) -> Array:
        """(min(r_x, r_y),): the canonical correlations, in falling order, in [0, 1]."""
        return np.clip(np.linalg.svd(self.c, compute_uv=False), 0.0, 1.0).astype(np.float64)
