"""Inner products of representations: both routes to them agree."""

import numpy as np
import pytest

from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import prepare


@pytest.mark.parametrize("memory", [1, 5e3, 1e5, 1e9])
def test_both_routes_to_inner_products_agree(memory, mixed):
    prepared = [prepare(x, gram=False) for x in mixed.values()]
    expected = [
        [np.sum((a.coordinates.T @ b.coordinates) ** 2) for b in prepared] for a in prepared
    ]
    products = Products(prepared, prepared, memory)
    np.testing.assert_allclose(products._inner_by_features(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(products._inner_by_tiles(), expected, rtol=0, atol=1e-12)
    half = Products(prepared[:3], prepared[3:], memory)
    expected = np.array(expected)[:3, 3:]
    np.testing.assert_allclose(half._inner_by_features(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(half._inner_by_tiles(), expected, rtol=0, atol=1e-12)
