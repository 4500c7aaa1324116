"""The benchmark of queries measures real queries: its synthetic runs are complete ones."""

import pytest

from benchmark.queries import METRICS, compare, make_runs
from replearn.runs import find_runs


@pytest.mark.filterwarnings("ignore:GridOut property 'contentType':DeprecationWarning")
def test_synthetic_runs_are_found_complete_by_both_sides(database):
    make_runs(database, n=20)
    runs = find_runs({"seed": [3, 4]})  # an incomplete run would raise a warning
    assert runs.ids == [3, 4]
    assert runs[0].metrics == runs[0].result and set(runs[0].metrics) == set(METRICS)
    assert len(runs[0].metric("val.loss")[0]) == 100
    last = runs.incense()[0].metrics["val.loss"].iloc[-1]
    assert last == runs[0].metrics["val.loss"]
    rows = compare(database, repeats=1)
    assert [n for _, n, _ in rows] == [20, 20, 20, 9, 20, 9, 20]
    assert all(seconds > 0 for _, _, seconds in rows)
