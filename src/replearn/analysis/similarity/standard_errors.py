"""Standard errors of similarities over the choice of inputs, by the infinitesimal jackknife.

The value is a function of weights that the inputs have; its derivative by the weight of one input
is that input's influence, and the standard error the spread of influences over sqrt(N). Rows that
are drawn twice, as a bootstrap draws them, would bias a similarity upwards.
"""

import numpy as np

from replearn.analysis.similarity.products import Products, coordinates_of
from replearn.analysis.similarity.representation import Array

# Values nearer than this to that of identical ones are it, up to rounding, and have no error.
_IDENTICAL = {"float64": 1e-12, "float32": 1e-6}


def cka_linear_error(products: Products) -> Array:
    """Standard error (I, J) of linear CKA.

    Source: Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6.
    """
    return products.moments[0].error(products.n, _identical(products))


def cka_debiased_error(products: Products) -> Array:
    """Standard error (I, J) of debiased CKA.

    Source: Efron (1982), The jackknife, the bootstrap and other resampling plans, chapter 6, of
    the U-statistic of Song et al. (2012), equation 5.
    """
    return products.moments[1].error(products.n, _identical(products))


def procrustes_angular_error(products: Products) -> Array:
    """Standard error (I, J) of the Procrustes angle, in radians; 0 at an angle of 0.

    The derivative of ||X'Y||_* by the weight of input a is x_a'P Q'y_a, X'Y = P S Q'.
    """
    out = np.empty((len(products.rows), len(products.columns)))
    n = products.n
    for i, x in enumerate(products.rows):
        for j, y in enumerate(products.columns):
            if products.symmetric and j < i:
                out[i, j] = out[j, i]
                continue
            f, g = coordinates_of(x), coordinates_of(y)
            p, s, q = np.linalg.svd(f.T @ g, full_matrices=False)
            if f.shape[1] <= g.shape[1]:
                aligned = np.einsum("nk,nk->n", f, g @ (p @ q).T)
            else:
                aligned = np.einsum("nk,nk->n", f @ (p @ q), g)
            cosine = min(float(s.sum()), 1.0)
            influence = n * (aligned - 0.5 * cosine * (x.row_norms + y.row_norms))
            if cosine >= 1.0 - _IDENTICAL["float64"]:
                out[i, j] = 0.0
            else:
                out[i, j] = influence.std(ddof=1) / np.sqrt(n * (1.0 - cosine**2))
    return out


def _identical(products: Products) -> float:
    return _IDENTICAL[products.safe.dtype.name]
