"""Values of pairs survive processes, other processes, and damage."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from replearn.analysis.pair_store import Facts, PairStore

KEYS = [f"key {i}" for i in range(6)]


def matrix(seed=0, size=6):
    return np.random.default_rng(seed).standard_normal((size, size))


@pytest.fixture
def store(tmp_path):
    return PairStore(tmp_path / "pairs")


def test_what_is_written_is_read_by_another_process(store):
    values, errors = matrix(0)[:2, :3], matrix(1)[:2, :3]
    values[1, 2] = np.nan  # known not to be defined
    numbers = {"value": values, "error": errors}
    store.write("cka", KEYS[:2], KEYS[2:5], numbers, symmetric=False)
    known, found = PairStore(store.folder).read("cka", KEYS, ["value", "error"], symmetric=False)
    expected = np.zeros((6, 6), dtype=bool)
    expected[:2, 2:5] = True
    np.testing.assert_array_equal(known, expected)
    np.testing.assert_array_equal(found["value"][:2, 2:5], values)
    np.testing.assert_array_equal(found["error"][:2, 2:5], errors)
    assert np.isnan(found["value"][~expected]).all()


def test_a_symmetric_pair_is_known_either_way_round(store):
    values = matrix(0)[:2, :3]
    store.write("cka", KEYS[:2], KEYS[2:5], {"value": values}, symmetric=True)
    # The others come first now, some are left out, and there is one that nobody knows.
    known, found = store.read("cka", ["new", KEYS[4], KEYS[0]], ["value"], symmetric=True)
    np.testing.assert_array_equal(known, [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    assert found["value"][1, 2] == found["value"][2, 1] == values[0, 2]


def test_half_of_a_block_with_itself_is_stored(store):
    values = matrix() + matrix().T
    store.write("cka", KEYS, KEYS, {"value": values}, symmetric=True)
    known, found = store.read("cka", KEYS, ["value"], symmetric=True)
    assert known.all()
    np.testing.assert_array_equal(found["value"], values)
    with sqlite3.connect(store.path) as db:
        (stored,) = db.execute("SELECT sum(length(numbers)) FROM line").fetchone()
    assert stored == 8 * 6 * 7 / 2


def test_other_contexts_and_missing_kinds_are_unknown(store):
    store.write("cka", KEYS, KEYS, {"value": matrix()}, symmetric=False)
    assert not store.read("cka of other code", KEYS, ["value"], symmetric=False)[0].any()
    assert not store.read("cka", KEYS, ["value", "error"], symmetric=False)[0].any()
    store.write("cka", KEYS[:1], KEYS[:1], {"error": matrix()[:1, :1], "value": matrix()[:1, :1]},
                symmetric=False)  # fmt: skip
    known, found = store.read("cka", KEYS, ["value", "error"], symmetric=False)
    assert known.sum() == 1 and found["value"][0, 0] == matrix()[0, 0]
    assert store.read("cka", KEYS, ["value"], symmetric=False)[0].all()


def test_facts_are_kept_and_a_rank_is_not_forgotten(store):
    store.write_facts("code", {"a": Facts(10, rank=3), "b": Facts(10, constant=True)})
    store.write_facts("code", {"a": Facts(10)})
    found = PairStore(store.folder).facts("code", ["a", "b", "c"])
    assert found == {"a": Facts(10, rank=3), "b": Facts(10, constant=True)}
    assert store.facts("other code", ["a"]) == {}


@pytest.mark.parametrize("damage", ["header", "pages", "number", "empty"])
def test_a_damaged_store_is_set_aside_and_begun_anew(store, damage):
    values = matrix(0, 40)
    keys = [f"key {i}" for i in range(40)]
    store.write("cka", keys, keys, {"value": values}, symmetric=False)
    store.close()
    content = bytearray(store.path.read_bytes())
    if damage == "empty":
        content = b"not a database"
    else:
        number = content.index(values[20].tobytes())
        start, stop = {"header": (30, 60), "pages": (4096, None), "number": (number, number + 8)}[
            damage
        ]
        content[start:stop] = b"\xff" * len(content[start:stop])
    store.path.write_bytes(content)
    with pytest.warns(UserWarning, match="are damaged .* the file is set aside"):
        known, _ = store.read("cka", keys, ["value"], symmetric=False)
    assert not known.any()
    assert len(list(store.folder.glob("*.damaged-*"))) == 1
    store.write("cka", keys, keys, {"value": values}, symmetric=False)
    np.testing.assert_array_equal(
        store.read("cka", keys, ["value"], symmetric=False)[1]["value"], values
    )


def test_a_place_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    store = PairStore(tmp_path / "file" / "pairs")
    with pytest.warns(UserWarning, match="values of pairs are not kept in"):
        store.write("cka", KEYS, KEYS, {"value": matrix()}, symmetric=False)
    with pytest.warns(UserWarning, match="values of pairs are not kept in"):
        assert not store.read("cka", KEYS, ["value"], symmetric=False)[0].any()


def _write_rows(folder, rows):
    store = PairStore(folder)
    for i in rows:
        store.write("cka", KEYS[i : i + 1], KEYS, {"value": matrix()[i : i + 1]}, symmetric=False)


def test_processes_write_at_once(store):
    context = multiprocessing.get_context("spawn")
    own = [context.Process(target=_write_rows, args=(store.folder, [i, i + 3])) for i in range(3)]
    for process in own:
        process.start()
    for process in own:
        process.join(60)
        assert process.exitcode == 0
    known, found = store.read("cka", KEYS, ["value"], symmetric=False)
    assert known.all()
    np.testing.assert_array_equal(found["value"], matrix())


ENDLESS = """
import sys
import numpy as np
from replearn.analysis.pair_store import PairStore

store = PairStore(sys.argv[1])
keys = [str(i) for i in range(10_000)]
for i in range(10_000):
    store.write("cka", keys[i : i + 1], keys, {"value": np.full((1, 10_000), float(i))}, False)
    print(i, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_whole_blocks(store):
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(store.folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait()
    keys = [str(i) for i in range(len(told) + 1)]
    known, found = store.read("cka", keys, ["value"], symmetric=False)
    assert known[:-1].all()  # what it said was written is there
    assert known[-1].all() or not known[-1].any()
    assert (found["value"][:-1] == np.arange(len(told))[:, None]).all()
