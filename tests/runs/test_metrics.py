"""Metrics of a run: every point once and in order, in documents that MongoDB can hold."""

import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from replearn.runs import metrics as metrics_module
from replearn.runs.metrics import MetricStore


def test_a_tensor_does_not_stop_the_observer(run_with, curve):
    def main(_run):
        values = [
            torch.tensor(1.5), torch.tensor([2.5]), np.array(3.5), np.float32(4.5), 5, True,
            torch.tensor(7.5, requires_grad=True), torch.tensor(8.5, dtype=torch.bfloat16),
        ]  # fmt: skip
        for step, value in enumerate(values):
            _run.log_scalar("loss", value, torch.tensor(step))
        return {"t": torch.tensor(2), "f": np.float32(0.5), "a": np.arange(3), "p": (1, Path("x"))}

    document, _ = run_with(main)
    assert curve(1, "loss") == (list(range(8)), [1.5, 2.5, 3.5, 4.5, 5, 1, 7.5, 8.5])
    assert document["status"] == "COMPLETED" and document["heartbeat"] is not None
    assert document["result"] == {"t": 2, "f": 0.5, "a": [0, 1, 2], "p": [1, "x"]}


def test_what_no_plot_can_show_is_left_out_counted_and_said(run_with, capsys, curve):
    def main(_run):
        bad = [float("nan"), float("inf"), "text", None, [1], torch.ones(2), 2**3000, 1j]
        for step, value in enumerate([*bad, 1.0]):
            _run.log_scalar("loss", value, step)
        _run.log_scalar("loss", 2.0, 2**63)
        _run.log_scalar("loss", 3.0, 9.5)

    document, observer = run_with(main)
    assert curve(1, "loss") == ([8], [1.0])
    assert document["info"]["dropped_points"] == {"loss": {"not finite": 2, "not a number": 8}}
    assert document["completion"]["metrics"] == {"loss": 1}
    assert observer.failure is None
    said = capsys.readouterr().err
    assert said.count("a value of metric loss is not finite") == 1
    assert said.count("a value of metric loss is not a number") == 1


def test_points_keep_their_order_over_many_beats_and_threads(run_with, database, curve):
    def main(_run):
        for step in range(3000):
            _run.log_scalar("a", step * 0.5, step)
            if step % 300 == 0:
                _run.log_scalar("b", -step, step)
                time.sleep(0.05)

    run_with(main)
    assert curve(1, "a") == (list(range(3000)), [step * 0.5 for step in range(3000)])
    assert curve(1, "b") == (list(range(0, 3000, 300)), [-s for s in range(0, 3000, 300)])
    assert database.metrics.find_one({"name": "a"})["n"] == 3000


def test_a_push_whose_answer_was_lost_is_not_applied_twice(database, curve):
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", [0, 1], [0.0, 0.1], [now, now])
    store.flush()
    store.add("loss", [2], [0.2], [now])
    store.flush()
    store.curves["loss"].stored = 2  # as after a lost answer: applied there, unknown here
    store.add("loss", [3], [0.3], [now])
    store.flush()
    assert curve(7, "loss") == ([0, 1, 2, 3], [0.0, 0.1, 0.2, 0.3])
    store.curves["loss"].stored = 0  # also of the very first one
    store.flush()
    assert database.metrics.count_documents({}) == 1
    assert curve(7, "loss")[0] == [0, 1, 2, 3]


def test_a_server_that_lost_points_gets_them_again(database, curve):
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", range(5), range(5), [now] * 5)
    store.flush()
    database.metrics.update_one({}, {"$set": {"steps": [0], "values": [0.0], "n": 1}})
    store.verify()
    assert curve(7, "loss")[0] == [0, 1, 2, 3, 4]
    database.metrics.delete_many({})
    store.verify()
    assert curve(7, "loss") == ([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 3.0, 4.0])


def test_a_curve_that_outgrows_its_document_goes_on_in_a_further_one(database, monkeypatch, curve):
    monkeypatch.setattr(metrics_module, "POINTS_PER_DOCUMENT", 10)
    monkeypatch.setattr(metrics_module, "POINTS_PER_PUSH", 4)
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", range(25), range(25), [now] * 25)
    store.flush()
    assert store.counts == {"loss": 10, "loss.part2": 10, "loss.part3": 5}
    parts = [curve(7, name)[0] for name in store.counts]
    assert sum(parts, []) == list(range(25))


@pytest.mark.slow
def test_more_points_than_a_document_of_16_mb_holds(run_with, curve):
    def main(_run):
        for step in range(450_000):
            _run.log_scalar("loss", 1 / (step + 1), step + 2**40)

    document, observer = run_with(main)
    assert document["status"] == "COMPLETED" and observer.failure is None
    assert document["completion"]["metrics"] == {"loss": 300_000, "loss.part2": 150_000}
    steps, values = curve(1, "loss.part2")
    assert steps == list(range(2**40 + 300_000, 2**40 + 450_000)) and values[-1] == 1 / 450_000
