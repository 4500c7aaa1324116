"""Blocks computed by workers are those computed here."""

import weakref
from pathlib import Path

import numpy as np
import pytest

from replearn.errors import InputError
from replearn.sweep.blocks import map_blocks
from replearn.sweep.cluster import Options

BLOCKS = [(3, 2), (1, 4), (2, 2)]


def test_inline_keeps_the_order_and_tells():
    told = []
    found = map_blocks(np.ones, [((n, m),) for n, m in BLOCKS], progress=lambda *a: told.append(a))
    assert [block.shape for block in found] == BLOCKS
    assert told == [("blocks", 1, 3), ("blocks", 2, 3), ("blocks", 3, 3)]


def test_what_each_takes_is_not_kept():
    alive, most = [], 0

    def take(index, block):
        nonlocal most
        alive.append(weakref.ref(block))
        most = max(most, sum(one() is not None for one in alive))

    assert map_blocks(np.ones, [((n, m),) for n, m in BLOCKS], each=take) == []
    assert len(alive) == 3 and most == 1


def test_no_blocks_need_no_workers():
    assert map_blocks(np.ones, [], "local") == []


def test_what_workers_cannot_import_is_refused():
    with pytest.raises(InputError, match="lambda.* cannot be imported by workers"):
        map_blocks(lambda: 0, [()], "local", options={"workers": 1})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"worker": 2}, "a cluster has no option 'worker'; did you mean 'workers'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_options_are_those_of_a_cluster(options, sentence):
    with pytest.raises(InputError, match=sentence):
        map_blocks(np.ones, [(1,)], "local", options=options)


@pytest.mark.slow
def test_workers_compute_the_same_in_order():
    blocks = [(np.arange(n * m, dtype=float).reshape(n, m),) for n, m in BLOCKS * 4]
    here = map_blocks(np.linalg.pinv, blocks)
    told = []
    there = map_blocks(
        np.linalg.pinv, blocks, "local", options={"workers": 2}, progress=lambda *a: told.append(a)
    )
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    assert told[-1] == ("blocks", 12, 12)
    taken = {}
    options = {"workers": 2}
    assert (
        map_blocks(np.linalg.pinv, blocks, "local", options=options, each=taken.__setitem__) == []
    )
    assert sorted(taken) == list(range(12))
    assert all((taken[i] == one).all() for i, one in enumerate(there))
    with pytest.raises(np.linalg.LinAlgError, match="must be square"):
        map_blocks(np.linalg.inv, blocks[:1], "local", options=Options(workers=1))


@pytest.mark.slow
def test_a_block_whose_worker_is_killed_is_computed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from dying import square

    blocks = [(n, str(tmp_path), n == 3) for n in range(8)]
    assert map_blocks(square, blocks, "local", options={"workers": 2}) == [n * n for n in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == ["3"]
