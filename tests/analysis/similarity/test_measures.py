"""All similarity measures: published values, values by hand, and their own promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.analysis.similarity import MEASURES, compare, compare_all

# The corners of a square against its first side: X'X = 4 I (norm sqrt 32), Y'Y = 4, X'Y = (4, 0).
SQUARE = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
SIDE = SQUARE[:, :1]


@pytest.mark.parametrize("name", ["cka_linear", "cka_debiased", "procrustes_angular"])
def test_canonical_values(published, name):
    x, y, canonical = published
    value, rtol = canonical(name)
    atol = 1e-9 if MEASURES[name].higher_is_closer else 1e-7
    assert compare(x, y, name) == pytest.approx(value, rel=rtol, abs=atol)
    assert compare(torch.tensor(x), torch.tensor(y), name) == compare(x, y, name)


def test_published_vae_study():
    path = Path(__file__).parents[2] / "golden" / "vae_similarity.npz"
    with np.load(path) as arrays:
        names = [str(name) for name in arrays["sim__names"]]
        inputs = {name: arrays[f"sim__in__{name}"].reshape(200, -1) for name in names}
        expected = {
            "cka_linear": arrays["sim__out__cka__f64"],
            "cka_debiased": arrays["sim__out__cka_debiased__f64"],
            "procrustes_angular": np.arccos(np.clip(arrays["sim__out__procrustes__f64"], 0, 1)),
        }
    result = compare_all(inputs, list(expected))
    assert result.labels == tuple(names) and result.n == 200
    for name, matrix in expected.items():
        atol = 1e-12 if MEASURES[name].higher_is_closer else 1e-7
        np.testing.assert_allclose(result.values[name], matrix, rtol=1e-10, atol=atol)


def test_a_square_and_its_side_by_hand():
    assert compare(SQUARE, SIDE, "cka_linear") == pytest.approx(1 / np.sqrt(2), abs=1e-12)
    # ||X'Y||_* = 4, ||X|| = sqrt 8, ||Y|| = 2: the cosine is 1/sqrt 2.
    assert compare(SQUARE, SIDE, "procrustes_angular") == pytest.approx(np.pi / 4, abs=1e-12)


def rotate(x, rng):
    return x @ np.linalg.qr(rng.standard_normal((x.shape[1],) * 2))[0]


TRANSFORMS = {
    "translation": lambda x, rng: x + rng.standard_normal(x.shape[1]),
    "rotation": rotate,
    "scaling": lambda x, rng: 3.7 * x,
    "permutation": lambda x, rng: x[:, rng.permutation(x.shape[1])],
    "linear": lambda x, rng: x @ rng.standard_normal((x.shape[1],) * 2),
}


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", MEASURES)
def test_measure_is_invariant_exactly_as_promised(name, transform, side, sample):
    rng = np.random.default_rng(0)
    pair = [sample(50, 8), sample(50, 5, seed=1)]
    before = compare(*pair, name)
    pair[side] = TRANSFORMS[transform](pair[side], rng)
    unchanged = compare(*pair, name) == pytest.approx(before, rel=1e-9)
    assert unchanged == (transform in MEASURES[name].invariant_to)


@pytest.mark.parametrize("name", MEASURES)
def test_order_of_the_inputs_matters(name, sample):
    x = sample(50, 8)
    assert compare(x, x[::-1], name) != pytest.approx(MEASURES[name].identical, abs=0.1)


@pytest.mark.parametrize("name", MEASURES)
@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(5, 20),
    d=st.integers(1, 30),
    e=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-200, 1e-6, 1.0, 1e6, 1e200]),
)
def test_promised_laws(name, n, d, e, seed, scale):
    measure = MEASURES[name]
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    y = x[:, :1] + rng.standard_normal((n, e))
    w = y[:, :1] + rng.standard_normal((n, 3))
    x = x * scale
    near = 1e-12 if measure.higher_is_closer else 1e-7
    assert compare(x, x, name) == pytest.approx(measure.identical, abs=near)
    xy, yx = compare(x, y, name), compare(y, x, name)
    low, high = measure.range
    assert low - 1e-12 <= xy <= high + 1e-12
    if measure.symmetric:
        assert xy == pytest.approx(yx, abs=1e-12)
    if measure.is_metric:
        assert xy <= compare(x, w, name) + compare(w, y, name) + 1e-9
    closer = xy <= measure.identical if measure.higher_is_closer else xy >= measure.identical
    assert closer or xy == pytest.approx(measure.identical, abs=near)


@pytest.mark.parametrize("name", MEASURES)
def test_float32_far_from_zero_is_centred_first(name, sample):
    x, y = sample(200, 20), sample(200, 30, seed=1)
    y[:, :10] += 2 * x[:, :10]
    far = [(100 + a).astype(np.float32) for a in (x, y)]
    assert compare(*far, name) == pytest.approx(compare(x, y, name), abs=1e-6)


def test_a_constant_or_repeated_column_changes_nothing_that_it_should_not(sample):
    x, y = sample(60, 6), sample(60, 5, seed=1)
    constant = np.full((60, 1), 100.1)
    for kind in (np.float64, np.float32):
        padded = np.hstack([x, constant]).astype(kind)
        for name in MEASURES:
            expected = compare(x.astype(kind), y, name)
            assert compare(padded, y, name) == pytest.approx(expected, abs=1e-12)
    twice = np.hstack([x, x])
    for name in MEASURES:
        assert compare(twice, y, name) == pytest.approx(compare(x, y, name), abs=1e-9)
