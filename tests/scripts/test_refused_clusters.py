"""A cluster that an analysis cannot use is refused with the other values: no run is stored."""

import pytest

from analysis import similarity
from replearn.runs.commandline import run_commandline


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("cluster=locl", "there is no cluster 'locl'; did you mean 'local'?"),
        ("cluster=5", "there is no cluster '5'; "),
        ("cluster=local cluster_options.workers=two", "workers must be a whole number, got 'two'"),
        ("cluster_options.worker=2", "a cluster has no option 'worker'; did you mean 'workers'"),
        ("cluster=tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9"),
    ],
)
def test_a_cluster_is_checked_before_a_run_exists(database, capsys, words, sentence):
    assert run_commandline(similarity.ex, ["similarity", "with", *words.split()]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {sentence}") and said.err.count("\n") == 1
    assert database.runs.count_documents({}) == 0
