"""The benchmark of many observers: what one of them stores, and what is computed from all."""

import os
import time

import psutil
import pytest

from benchmark import observers, timed
from benchmark.observers import METRICS, Phase, _all_at_once, _Observer
from benchmark.scale import Study, demands, first_limit, inputs
from experiments import unsupervised
from replearn.runs.commandline import make_run
from replearn.runs.completion import find_damage
from replearn.runs.resolving import parse_words

ONE = dict.fromkeys(("c0", "c1", "w0", "w1", "q", "W", "f", "d", "g", "m", "r"), 1.0)


def test_observers_store_runs_like_any_other(database):
    run = make_run(unsupervised.ex, None, *parse_words(observers.WORDS))
    before = observers.bytes_written()
    crowd = [_Observer(run, number) for number in range(3)]
    for what, arguments in (
        ("start", {}),
        ("beat", {"points": 50}),
        ("store", {"size": 1000}),
        ("beat", {"points": 50, "pause": 0.05, "seconds": 0.3}),
        ("finish", {}),
    ):
        found = _all_at_once([getattr(each, what) for each in crowd], arguments)
        assert isinstance(found, list), found
        assert len(found) >= 3
    documents = list(database.runs.find())
    assert [document["status"] for document in documents] == ["COMPLETED"] * 3
    assert not any(sentence for each in documents for sentence in find_damage(database, each))
    assert observers.bytes_written() > before + 3 * 1000
    counts = documents[0]["completion"]["metrics"]
    assert counts.keys() == set(METRICS) and min(counts.values()) >= 100


def test_what_fails_in_a_thread_is_said(database):
    def fail():
        raise ValueError("no room")

    assert _all_at_once([list, fail], {}) == "ValueError: no room"


def test_a_study_knows_its_points_and_weights():
    study = Study(steps=300_000, log_every=20, validate_every=500)
    assert study.points == 4 * 15_000 + 2 * 600
    assert study.weights == 19  # 0, 1, 2, 5, ... 200,000, and the last
    assert Study(steps=1000).weights == 11  # 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000


def test_demands_follow_their_formulas():
    values = {name: value for name, (_, value) in demands(Study(), ONE).items()}
    n = Study().points
    assert values["heartbeats a second"] == 20
    assert values["cores of the server"] == pytest.approx(20 * (1 + n / 2) + 100)
    assert values["GB of metrics"] == pytest.approx(10_000 * n / 1e9)
    assert values["MB/s written for resume states"] == pytest.approx(200 * 3 / 120 / 1e6)
    slower = {name: value for name, (_, value) in demands(Study(log_every=200), ONE).items()}
    assert slower["cores of the server"] < values["cores of the server"] / 8


def test_the_first_limit_is_the_one_that_is_used_most():
    columns = [demands(Study(), ONE)] * 3
    assert "**one core of the server is the first" in first_limit(columns, ONE | {"d": 1e12})
    assert "**its disk is the first" in first_limit(columns, ONE | {"d": 1e-3})


def test_the_costs_of_a_beat_are_a_line_through_two_lengths_of_curves():
    short, long = (Phase(1.0, [0.1] * 10, cpu, 1e3 * cpu) for cpu in (0.02, 0.05))
    found = {
        "short": short, "long": long, "points_short": 1000, "points_long": 4000, "n": 10,
        "store": Phase(2.0, [0.2] * 10, 0.1, 40e6), "weights_size": 1e6, "chunks": 11e6,
        "look_cpu": 1e-4, "metrics": 400.0, "points": 10, "document": 5.0,
    }  # fmt: skip
    m = inputs(found)
    assert m["c0"] + 1000 * m["c1"] == pytest.approx(0.002)
    assert m["c0"] + 4000 * m["c1"] == pytest.approx(0.005)
    assert (m["f"], m["d"], m["g"], m["m"]) == pytest.approx((4.0, 5e6, 1.1, 40.0))


def test_a_process_knows_when_it_started():
    assert timed.process_start() == pytest.approx(psutil.Process().create_time(), abs=1.5)
    before = observers.cpu_seconds(os.getpid())
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert 0.03 <= observers.cpu_seconds(os.getpid()) - before < 5
