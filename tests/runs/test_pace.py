"""Estimated times and the progress of runs under way."""

from datetime import UTC, datetime, timedelta

import pytest

from replearn.runs.pace import Progress, estimate, find_paces, find_progress

START = datetime(2026, 1, 1)


def config(dataset="dsprites", encoder="kim", **length):
    return {
        "dataset": {"name": dataset},
        "model": {"encoder": encoder},
        "training": {"loss": {"name": "vae"}, **length},
    }


def test_an_estimate_is_the_median_of_the_runs_most_alike(database, store_run):
    def run(seconds, *args, **length):
        stop = START + timedelta(seconds=seconds)
        store_run(config(*args, **length), start_time=START, stop_time=stop)

    for seconds in (100, 200, 900):
        run(seconds, steps=100)
    run(5000, "mnist", steps=100)
    run(60, epochs=3)
    run(8, steps=2)
    paces = find_paces(database, "unsupervised")
    assert estimate(paces, config(steps=1000)) == pytest.approx(2000)  # not 4 s a step
    assert estimate(paces, config(steps=2)) == pytest.approx((4 + 8) / 2)
    assert estimate(paces, config(encoder="burgess", steps=1000)) == pytest.approx(2000)
    assert estimate(paces, config("mnist", steps=10)) == pytest.approx(500)
    assert estimate(paces, config("cars3d", steps=100)) == pytest.approx((200 + 900) / 2)
    assert estimate(paces, config(epochs=6)) == pytest.approx(120)
    assert estimate(paces, config("mnist", epochs=2)) is None
    assert estimate(paces, {"seed": 0}) is None
    assert estimate([], config(steps=1)) is None


def test_runs_that_were_taken_up_again_or_did_not_finish_give_no_pace(database, store_run):
    store_run(config(steps=10), info={"resumed_from": 1})
    store_run(config(steps=10), status="FAILED")
    assert find_paces(database, "unsupervised") == []


def test_progress_is_the_last_point_of_living_runs(database, store_run):
    now = datetime.now(UTC).replace(tzinfo=None)

    def running(key, heartbeat=now, **fields):
        identity = {"config_hash": key}
        return store_run(
            status="RUNNING", identity=identity, heartbeat=heartbeat, stop_time=None, **fields
        )

    first = running("a", config=config(steps=500), metrics={"train.loss": [3.0, 2.0, 1.5]})
    second = running("b", config=config(epochs=5))
    running("a", heartbeat=now - timedelta(minutes=5), config=config(steps=500))
    running("other", config=config(steps=500))
    assert find_progress(database, "unsupervised", ["a", "b"]) == [
        Progress(first, "a", 20, 500, 1.5),
        Progress(second, "b"),
    ]
