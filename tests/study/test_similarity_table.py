"""One row for each pair of layers, with what is known of both."""

import weakref
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from replearn.analysis.similarity import SimilarityResult
from replearn.study.comparison import Source
from replearn.study.results import Results
from replearn.study.similarity_table import tidy, tidy_blocks

LAYERS = ["mean", "encoder.0"]


def network(run_id, beta, seed, step=20):
    run = SimpleNamespace(
        id=run_id,
        experiment="unsupervised",
        config={"seed": seed, "beta": beta},
        identity={"group_hash": f"hash of {beta}"},
    )
    return Source(run, step)


@pytest.fixture
def sources():
    return [network(1, 1, 0), network(2, 1, 1), network(3, 4, 0)]


@pytest.fixture
def found(sources):
    """Six layers; the symmetric measure of layers i and j is i + j, the other one 10 i + j."""
    i = np.arange(6.0)
    return SimilarityResult(
        tuple(source.label(layer) for source in sources for layer in LAYERS),
        64,
        {"cka_linear": i[:, None] + i, "linear_regression": 10 * i[:, None] + i},
        nulls={"cka_linear": np.full((6, 6), 1.0)},
        null_sds={"cka_linear": np.full((6, 6), 0.5)},
        errors={"cka_linear": np.full((6, 6), 0.25)},
        ranks={"1/20/mean": 3, "1/20/encoder.0": 12},
    )


def test_a_row_says_all_of_one_pair(sources, found):
    table = tidy(found, sources, LAYERS)
    (row,) = table.query(
        "measure == 'cka_linear' and run_x == 1 and layer_x == 'encoder.0' and run_y == 3 "
        "and layer_y == 'mean'"
    ).to_dict("records")
    nan = row.pop("rank_y")
    assert np.isnan(nan)  # not known
    assert row == {
        "run_x": 1, "group_x": "beta=1", "seed_x": 0, "step_x": 20, "layer_x": "encoder.0",
        "run_y": 3, "group_y": "beta=4", "seed_y": 0, "step_y": 20, "layer_y": "mean",
        "measure": "cka_linear", "value": 5.0, "null": 1.0, "null_sd": 0.5, "z": 8.0,
        "error": 0.25, "n": 64, "rank_x": 12.0,
    }  # fmt: skip


def test_pairs_come_once_and_in_both_directions_where_they_differ(sources, found):
    table = tidy(found, sources, LAYERS)
    counts = table["measure"].value_counts()
    assert counts.to_dict() == {"cka_linear": 15, "linear_regression": 30}
    one_way = table[table["measure"] == "linear_regression"]
    assert sorted(one_way["value"]) == sorted(
        10 * i + j for i in range(6) for j in range(6) if i != j
    )
    assert np.isnan(one_way[["null", "null_sd", "z", "error"]].to_numpy()).all()


def test_only_what_is_asked_for_is_shown(sources, found):
    table = tidy(found, sources[:2], ["mean"])
    assert table[["run_x", "run_y", "value"]].to_numpy().tolist() == [
        [1, 2, 2.0],
        [1, 2, 2.0],
        [2, 1, 20.0],
    ]
    # One group has nothing that sets it apart: it is called after its experiment.
    assert set(table["group_x"]) == {"unsupervised"}


@pytest.mark.slow
def test_a_large_table_is_streamed_and_reads_the_same(tmp_path):
    """700 layers have 244,650 pairs: too many for a plain file, and never all in memory."""
    m, networks = 700, [network(i, 1, i) for i in range(1, 351)]
    i = np.arange(float(m))
    found = SimilarityResult(
        tuple(source.label(layer) for source in networks for layer in LAYERS),
        64,
        {"cka_linear": np.sqrt(i[:, None] + i)},
        nulls={"cka_linear": np.full((m, m), 0.25)},
        null_sds={"cka_linear": np.full((m, m), 0.5)},
    )
    results, sizes, alive = Results(tmp_path, "caption"), [], []

    def counted():
        for table in tidy_blocks(found, networks, LAYERS):
            sizes.append(len(table))
            alive.append(weakref.ref(table))
            yield table
            del table
            most.append(sum(len(one) for one in (ref() for ref in alive) if one is not None))

    most: list[int] = []
    results.csv("similarity", counted())
    assert [path.name for path in results.files] == ["similarity.csv.gz"]
    assert max(sizes) <= 51_000 and max(most) <= 200_000 + max(sizes)
    read = pandas.read_csv(results.files[0])
    whole = tidy(found, networks, LAYERS)
    assert len(read) == sum(sizes) == m * (m - 1) // 2
    pandas.testing.assert_frame_equal(read, whole, rtol=1e-12)
    # The pair of the last two layers: 698 and 699.
    last = read.iloc[-1]
    assert last["value"] == pytest.approx(1397**0.5) and (last["run_x"], last["run_y"]) == (
        350,
        350,
    )
    assert last["z"] == pytest.approx((1397**0.5 - 0.25) / 0.5)
    first = results.files[0].read_bytes()
    results.csv("similarity", tidy_blocks(found, networks, LAYERS))
    assert results.files[1].read_bytes() == first


def test_a_small_table_is_a_plain_file(tmp_path, sources, found):
    results = Results(tmp_path, "caption")
    results.csv("similarity", tidy_blocks(found, sources, LAYERS))
    (path,) = results.files
    assert path.name == "similarity.csv"
    assert path.read_text() == tidy(found, sources, LAYERS).to_csv(index=False)
    assert len(path.read_text().splitlines()) == 1 + 15 + 30
