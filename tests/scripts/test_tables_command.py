"""The tables of the docs say what the registries hold."""

import pytest

import tables
from replearn.analysis.similarity import MEASURES
from replearn.dataset import DATASETS
from replearn.paths import root
from replearn.training.losses import LOSSES


def test_the_tables_of_the_docs_are_current():
    assert tables.main(["--check"]) == 0, "run 'python -m tables' in scripts/"


@pytest.mark.parametrize(
    "page, registry",
    [("datasets.md", DATASETS), ("losses.md", LOSSES), ("measures.md", MEASURES)],
)
def test_every_entry_stands_in_its_page(page, registry):
    text = (root() / "docs" / page).read_text()
    assert all(name in text for name in registry)


def test_a_table_out_of_date_is_found():
    old = "a\n<!-- table: losses -->\nnothing\n<!-- end -->\nb"
    new = tables.with_tables(old)
    assert new != old and "`beta_vae`" in new
    assert new.startswith("a\n") and new.endswith("\nb")
    assert tables.with_tables(new) == new


def test_parameter_counts_are_the_published_ones():
    # Locatello et al. (2019): 309,204 and 381,313, as the published Keras models count them.
    assert "309,204 | 381,313" in tables.model_table()
