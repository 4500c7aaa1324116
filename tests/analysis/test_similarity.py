"""Similarity measures against published code, hand values, and their own promises."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.analysis.similarity import (
    MEASURES,
    SimilarityResult,
    choose,
    choose_all,
    compact,
    compare,
    compare_all,
    factorise,
)
from replearn.analysis.similarity.cka import cka_linear_null_sd
from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import prepare
from replearn.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
PAIRS = ("P1_generic", "P2_rot_scale_shift", "P3_wide", "P5_rows_permuted")
ROWS = {name: name for name in ("cka_linear", "cka_debiased", "procrustes_angular")}

# The corners of a square against its first side: X'X = 4 I (norm sqrt 32), Y'Y = 4, X'Y = (4, 0).
SQUARE = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
SIDE = SQUARE[:, :1]


def sample(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "similarity.npz") as arrays:
        return dict(arrays)


def canonical(golden, row):
    at = list(golden["canonical/measures"]).index(row)
    return golden["canonical/values"][at], golden["canonical/rtol"][at]


@pytest.mark.parametrize("pair", range(4), ids=PAIRS)
@pytest.mark.parametrize("name", ROWS)
def test_canonical_values(golden, name, pair):
    values, rtol = canonical(golden, ROWS[name])
    x, y = golden[f"{PAIRS[pair]}/X"], golden[f"{PAIRS[pair]}/Y"]
    atol = 1e-9 if MEASURES[name].higher_is_closer else 1e-7
    assert compare(x, y, name) == pytest.approx(values[pair], rel=rtol, abs=atol)
    assert compare(torch.tensor(x), torch.tensor(y), name) == compare(x, y, name)


@pytest.mark.parametrize("pair", range(4), ids=PAIRS)
def test_null_of_cka_has_the_canonical_mean_and_deviation(golden, pair):
    x, y = golden[f"{PAIRS[pair]}/X"], golden[f"{PAIRS[pair]}/Y"]
    result = compare_all({"x": x, "y": y}, ["cka_linear"])
    mean, rtol = canonical(golden, "perm_null_mean_cka")
    assert result.nulls["cka_linear"][0, 1] == pytest.approx(mean[pair], rel=rtol)
    sd, rtol = canonical(golden, "perm_null_sd_cka")
    products = Products([prepare(x)], [prepare(y)])
    assert cka_linear_null_sd(products)[0, 0] == pytest.approx(sd[pair], rel=rtol)


def test_published_vae_study():
    path = GOLDEN / "vae_similarity.npz"
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


def unbiased_hsic(k, m):
    """Song et al. (2012), equation 5, as printed."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    ones = np.ones(n)
    last = 2 / (n - 2) * ones @ k @ m @ ones
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - last) / (n * (n - 3))


@pytest.mark.parametrize("n, d, e", [(4, 3, 2), (7, 3, 11), (30, 40, 5)])
def test_debiased_cka_is_song_2012(n, d, e):
    x, y = sample(n, d) + 3, sample(n, e, seed=1) - 1
    k, m = x @ x.T, y @ y.T
    expected = unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))
    assert compare(x, y, "cka_debiased") == pytest.approx(expected, rel=1e-9)


def test_debiased_cka_may_be_negative():
    # Eight inputs of unrelated representations: chance level is 0, of the biased form far above.
    values = [compare(sample(8, 4, s), sample(8, 4, s + 99), "cka_debiased") for s in range(20)]
    assert min(values) < -0.05
    assert (
        abs(np.mean(values))
        < 0.15
        < np.mean([compare(sample(8, 4, s), sample(8, 4, s + 99), "cka_linear") for s in range(20)])
    )


@pytest.mark.parametrize("d, e", [(2, 3), (8, 4)])
def test_nulls_are_the_moments_over_all_pairings(d, e):
    x, y = sample(5, d), sample(5, e, seed=1)
    orders = [list(order) for order in itertools.permutations(range(5))]
    result = compare_all({"x": x, "y": y}, ["cka_linear", "cka_debiased"])
    for name in ("cka_linear", "cka_debiased"):
        values = [compare(x, y[order], name) for order in orders]
        assert result.nulls[name][0, 1] == pytest.approx(np.mean(values), abs=1e-12)
    values = [compare(x, y[order], "cka_linear") for order in orders]
    sd = cka_linear_null_sd(Products([prepare(x)], [prepare(y)]))[0, 0]
    assert sd == pytest.approx(np.std(values), abs=1e-12)


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
def test_measure_is_invariant_exactly_as_promised(name, transform, side):
    rng = np.random.default_rng(0)
    pair = [sample(50, 8), sample(50, 5, seed=1)]
    before = compare(*pair, name)
    pair[side] = TRANSFORMS[transform](pair[side], rng)
    unchanged = compare(*pair, name) == pytest.approx(before, rel=1e-9)
    assert unchanged == (transform in MEASURES[name].invariant_to)


