"""What similarity measures promise: each promise holds, and nothing that is not promised."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.errors import InputError

# What a measure of few inputs needs beside its name.
FEW = {name: f"{name}:k=2" for name, m in MEASURES.items() if "neighbours" in m.groups} | {
    "imd": "imd:k=2",
    "cka_minibatch": "cka_minibatch:batch=5",
}
# The part of an input that is transformed.
FEATURES = {"outputs": "logits", "posteriors": "mean"}
ARRAYS = [name for name, m in MEASURES.items() if m.input_kind == "activations"]


def as_input(x, kind, labels=None, spread=None):
    """`x` (N, D) as what a measure of this kind compares."""
    if kind == "outputs":
        return {"logits": x, "labels": np.arange(len(x)) % x.shape[1] if labels is None else labels}
    if kind == "posteriors":
        return {"mean": x, "logvar": -np.abs(x) if spread is None else spread}
    return x


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
    measure, rng = MEASURES[name], np.random.default_rng(0)
    other = 5 if measure.input_kind == "activations" and not measure.equal_widths else 8
    pair = [sample(50, 8) + 0.5, sample(50, other, seed=1) + 0.5]
    pair[1][:, :3] += pair[0][:, :3]
    # Latents of one input are equally wide, so that a rotated posterior is one as well.
    extra = {"labels": pair[0].argmax(axis=1), "spread": np.tile(sample(50, 1, seed=2), 8)}

    def value():
        return compare(*(as_input(x, measure.input_kind, **extra) for x in pair), name)

    before = value()
    pair[side] = TRANSFORMS[transform](pair[side], rng)
    unchanged = value() == pytest.approx(before, rel=1e-7, abs=1e-9)
    promised = measure.invariant_to
    if side == 1 and measure.invariant_to_second is not None:
        promised = measure.invariant_to_second
    assert unchanged == (transform in promised)


@pytest.mark.parametrize("name", MEASURES)
def test_it_matters_which_row_belongs_to_which_where_that_is_promised(name, sample):
    measure, spec = MEASURES[name], FEW.get(name, name)
    x = as_input(sample(50, 8), measure.input_kind)
    reverse = {k: v[::-1] for k, v in x.items()} if isinstance(x, dict) else x[::-1]
    itself = compare(x, x, spec)
    if measure.identical is not None:
        assert itself == pytest.approx(measure.identical, abs=1e-6)
    assert (compare(x, reverse, spec) == pytest.approx(itself, abs=0.1)) is not measure.paired


@pytest.mark.parametrize("name", [name for name, m in MEASURES.items() if m.paired])
def test_what_is_more_alike_is_closer(name, sample):
    measure = MEASURES[name]
    x, noise = sample(50, 8), sample(50, 8, seed=1)
    labels = x.argmax(axis=1)
    near, far = (
        compare(*(as_input(a, measure.input_kind, labels) for a in (x, y)), name)
        for y in (x + 0.1 * noise, noise)
    )
    assert (near > far) is measure.higher_is_closer


@pytest.mark.parametrize("name", [name for name, m in MEASURES.items() if not m.symmetric])
def test_the_order_matters_where_it_is_not_promised_that_it_does_not(name, sample):
    x, y = sample(50, 8), sample(50, 5, seed=1)
    y[:, :3] += x[:, :3]
    spec = "cycle_knn:k=2" if name == "cycle_knn" else name  # of more, all is found again
    assert compare(x, y, spec) != pytest.approx(compare(y, x, spec), rel=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_fewer_than_four_inputs_are_one_sentence(name, sample):
    few = as_input(sample(3, 5), MEASURES[name].input_kind)
    least = 8 if name == "imd" else 4
    sentence = f"^{name} needs at least {least} inputs, got 3.$"
    with pytest.raises(InputError, match=sentence):
        compare(few, few, name)
    with pytest.raises(InputError, match=sentence):
        compare_all({"x": few, "y": few}, name)


SIZES = [name for name, m in MEASURES.items() if "scaling" not in m.invariant_to]
# They say nothing of one or two features: the correlation of two rows, who is nearest by cosine.
WIDE = ("rsa", *(n for n, m in MEASURES.items() if "neighbours" in m.groups))


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(5, 20),
    d=st.integers(1, 30),
    e=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-200, 1e-6, 1.0, 1e6, 1e200]),
)
def test_promised_laws(name, n, d, e, seed, scale):
    measure, spec = MEASURES[name], FEW.get(name, name)
    if name in SIZES:
        scale = min(max(scale, 1e-3), 1e3)
    if name in WIDE:
        d, e = d + 2, e + 2
    last = 3
    if measure.input_kind == "outputs" or measure.equal_widths:
        e = last = d
    if measure.input_kind == "posteriors":  # each step decomposes matrices of all inputs
        d, e = min(d, 8), min(e, 8)
    n = max(n, measure.min_inputs)
    n += -n % 5  # whole batches
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    y = x[:, :1] + rng.standard_normal((n, e))
    w = y[:, :1] + rng.standard_normal((n, last))
    x = x * scale
    x, y, w = (as_input(a, measure.input_kind, np.arange(n) % d) for a in (x, y, w))
    near = 1e-12 if measure.higher_is_closer else 1e-6 * (max(1, scale) if name in SIZES else 1)
    itself = compare(x, x, spec)
    if measure.identical is not None:
        assert itself == pytest.approx(measure.identical, abs=max(near, 1e-9))
    xy, yx = compare(x, y, spec), compare(y, x, spec)
    low, high = measure.range
    assert low - 1e-9 <= xy <= high + 1e-9
    if measure.symmetric:
        assert xy == pytest.approx(yx, rel=1e-9, abs=near)
    if measure.is_metric:
        assert xy <= compare(x, w, spec) + compare(w, y, spec) + near
    if measure.identical is not None and math.isfinite(measure.range[1]):
        closer = xy <= itself if measure.higher_is_closer else xy >= itself
        assert closer or xy == pytest.approx(itself, abs=max(near, 1e-9))


SHIFTED = [n for n in ARRAYS if "translation" in MEASURES[n].invariant_to]


@pytest.mark.parametrize("name", SHIFTED)
def test_float32_far_from_zero_is_centred_first(name, sample):
    x, y = sample(200, 20), sample(200, 30, seed=1)
    y[:, :10] += 2 * x[:, :10]
    far = [(100 + a).astype(np.float32) for a in (x, y)]
    assert compare(*far, name) == pytest.approx(compare(x, y, name), rel=1e-5, abs=1e-5)


# Of these a feature that says nothing, or one that is there twice, is none.
SPANS = [n for n in SHIFTED if "rotation" in MEASURES[n].invariant_to]


def test_a_constant_or_repeated_column_changes_nothing_that_it_should_not(sample):
    x, y = sample(60, 6), sample(60, 5, seed=1)
    constant = np.full((60, 1), 100.1)
    for kind in (np.float64, np.float32):
        padded = np.hstack([x, constant]).astype(kind)
        for name in SPANS:
            expected = compare(x.astype(kind), y, name)
            near = 1e-12 if kind is np.float64 or not MEASURES[name].describe else 1e-3
            assert compare(padded, y, name) == pytest.approx(
                expected, rel=1e-9, abs=max(near, 1e-9)
            ), name
    twice = np.hstack([x, x])
    for name in set(SPANS) - set(SIZES):
        assert compare(twice, y, name) == pytest.approx(compare(x, y, name), abs=1e-9), name


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_all_pairs_are_the_pairs_one_by_one(name, sample):
    measure, spec = MEASURES[name], FEW.get(name, name)
    alike = measure.input_kind == "outputs" or measure.equal_widths
    widths = (6, 6, 6, 6) if alike else (3, 5, 9, 26)
    x = {
        f"r{k}": as_input(sample(20, d, seed=k) + 0.3, measure.input_kind)
        for k, d in enumerate(widths)
    }
    for memory in (1.0, 1e-6):
        found = compare_all(x, spec, memory_gib=memory)
        for one in x:
            for other in x:
                expected = compare(x[one], x[other], spec)
                assert found.value(spec, one, other) == pytest.approx(expected, rel=1e-9, abs=1e-7)
