"""The benchmark of disentanglement metrics: its codes, and its tables."""

import numpy as np
import pytest

from benchmark import disentanglement
from replearn.analysis.disentanglement import mig


def test_codes_are_those_that_the_published_code_was_run_on():
    data = disentanglement.mixture()
    assert data["codes_train"].shape == (10_000, 10) and data["factors_test"].shape == (5_000, 5)
    # disentanglement_lib's MIG of this mixture.
    assert mig(data["codes_train"], data["factors_train"]).mig == pytest.approx(0.099, abs=5e-4)


@pytest.mark.slow
def test_quick_tables_compare_the_trees():
    text = disentanglement.disentanglement_text(quick=True)
    for name in (*disentanglement.CHEAP, "reference", "fast"):
        assert f"| {name} |" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| 300 |")]
    reference, fast = ([float(cell.strip(" |")) for cell in row[2:]] for row in rows)
    np.testing.assert_allclose(fast[:3], reference[:3], atol=0.03)
    assert reference[4] == 1.0
