"""All pairs at once: the values of the single pairs, in blocks, and what is refused."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.errors import InputError

# Those that compare any two arrays.
EVERY = [n for n, m in MEASURES.items() if m.input_kind == "activations" and not m.equal_widths]
EVERY.remove("soft_matching")  # of 500 features with 300, a linear program of half a minute


@pytest.mark.slow
def test_all_pairs_are_the_pairs(mixed):
    result = compare_all(mixed, EVERY)
    for row in result.rows():
        alone = compare(mixed[row["x"]], mixed[row["y"]], row["measure"])
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


@pytest.mark.slow
@pytest.mark.parametrize("keys", [None, ["base", "relu", "repeated", "square", "offset"]])
def test_values_do_not_depend_on_the_blocks(keys, mixed):
    inputs = Loading({k: v for k, v in mixed.items() if keys is None or k in keys})
    whole = compare_all(inputs, EVERY)
    assert inputs.reads == list(inputs)
    inputs.reads.clear()
    blocked = compare_all(inputs, EVERY, memory_gib=2e-5)
    assert len(inputs.reads) > len(inputs)
    for name in EVERY:
        atol = 1e-12 if MEASURES[name].higher_is_closer else 1e-7
        np.testing.assert_allclose(blocked.values[name], whole.values[name], rtol=0, atol=atol)
    np.testing.assert_allclose(blocked.nulls["cka_linear"], whole.nulls["cka_linear"], atol=1e-12)


def test_a_constant_representation_is_nan_and_named(sample):
    inputs = {"base": sample(50, 4), "collapsed": np.full((50, 10), 0.1, dtype=np.float32)}
    inputs["other"] = sample(50, 3, seed=1)
    result = compare_all(inputs, EVERY)
    for name in EVERY:
        matrix = result.values[name]
        assert np.isnan(matrix[1]).all() and np.isnan(matrix[:, 1]).all()
        expected = compare(inputs["base"], inputs["other"], name)
        assert matrix[0, 2] == pytest.approx(expected, rel=1e-9)
    assert len(result.warnings) == 1
    assert "'collapsed' is constant" in result.warnings[0]


def test_a_simplex_has_no_debiased_value(sample):
    x = np.eye(6)
    with pytest.raises(InputError, match="all inputs are equally far apart"):
        compare(x, sample(6, 3), "cka_debiased")
    both = {"simplex": x, "other": sample(6, 3)}
    result = compare_all(both, ["cka_debiased", "cka_linear"], standard_errors=True)
    assert np.isnan(result.values["cka_debiased"][0]).all()
    assert np.isnan(result.errors["cka_debiased"][0]).all()
    assert np.isfinite(result.values["cka_linear"]).all()
    assert any("'simplex'" in warning for warning in result.warnings)


def test_bad_input_is_refused_in_a_sentence(sample):
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


def test_different_probe_sets_are_refused(sample):
    x = sample(10, 3)
    compare_all({"a": x, "b": x}, probes={"a": "1f", "b": "1f"})
    with pytest.raises(InputError, match="different inputs"):
        compare_all({"a": x, "b": x}, probes={"a": "1f", "b": "2e"})
    with pytest.raises(InputError, match="no fingerprint .* 'b'"):
        compare_all({"a": x, "b": x}, probes={"a": "1f"})


def test_progress_reaches_its_end(mixed):
    seen = {}
    compare_all(
        mixed, EVERY, progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert set(seen) == {
        "representations", "inner products", "nuclear norms", "cross products", "pairs",
    }  # fmt: skip
    assert all(done == total for done, total in seen.values())