@pytest.mark.parametrize("name", MEASURES)
def test_order_of_the_inputs_matters(name):
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


def mixed(n=60):
    """Narrow, wide, rank-deficient and nearly constant representations of the same inputs."""
    base = sample(n, 6)
    rng = np.random.default_rng(3)
    out = {"base": base, "relu": np.maximum(base @ rng.standard_normal((6, 40)), 0)}
    out["wide"] = np.tanh(base @ rng.standard_normal((6, 300)))
    out["wider"] = (base @ rng.standard_normal((6, 500))).astype(np.float32)
    out["repeated"] = np.repeat(base, 20, axis=1)
    out["square"] = base @ rng.standard_normal((6, n)) + 0.1 * rng.standard_normal((n, n))
    out["offset"] = base + 1000
    return out


def test_all_pairs_are_the_pairs():
    inputs = mixed()
    result = compare_all(inputs, MEASURES)
    for row in result.rows():
        alone = compare(inputs[row["x"]], inputs[row["y"]], row["measure"])
        atol = 1e-12 if MEASURES[row["measure"]].higher_is_closer else 1e-7
        assert row["value"] == pytest.approx(alone, abs=atol), row


class Loading(dict):
    """A mapping that counts how often each of its arrays was read."""

    def __init__(self, *args):
        super().__init__(*args)
        self.reads = []

    def __getitem__(self, key):
        self.reads.append(key)
        return super().__getitem__(key)


@pytest.mark.parametrize("keys", [None, ["base", "relu", "repeated", "square", "offset"]])
def test_values_do_not_depend_on_the_blocks(keys):
    inputs = Loading({k: v for k, v in mixed().items() if keys is None or k in keys})
    whole = compare_all(inputs, MEASURES)
    assert inputs.reads == list(inputs)
    inputs.reads.clear()
    blocked = compare_all(inputs, MEASURES, memory_gib=2e-5)
    assert len(inputs.reads) > len(inputs)
    for name in MEASURES:
        atol = 1e-12 if MEASURES[name].higher_is_closer else 1e-7
        np.testing.assert_allclose(blocked.values[name], whole.values[name], rtol=0, atol=atol)
    np.testing.assert_allclose(blocked.nulls["cka_linear"], whole.nulls["cka_linear"], atol=1e-12)


@pytest.mark.parametrize("memory", [1, 5e3, 1e5, 1e9])
def test_both_routes_to_inner_products_agree(memory):
    prepared = [prepare(x, gram=False) for x in mixed().values()]
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


@pytest.mark.parametrize("name", MEASURES)
def test_float32_far_from_zero_is_centred_first(name):
    x, y = sample(200, 20), sample(200, 30, seed=1)
    y[:, :10] += 2 * x[:, :10]
    far = [(100 + a).astype(np.float32) for a in (x, y)]
    assert compare(*far, name) == pytest.approx(compare(x, y, name), abs=1e-6)


def test_a_constant_or_repeated_column_changes_nothing_that_it_should_not():
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


def test_compact_keeps_all_similarities():
    inputs = mixed()
    reduced = {name: compact(x) for name, x in inputs.items()}
    assert reduced["repeated"].shape == (60, 6)
    assert reduced["wide"].shape[1] <= 59
    whole, small = compare_all(inputs, MEASURES), compare_all(reduced, MEASURES)
    for name in MEASURES:
        atol = 1e-12 if MEASURES[name].higher_is_closer else 2e-7
        np.testing.assert_allclose(small.values[name], whole.values[name], rtol=0, atol=atol)


