"""The documents of sweeps."""

import pytest

from replearn.errors import InputError
from replearn.runs.sweeps import cancel_sweep, is_cancelled, load_sweep, store_sweep

POINT = {"config_hash": "h", "words": ["seed=0"]}


def store(database, words=("seed=0",)):
    return store_sweep(
        database, "unsupervised", "experiments.unsupervised", words, [POINT], {"cluster": "local"}
    )


def test_the_newest_is_the_default(database):
    with pytest.raises(InputError, match="has no sweep yet"):
        load_sweep(database)
    first, second = store(database), store(database, ["seed=1"])
    assert load_sweep(database)["_id"] == second
    found = load_sweep(database, first)
    assert (found["words"], found["points"], found["cluster"]) == (["seed=0"], [POINT], "local")
    with pytest.raises(InputError, match="has no sweep 'nothing'; "):
        load_sweep(database, "nothing")


def test_a_sweep_is_cancelled_once(database):
    sweep = store(database)
    assert not is_cancelled(database, sweep)
    assert cancel_sweep(database, sweep)
    assert is_cancelled(database, sweep) and not cancel_sweep(database, sweep)
