"""Choosing a measure: by name, by parameters, all of a kind."""

import sys

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


def test_a_minus_leaves_out_what_was_named_before():
    linear = [c.label for c in choose_all("linear", MEASURES)]
    some = choose_all(["linear", "-cka_linear", "jaccard:k=5"], MEASURES)
    assert [c.label for c in some] == [*(x for x in linear if x != "cka_linear"), "jaccard:k=5"]
    assert choose_all(["jaccard:k=5", "rsa", "-jaccard:k=5"], MEASURES) == choose_all(
        "rsa", MEASURES
    )
    with pytest.raises(InputError, match="measures=-rdt leaves out .* did you mean 'rtd'"):
        choose_all(["resi", "-rdt"], MEASURES)
    with pytest.raises(InputError, match="name at least one measure"):
        choose_all(["rsa", "-rsa"], MEASURES)


def test_a_group_leaves_out_what_is_not_installed(monkeypatch):
    resi = choose_all("resi", MEASURES)
    monkeypatch.setitem(sys.modules, "ripser", None)
    with pytest.warns(UserWarning, match="rtd of the group resi is left out: it needs pip install"):
        assert choose_all("resi", MEASURES) == [c for c in resi if c.label != "rtd"]
