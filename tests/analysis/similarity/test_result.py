"""The result of a comparison survives an npz file."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, SimilarityResult, compare_all


def test_result_survives_an_npz_file(tmp_path, sample):
    names = [name for name, m in MEASURES.items() if m.input_kind == "activations"]
    result = compare_all({"a": sample(20, 3), "b/mean": np.ones((20, 2))}, names)
    np.savez(tmp_path / "result.npz", **result.arrays())
    with np.load(tmp_path / "result.npz") as arrays:
        again = SimilarityResult.from_arrays(arrays)
    assert (again.labels, again.n, again.warnings) == (result.labels, 20, result.warnings)
    assert again.values.keys() == result.values.keys()
    for name, matrix in result.values.items():
        np.testing.assert_array_equal(again.values[name], matrix)
    assert again.value("cka_linear", "a", "a") == pytest.approx(1.0)


def test_z_and_corrected_values_are_those_of_the_null():
    """By hand: .75 where chance gives .5 with a standard deviation of .125 is 2 of these above."""
    matrix = np.array([[1.0, 0.75], [0.75, 1.0]])
    found = SimilarityResult(
        ("a", "b"),
        9,
        {"cka_linear": matrix},
        nulls={"cka_linear": np.full((2, 2), 0.5)},
        null_sds={"cka_linear": np.full((2, 2), 0.125)},
        ranks={"b": 3},
    )
    np.testing.assert_array_equal(found.z["cka_linear"], [[4, 2], [2, 4]])
    np.testing.assert_array_equal(found.corrected["cka_linear"], [[1, 0.5], [0.5, 1]])
    again = SimilarityResult.from_arrays(found.arrays())
    np.testing.assert_array_equal(again.null_sds["cka_linear"], found.null_sds["cka_linear"])
    assert again.ranks == {"b": 3}
