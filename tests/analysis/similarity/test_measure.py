"""Choosing a measure: by name, by parameters, all of a kind."""

import pytest

from replearn.analysis.similarity import MEASURES, choose, choose_all
from replearn.errors import InputError


def test_choosing_measures():
    assert choose({"name": "cka_linear"}, MEASURES).label == "cka_linear"
    linear = [name for name, m in MEASURES.items() if "linear" in m.groups]
    assert [c.label for c in choose_all("linear", MEASURES)] == linear
    both = choose_all(["cca_r2", "linear"], MEASURES)
    assert [c.label for c in both] == ["cca_r2", *(n for n in linear if n != "cca_r2")]
    with pytest.raises(InputError, match="needs a 'name'"):
        choose({"k": 3}, MEASURES)
