"""PWCCA where canonical correlations coincide: no choice of a basis, no block, no order shows."""

import numpy as np
import pytest

from replearn.analysis.similarity import compare, compare_all


@pytest.fixture
def crowded(sample):
    """Representations of 40 inputs, whose ranks 4 to 39 together often exceed 40."""
    return {f"r{d}": sample(40, d, seed=d) for d in range(4, 44, 3)}


def test_neither_blocks_nor_order_change_it(crowded):
    whole = compare_all(crowded, "pwcca")
    blocked = compare_all(crowded, "pwcca", group=1)
    reverse = compare_all(dict(reversed(crowded.items())), "pwcca")
    values = whole.values["pwcca"]
    assert np.isfinite(values).all()
    np.testing.assert_allclose(blocked.values["pwcca"], values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(reverse.values["pwcca"][::-1, ::-1], values, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("d", "e"), [(25, 30), (30, 25), (12, 34), (34, 12)])
def test_any_basis_of_the_second_is_as_good_where_spans_meet(d, e, sample):
    x, y = sample(40, d), sample(40, e, seed=1)
    mixing = sample(e, e, seed=2)
    assert compare(x, y @ mixing, "pwcca") == pytest.approx(compare(x, y, "pwcca"), abs=1e-11)


def test_weights_of_directions_that_coincide_are_means_over_rotations(sample):
    """Numbers by drawing 20000 bases of what the spans share, with the definition as published."""
    x, y = sample(12, 7), sample(12, 8, seed=1)
    x, y = x - x.mean(0), y - y.mean(0)
    ux, uy = (np.linalg.svd(a, full_matrices=False)[0] for a in (x, y))
    p, rho, _ = np.linalg.svd(ux.T @ uy, full_matrices=False)
    shared = int(np.sum(rho > 1 - 1e-9))
    assert shared == 7 + 8 - 11
    loads = p.T @ ux.T @ x
    rng = np.random.default_rng(0)
    turns = np.linalg.qr(rng.standard_normal((20000, shared, shared)))[0]
    meeting = np.abs(turns @ loads[:shared]).sum(axis=2).mean(axis=0).sum()
    others = np.abs(loads[shared:]).sum(axis=1)
    expected = (meeting + rho[shared:] @ others) / (meeting + others.sum())
    assert compare(x, y, "pwcca") == pytest.approx(expected, abs=3e-4)


def test_where_all_coincide_the_weights_do_not_matter(sample):
    x = sample(40, 7)
    assert compare(x, np.hstack([x, sample(40, 20, seed=1)]), "pwcca") == pytest.approx(
        1, abs=1e-12
    )
    assert compare(x, sample(40, 39, seed=1), "pwcca") == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", ["pwcca", "eos"])
def test_the_rounding_of_float32_is_no_direction(name, sample):
    z = sample(100, 7)
    x = (z @ sample(7, 60, seed=1)).astype(np.float32)
    assert compare(x, z, name) == pytest.approx(1.0, abs=1e-6)
    assert compare_all({"x": x, "z": z}, name).ranks == {"x": 7, "z": 7}
