"""Inner products of representations: both routes to them agree, in both libraries."""

import numpy as np
import pytest

from replearn.analysis.similarity.arithmetic import Arithmetic, TorchArithmetic
from replearn.analysis.similarity.inner import _by_roots, _by_tiles
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