@pytest.mark.parametrize("d", [30, 200])
def test_singular_values_down_to_the_rank_cut(d):
    rng = np.random.default_rng(0)
    s = np.array([3.0, 0.1, 1e-3, 1e-5, 1e-7, 1e-10])
    u = np.linalg.qr(np.hstack([np.ones((40, 1)), rng.standard_normal((40, 6))]))[0][:, 1:]
    v = np.linalg.qr(rng.standard_normal((d, 6)))[0]
    factors = factorise((u * s) @ v.T + 5)
    # 5 + 1e-10 is rounded at 1e-15; the Gram matrix alone would lose all below 3e-8.
    np.testing.assert_allclose(factors.s, s[:5], rtol=0, atol=1e-10)
    assert factors.rank == 5
    np.testing.assert_allclose(factors.u.T @ factors.u, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(np.abs(factors.u.T @ u[:, :5]), np.eye(5), atol=1e-6)


def test_a_constant_representation_is_nan_and_named():
    inputs = {"base": sample(50, 4), "collapsed": np.full((50, 10), 0.1, dtype=np.float32)}
    inputs["other"] = sample(50, 3, seed=1)
    result = compare_all(inputs, MEASURES)
    for name in MEASURES:
        matrix = result.values[name]
        assert np.isnan(matrix[1]).all() and np.isnan(matrix[:, 1]).all()
        assert matrix[0, 2] == pytest.approx(compare(inputs["base"], inputs["other"], name))
    assert len(result.warnings) == 1
    assert "'collapsed' is constant" in result.warnings[0]


def test_a_simplex_has_no_debiased_value():
    x = np.eye(6)
    with pytest.raises(InputError, match="all inputs are equally far apart"):
        compare(x, sample(6, 3), "cka_debiased")
    result = compare_all({"simplex": x, "other": sample(6, 3)}, ["cka_debiased", "cka_linear"])
    assert np.isnan(result.values["cka_debiased"][0]).all()
    assert np.isfinite(result.values["cka_linear"]).all()
    assert any("'simplex'" in warning for warning in result.warnings)


def test_bad_input_is_refused_in_a_sentence():
    x = sample(10, 3)
    with pytest.raises(InputError, match="the first has 10 rows and the second has 9"):
        compare(x, x[:9])
    with pytest.raises(InputError, match="'a' has 10 rows and 'b' has 9"):
        compare_all({"a": x, "b": x[:9]})
    with pytest.raises(InputError, match="is constant"):
        compare(x, np.ones((10, 2)))
    with pytest.raises(InputError, match="needs at least 4 inputs, got 3"):
        compare(x[:3], x[:3], "cka_debiased")
    with pytest.raises(InputError, match="'bad' holds NaN or infinite"):
        compare_all({"good": x, "bad": np.where(x > 2, np.nan, np.inf)})
    with pytest.raises(InputError, match="expected the first representation as numbers of shape"):
        compare(x[:, 0], x)
    with pytest.raises(InputError, match="did you mean 'cka_linear'"):
        compare(x, x, "cka_linaer")
    with pytest.raises(InputError, match="takes no parameter"):
        compare(x, x, "cka_linear:k=10")
    with pytest.raises(InputError, match="no representation"):
        compare_all({})
    with pytest.raises(InputError, match="at least one measure"):
        compare_all({"a": x}, [])


def test_different_probe_sets_are_refused():
    x = sample(10, 3)
    compare_all({"a": x, "b": x}, probes={"a": "1f", "b": "1f"})
    with pytest.raises(InputError, match="different inputs"):
        compare_all({"a": x, "b": x}, probes={"a": "1f", "b": "2e"})
    with pytest.raises(InputError, match="no fingerprint .* 'b'"):
        compare_all({"a": x, "b": x}, probes={"a": "1f"})


def test_choosing_measures():
    assert choose({"name": "cka_linear"}, MEASURES).label == "cka_linear"
    assert [c.label for c in choose_all("linear", MEASURES)] == list(MEASURES)
    both = choose_all(["cka_debiased", "linear"], MEASURES)
    assert [c.label for c in both] == ["cka_debiased", "cka_linear", "procrustes_angular"]
    with pytest.raises(InputError, match="needs a 'name'"):
        choose({"k": 3}, MEASURES)


def test_result_survives_an_npz_file(tmp_path):
    result = compare_all({"a": sample(20, 3), "b/mean": np.ones((20, 2))}, MEASURES)
    np.savez(tmp_path / "result.npz", **result.arrays())
    with np.load(tmp_path / "result.npz") as arrays:
        again = SimilarityResult.from_arrays(arrays)
    assert (again.labels, again.n, again.warnings) == (result.labels, 20, result.warnings)
    assert again.values.keys() == result.values.keys()
    for name, matrix in result.values.items():
        np.testing.assert_array_equal(again.values[name], matrix)
    assert again.value("cka_linear", "a", "a") == pytest.approx(1.0)


def test_progress_reaches_its_end():
    seen = {}
    compare_all(
        mixed(), MEASURES, progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert set(seen) == {"representations", "inner products", "nuclear norms"}
    assert all(done == total for done, total in seen.values())
