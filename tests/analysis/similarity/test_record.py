"""Pairs that are known are not computed again: after an interruption, with more to compare."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity import compare_all
from replearn.analysis.similarity.pace import Pace, measure_pace
from replearn.errors import InputError

# A symmetric measure with a null and a standard error, one that has no symmetry, a distance.
MEASURES = ["cka_linear", "linear_regression", "procrustes_angular"]


class Counting(dict):
    """Representations that take note of which were read."""

    def __init__(self, *args):
        super().__init__(*args)
        self.read = []

    def __getitem__(self, label):
        self.read.append(label)
        return super().__getitem__(label)


@pytest.fixture
def store(tmp_path):
    return PairStore(tmp_path / "pairs")


@pytest.fixture
def inputs(sample):
    made = {f"r{i}": sample(30, 2 + i, seed=i) for i in range(7)}
    made["wide"] = sample(30, 50, seed=9)
    made["dead"] = np.full((30, 3), 2.5)
    return Counting(made)


def compared(inputs, store=None, measures=MEASURES, **options):
    """The result, what was read, and what was announced."""
    told = []
    inputs.read.clear()
    keys = {label: f"content of {label}" for label in inputs} if store else None
    found = compare_all(inputs, measures, keys=keys, store=store, announce=told.append, **options)
    return found, list(inputs.read), told[0]


def assert_same(one, other):
    assert (one.labels, one.n) == (other.labels, other.n)
    assert set(one.warnings) == set(other.warnings)
    for mine, theirs in (
        (one.values, other.values), (one.nulls, other.nulls), (one.errors, other.errors)
    ):  # fmt: skip
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=0, atol=1e-12)


def test_a_second_comparison_reads_nothing(inputs, store):
    whole, _, _ = compared(Counting(inputs), standard_errors=True)
    first, read, outlook = compared(inputs, store, standard_errors=True, group=3)
    assert set(read) == set(inputs)
    assert str(outlook) == "45 pairs: 0 known, 45 to compute" and outlook.seconds > 0
    again, read, outlook = compared(inputs, store, standard_errors=True)
    assert read == []
    assert str(outlook) == "45 pairs: 45 known, 0 to compute" and outlook.seconds == 0
    assert "'dead' is constant" in again.warnings[0]
    assert_same(first, whole)
    assert_same(again, whole)


def test_one_more_costs_its_own_row(inputs, store, monkeypatch):
    some = Counting({k: v for k, v in inputs.items() if k not in ("r6", "dead")})
    compared(some, store)
    computed = []
    monkeypatch.setattr(PairStore, "write", _noting(PairStore.write, computed))
    found, _, outlook = compared(inputs, store)
    # Nine representations: the rows of two, of which the second is constant.
    assert str(outlook) == "45 pairs: 28 known, 17 to compute"
    assert {pair for pair in computed if pair[0] == "cka_linear"} == {
        ("cka_linear", *sorted(["content of r6", f"content of {x}"])) for x in inputs if x != "dead"
    }
    assert_same(found, compare_all(inputs, MEASURES))


def _noting(write, computed):
    def noted(self, context, rows, columns, numbers, symmetric):
        name = context.partition('"name": "')[2].partition('"')[0]
        computed.extend((name, *sorted([x, y])) for x in rows for y in columns)
        write(self, context, rows, columns, numbers, symmetric)

    return noted


def test_one_more_measure_costs_itself_alone(inputs, store, monkeypatch):
    compared(inputs, store, ["cka_linear"])
    computed = []
    monkeypatch.setattr(PairStore, "write", _noting(PairStore.write, computed))
    found, _, _ = compared(inputs, store, ["cka_linear", "procrustes_angular"])
    assert {name for name, *_ in computed} == {"procrustes_angular"}
    assert_same(found, compare_all(inputs, ["cka_linear", "procrustes_angular"]))
    computed.clear()
    # Standard errors were not asked for until now; what has none is known.
    _, _, outlook = compared(inputs, store, ["cka_linear", "linear_regression"])
    _, _, outlook = compared(
        inputs, store, ["cka_linear", "linear_regression"], standard_errors=True
    )
    assert outlook.missing == 36  # of all but the constant one
    _, read, _ = compared(inputs, store, ["cka_linear", "linear_regression"])
    assert read == []


def test_other_parameters_are_other_values(inputs, store):
    compared(inputs, store, ["jaccard:k=3"])
    assert compared(inputs, store, ["jaccard:k=4"])[2].missing == 36


def test_equal_contents_are_compared_once(inputs, store):
    twice = Counting({**inputs, "copy": inputs["r2"]})
    keys = {label: f"content of {label}" for label in twice} | {"copy": "content of r2"}
    twice.read.clear()
    found = compare_all(twice, MEASURES, keys=keys, store=store)
    assert "copy" not in twice.read
    whole = compare_all(twice, MEASURES)
    for name, matrix in whole.values.items():
        np.testing.assert_allclose(found.values[name], matrix, rtol=0, atol=1e-12)
    assert found.ranks == whole.ranks
    assert found.labels[-1] == "copy" and found.value("cka_linear", "copy", "r2") > 1 - 1e-9


@pytest.mark.parametrize("group", [2, 4, None])
def test_a_hole_anywhere_is_filled(inputs, store, group):
    """Whatever of the blocks is known, the result is the same."""
    rng = np.random.default_rng(0)
    names = [name for name in inputs if name != "dead"]
    whole = compare_all(inputs, MEASURES)
    for _ in range(2):
        part = sorted(rng.choice(names, 4, replace=False))
        compared(Counting({name: inputs[name] for name in part}), store, group=group)
        found, _, _ = compared(inputs, PairStore(store.folder), group=group)
        assert_same(found, whole)
        store.close()
        store.path.unlink()


def test_a_store_without_keys_is_refused(inputs, store):
    with pytest.raises(InputError, match="a store of pairs knows representations by their keys"):
        compare_all(inputs, store=store)


def test_unequal_numbers_of_inputs_are_seen_in_what_is_known(inputs, store, sample):
    compared(inputs, store)
    more = Counting({**inputs, "short": sample(29, 3)})
    with pytest.raises(InputError, match="'r0' has 30 rows and 'short' has 29"):
        compared(more, store)


SLOW = """
    import os, sys, time
    import numpy as np
    from replearn.analysis.pair_store import PairStore
    from replearn.analysis.similarity import compare_all

    made = {f"r{i}": np.random.default_rng(i).standard_normal((40, 5)) for i in range(12)}
    store = PairStore(sys.argv[1])
    write, blocks = PairStore.write, []

    def counted(self, *args):
        write(self, *args)
        blocks.append(1)
        print(len(blocks), flush=True)
        time.sleep(float(sys.argv[2]))

    PairStore.write = counted
    keys = {label: label for label in made}
    found = compare_all(made, ["cka_linear"], keys=keys, store=store, group=3)
    np.save(sys.argv[3], found.values["cka_linear"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_what_an_interruption_leaves_is_not_computed_again(tmp_path, sample, sign):
    """Four groups of three are ten blocks; the process dies after its fourth."""
    script = textwrap.dedent(SLOW)

    def start(name, store, sleep):
        return subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / store), sleep, str(tmp_path / name)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    killed = start("none.npy", "pairs", "0.3")
    assert killed.stdout is not None
    while killed.stdout.readline().strip() != "4":
        assert killed.poll() is None
    os.kill(killed.pid, sign)
    killed.communicate()
    assert not (tmp_path / "none.npy").exists()
    rest = start("rest.npy", "pairs", "0")
    assert len(rest.communicate()[0].split()) == 6
    made = {f"r{i}": sample(40, 5, seed=i) for i in range(12)}
    whole = compare_all(made, ["cka_linear"]).values["cka_linear"]
    np.testing.assert_allclose(np.load(tmp_path / "rest.npy"), whole, rtol=0, atol=1e-12)


def test_the_pace_is_solved_for_the_size_of_a_block():
    """By hand: 2 g · 1 s + g² · 0.1 s = 60 s for g = 16.5, and 60 s of pairs alone for g = 24.5."""
    assert Pace(0, 1.0, 0.1).group == 16
    assert Pace(0, 0.0, 0.1).group == 24
    assert Pace(0, 0.0, 100.0).group == 4
    # Ten representations of which all are in one block:
    # 10 · 2 s + (10 + 2 · 55 / 10) · 0.1 s + 55 · 0.1 s.
    assert Pace(2.0, 0.1, 0.1).seconds(10, 55) == pytest.approx(20 + 2.1 + 5.5)


def test_the_pace_is_that_of_the_parts(monkeypatch):
    """Of a computation that takes 4 s a member and 2 s a pair, and 3 s to read each."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def prepared(index):
        clock[0] += 3.0
        return index

    def compute(member, pair):
        def takes(chosen, sample):
            n = len(sample)
            clock[0] += member * n + pair * n * (n + 1) / 2

        return takes

    pace = measure_pace([], prepared, list(range(20)), compute(0.004, 0.002))
    assert (pace.reading, pace.member, pace.pair) == pytest.approx((3, 0.004, 0.002))
    # Where the first pairs take long, they are all that is measured.
    assert measure_pace([], prepared, [1, 2, 3, 4], compute(0, 60)).pair == pytest.approx(60)
    # Where all of the time is that of members, a pair is not taken for free.
    pace = measure_pace([], prepared, list(range(8)), compute(0.01, 0))
    assert pace.pair == pytest.approx(0.05 * 0.08 / 36) and pace.group < 6000
    assert measure_pace([], lambda i: None, [1], compute(1, 1)) == Pace(0, 0, 0)
