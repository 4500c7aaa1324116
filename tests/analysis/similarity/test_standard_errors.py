"""Standard errors over inputs: published, by leaving inputs out, and by drawing them anew."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compare, compare_all

NAMES = [name for name, measure in MEASURES.items() if measure.error]


def error(x, y, name):
    found = compare_all({"x": x, "y": y}, name, standard_errors=True)
    return found.errors[name][0, 1]


def test_published_value(published):
    x, y, canonical = published
    value, rtol = canonical("cka_debiased_ij_se")
    assert error(x, y, "cka_debiased") == pytest.approx(value, rel=rtol, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_leaving_out_one_input_after_another_says_the_same(name, sample):
    x = sample(120, 6)
    y = np.tanh(x @ sample(6, 9, seed=2)) + 0.3 * sample(120, 9, seed=1)
    left = [compare(np.delete(x, a, 0), np.delete(y, a, 0), name) for a in range(120)]
    jackknife = np.sqrt(119 / 120 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert error(x, y, name) == pytest.approx(jackknife, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_values_spread_over_new_inputs_as_the_error_says(name):
    rng = np.random.default_rng(0)
    mixing, own = rng.standard_normal((4, 12)), rng.standard_normal((4, 7))
    values, errors = [], []
    for _ in range(100):
        z = rng.standard_normal((150, 4))
        x = np.maximum(z @ mixing, 0) + 0.5 * rng.standard_normal((150, 12))
        y = np.tanh(z @ own) + 0.5 * rng.standard_normal((150, 7))
        values.append(compare(x, y, name))
        errors.append(error(x, y, name))
    # The spread of 100 values is known to 7 %.
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.25)


def test_blocks_wide_layers_and_constants_change_nothing(mixed):
    inputs = {**mixed, "dead": np.ones((60, 3))}
    whole = compare_all(inputs, NAMES, standard_errors=True)
    blocked = compare_all(inputs, NAMES, standard_errors=True, memory_gib=2e-5)
    for name in NAMES:
        np.testing.assert_allclose(blocked.errors[name], whole.errors[name], rtol=0, atol=1e-12)
        np.testing.assert_allclose(whole.errors[name], whole.errors[name].T, rtol=0, atol=1e-12)
        assert np.isnan(whole.errors[name][-1]).all()
        assert whole.errors[name][0, 1] > 1e-3


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("group", [None, 1])
def test_what_is_identical_for_all_inputs_has_no_error(group, precision, sample):
    x = sample(60, 6)
    same = {"x": x, "turned": 3 * x @ np.linalg.qr(sample(6, 6, seed=1))[0] + 1, "twice": x[:, :]}
    same["wide"] = np.repeat(x, 20, axis=1)
    found = compare_all(same, NAMES, standard_errors=True, precision=precision, group=group)
    for name in NAMES:
        np.testing.assert_array_equal(found.errors[name], np.zeros((4, 4)))
    near = {"x": x, "near": x + 1e-3 * sample(60, 6, seed=2)}
    errors = compare_all(near, NAMES, standard_errors=True).errors
    assert all(1e-9 < errors[name][0, 1] < 1e-3 for name in NAMES)


def test_without_asking_there_are_none(sample):
    found = compare_all({"x": sample(20, 3), "y": sample(20, 4)}, NAMES)
    assert found.errors == {}
    assert all(np.isnan(row["error"]) for row in found.rows())
