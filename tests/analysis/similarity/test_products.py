"""Inner products of representations: both routes to them agree, in both libraries."""

import numpy as np
import pytest

from replearn.analysis.similarity.arithmetic import Arithmetic, TorchArithmetic
from replearn.analysis.similarity.inner import _by_roots, _by_tiles
from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import prepare


@pytest.mark.parametrize("library", [Arithmetic(), TorchArithmetic("float64", "cpu")])
@pytest.mark.parametrize("memory", [1, 5e3, 1e5, 1e9])
@pytest.mark.parametrize("route", [_by_roots, _by_tiles])
def test_both_routes_to_inner_products_agree(route, memory, library, mixed):
    prepared = [prepare(x, gram=False) for x in mixed.values()]
    expected = np.array(
        [[np.sum((a.coordinates.T @ b.coordinates) ** 2) for b in prepared] for a in prepared]
    )
    kernels = [r.kernel for r in prepared]
    found = route(kernels, kernels, library, memory)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    found = route(kernels[:3], kernels[3:], library, memory)
    np.testing.assert_allclose(found, expected[:3, 3:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory", [5e3, 1e9])
def test_torch_gives_what_numpy_gives(memory, mixed):
    """The one code path of a GPU, on the CPU."""
    prepared = [prepare(x, factors=True) for x in mixed.values()]
    for rows, columns in ((prepared, prepared), (prepared[:3], prepared[3:])):
        expected, found = Products(rows, columns), Products(rows, columns, memory)
        found.arithmetic = found.safe = TorchArithmetic("float64", "cpu")
        for name in ("inner", "nuclear"):
            a, b = getattr(found, name), getattr(expected, name)
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
        for one, other in zip(found.moments, expected.moments, strict=True):
            for name, numbers in vars(one).items():
                np.testing.assert_allclose(numbers, getattr(other, name), rtol=0, atol=1e-12)
        np.testing.assert_allclose(_squares(found), _squares(expected), rtol=0, atol=1e-12)


def _squares(products):
    out = np.zeros((len(products.rows), len(products.columns)))
    for left, right, crosses in products.crosses():
        values = crosses.weighted(*crosses.spectra)
        each = crosses.each(lambda cross: float(cross.spectra[0] @ cross.c**2 @ cross.spectra[1]))
        np.testing.assert_allclose(each, values, rtol=0, atol=1e-12)
        np.testing.assert_allclose(crosses.swapped.weighted(*crosses.swapped.spectra), values.T)
        out[np.ix_(left, right)] = values
        if products.symmetric:
            out[np.ix_(right, left)] = values.T
    return out
