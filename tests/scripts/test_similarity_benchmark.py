"""The benchmark of similarities: its tables, what it counts, and published functions."""

import numpy as np
import pytest

from benchmark import published_similarity, similarity
from replearn.analysis.similarity import MEASURES, compare


@pytest.mark.slow
def test_quick_tables_hold_every_measure_of_resi():
    text = similarity.similarity_text(quick=True)
    resi = {name for name, m in MEASURES.items() if "resi" in m.groups} - set(similarity.SLOW)
    activations = {name for name in resi if MEASURES[name].input_kind == "activations"}
    assert len(activations) >= 20
    assert all(f"| `{name}` |" in text for name in activations)
    assert "| 100 | float32 |" in text
    assert "The published grid" in text and "10,000" in text
    assert "of anonymous memory" in text


def test_the_published_grid_has_the_layers_of_the_published_network():
    assert len(similarity.WIDTHS) == 15
    assert similarity.SAVED == 131_614  # of the 18 that were saved
    assert similarity.DATA_SETS * similarity.PUBLISHED_PAIRS == 465_750


def test_published_functions_give_our_values():
    """Those that are installed: none in the checks, all where a benchmark was set up."""
    x = list(similarity.layers(2, 60, 12).values())
    found = published_similarity.functions()
    for name, functions in found.items():
        for function in functions.values():
            value = np.ravel(np.asarray(function.call(x), dtype=np.float64))
            one = value[1] if function.all_pairs else value[0]
            rows = x if name != "distance_correlation" else [layer[:30] for layer in x]
            assert one == pytest.approx(compare(*rows, name), abs=1e-4), name
    assert "pip install" in published_similarity.about({})


def test_durations_are_in_units_that_can_be_read():
    assert similarity._long(90) == "90.0 s"
    assert similarity._long(3 * 86400) == "3.0 days"
    assert similarity._long(4 * 31557600) == "4.0 years"
