"""The result of a comparison survives an npz file."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, SimilarityResult, compare_all


def test_result_survives_an_npz_file(tmp_path, sample):
    result = compare_all({"a": sample(20, 3), "b/mean": np.ones((20, 2))}, MEASURES)
    np.savez(tmp_path / "result.npz", **result.arrays())
    with np.load(tmp_path / "result.npz") as arrays:
        again = SimilarityResult.from_arrays(arrays)
    assert (again.labels, again.n, again.warnings) == (result.labels, 20, result.warnings)
    assert again.values.keys() == result.values.keys()
    for name, matrix in result.values.items():
        np.testing.assert_array_equal(again.values[name], matrix)
    assert again.value("cka_linear", "a", "a") == pytest.approx(1.0)
