"""Centred kernel alignment with a linear kernel: as published, and debiased."""

import numpy as np

from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.promises import (
    LINEAR_FAMILY,
    RESI,
    SHAPE,
    similarity,
)
from replearn.analysis.similarity.representation import Array
from replearn.analysis.similarity.standard_errors import cka_debiased_error, cka_linear_error

# A debiased norm this small beside the plain one is rounding.
_VANISHED = 1e-12


def cka_linear(products: Products) -> Array:
    """Linear centred kernel alignment, in [0, 1]: <K, L> / (||K|| ||L||).

    K = X X' of centred features. It is biased: unrelated representations give about
    `cka_linear_null`, which nears 1 as the features outnumber the inputs.

    Source: Kornblith et al. (2019), arXiv:1905.00414, section 3.
    """
    rows, columns = products.self_inner
    return np.clip(products.inner / np.sqrt(rows * columns), 0.0, 1.0)


def cka_linear_null(products: Products) -> Array:
    """Mean of linear CKA over all N! ways to pair the inputs: tr K tr L / ((N-1) ||K|| ||L||).

    Source: Kazi-Aoual et al. (1995), doi:10.1016/0167-9473(94)00064-2.
    """
    rows, columns = products.self_inner
    return 1.0 / ((products.n - 1) * np.sqrt(rows * columns))


def cka_debiased(products: Products) -> Array:
    """Linear CKA from the unbiased estimator of HSIC; 0 on average for unrelated representations.

    <K*, L*> / (||K*|| ||L*||) with U-centred K*, which is, of centred features, the inner product
    <K, L> - N/(N-2) diag(K)'diag(L) + tr K tr L / ((N-1)(N-2)). It may be negative and is never
    clipped. NaN where ||K*|| is 0: all inputs are equally far apart.

    Source: Székely & Rizzo (2014), arXiv:1310.2926, section 3; Song et al. (2012), equation 5;
    Kornblith et al. (2019) in their published code.
    """
    n = products.n

    def debiased(inner: Array, row_products: Array) -> Array:
        return inner - n / (n - 2) * row_products + 1.0 / ((n - 1) * (n - 2))

    norms = []
    for inner, row_products in zip(products.self_inner, products.self_row_products, strict=True):
        square = debiased(inner, row_products)
        norms.append(np.where(square > _VANISHED * inner, square, np.nan))
    return debiased(products.inner, products.row_products) / np.sqrt(norms[0] * norms[1])


def cka_debiased_null(products: Products) -> Array:
    """Mean of debiased CKA over all ways to pair the inputs: 0, as all rows of K* sum to 0."""
    return np.zeros((len(products.rows), len(products.columns)))


def cka_linear_null_sd(products: Products) -> Array:
    """Standard deviation of linear CKA over all N! ways to pair the inputs (N > 3).

    Source: Kazi-Aoual et al. (1995), doi:10.1016/0167-9473(94)00064-2.
    """
    n = products.n
    q = products.self_inner
    s = products.self_row_products
    # tr K = tr L = 1.
    first = [(n - 1) * one - 1.0 for one in q]
    second = [n * (n + 1) * b - (n - 1) * (1.0 + 2.0 * a) for a, b in zip(q, s, strict=True)]
    variance = 2.0 * first[0] * first[1] / ((n - 1) ** 2 * (n + 1) * (n - 2))
    variance = variance + second[0] * second[1] / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return np.sqrt(variance / (q[0] * q[1]))


def cka_debiased_null_sd(products: Products) -> Array:
    """Standard deviation of debiased CKA over all N! ways to pair the inputs: sqrt(2 / (N(N-3))).

    It is that of Kazi-Aoual et al. for K*, whose diagonal is 0 and whose rows sum to 0, and the
    same for all pairs.
    """
    n = products.n
    return np.full((len(products.rows), len(products.columns)), np.sqrt(2.0 / (n * (n - 3))))


MEASURES = (
    similarity(
        name="cka_linear",
        matrix=cka_linear,
        range=(0.0, 1.0),
        invariant_to=SHAPE,
        source="Kornblith et al. (2019), arXiv:1905.00414",
        null=cka_linear_null,
        null_sd=cka_linear_null_sd,
        error=cka_linear_error,
        float32=True,
        groups=LINEAR_FAMILY | RESI,
    ),
    similarity(
        name="cka_debiased",
        matrix=cka_debiased,
        range=(-1.0, 1.0),
        invariant_to=SHAPE,
        source="Song et al. (2012); Kornblith et al. (2019), arXiv:1905.00414",
        null=cka_debiased_null,
        null_sd=cka_debiased_null_sd,
        error=cka_debiased_error,
        undefined_when="all inputs are equally far apart in one of them",
        float32=True,
        groups=LINEAR_FAMILY,
    ),
)
