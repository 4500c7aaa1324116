"""Choosing a measure: by name, by parameters, all of a kind."""

import pytest

from replearn.analysis.similarity import MEASURES, choose, choose_all
from replearn.errors import InputError


def test_choosing_measures():
    assert choose({"name": "cka_linear"}, MEASURES).label == "cka_linear"
    assert [c.label for c in choose_all("linear", MEASURES)] == list(MEASURES)
    both = choose_all(["cka_debiased", "linear"], MEASURES)
    assert [c.label for c in both] == ["cka_debiased", "cka_linear", "procrustes_angular"]
    with pytest.raises(InputError, match="needs a 'name'"):
        choose({"k": 3}, MEASURES)
