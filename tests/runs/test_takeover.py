"""Runs of a sweep that die, or whose server does: one finish each, and nothing doubled."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from gridfs import GridFS
from safetensors.torch import load

from experiments import supervised
from replearn.paths import root, sims_folder
from replearn.runs import observer
from replearn.runs.artifacts import ArtifactStore
from replearn.runs.commandline import run_commandline
from replearn.runs.database import close_clients, open_database
from replearn.runs.metrics import MetricStore
from replearn.runs.query import load_run
from replearn.runs.record import RunRecord
from replearn.runs.server import server_status, start_server, stop_server
from replearn.runs.spool import SpoolPlace, spooled_runs, sync

SCRIPTS = root() / "scripts"
SMALL = ["dataset.digits", "dataset.size=32", "model.burgess", "fast", "progress=False"]


def wait_until(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture
def own_server(server_folders, task, monkeypatch):
    """A server of the test's own, to be killed."""
    folder = server_folders()
    monkeypatch.setenv("MONGO_URL", start_server(folder))
    monkeypatch.setenv("MONGO_DB", "own")
    yield folder
    close_clients()
    stop_server(folder)


def kill_server(folder):
    os.kill(server_status(folder).pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("synced", [False, True])
def test_a_finished_run_in_the_spool_is_not_run_again(
    own_server, run_probe, monkeypatch, capsys, synced
):
    monkeypatch.setattr(observer, "PATIENCE", 0.1)
    assert run_probe(lambda _run: kill_server(own_server)) == 3
    assert len(spooled_runs("own")) == 1
    start_server(own_server)
    database = open_database()
    if synced:
        assert sync(database) == [1]
    else:
        wait_until(lambda: run_probe(lambda _run: None) == 0, 10)  # once the lease is over
        assert database.claims.find_one()["state"] == "done"
    capsys.readouterr()
    assert run_probe(lambda _run: None) == 0
    assert "skipped: run 1" in capsys.readouterr().out
    assert database.runs.distinct("status") == ["COMPLETED"]
    assert spooled_runs(database.name) == []


def test_a_sync_is_no_second_finish(sweep, steal, run_probe):
    assert run_probe(lambda _run: None) == 0
    steal().done(2)
    document = sweep.runs.find_one()
    place = SpoolPlace(sims_folder() / "spool" / sweep.name)
    artifacts = ArtifactStore(GridFS(sweep), place.copies)
    place.keep(RunRecord(sweep, document, MetricStore(sweep.metrics), artifacts), "here")
    assert sync(sweep) == [1]
    assert sweep.runs.find_one()["status"] == "INTERRUPTED"


@pytest.mark.slow
def test_a_database_that_is_killed_and_back_keeps_the_claim_and_doubles_nothing(
    own_server, run_probe, monkeypatch
):
    monkeypatch.setattr(observer, "BACKOFF", 0.1)

    def log(_run):
        for step in range(40):
            _run.log_scalar("loss", step / 2, step)
            if step == 10:
                kill_server(own_server)
            if step == 30:  # the lease is over by now
                start_server(own_server)
            time.sleep(0.12)

    assert run_probe(log) == 0
    database = open_database()
    curve = database.metrics.find_one()
    assert curve["steps"] == list(range(40)) and database.metrics.count_documents({}) == 1
    found = database.claims.find_one()
    assert (found["state"], found["attempts"], found["run_id"]) == ("done", 1, 1)
    assert [run["status"] for run in database.runs.find()] == ["COMPLETED"]


LONG = ["training.steps=100", "training.batch_size=8", "threads=1"]
EVERY_STEP = "resume_every=0"  # stores a resume state after each: slow


def train(*updates):
    return run_commandline(supervised.ex, ["X", "with", *SMALL, *LONG, *updates])


def states(database):
    return database.runs.find_one({"artifacts.name": "resume.json"}, sort=[("_id", -1)])


@pytest.fixture
def start(sweep):
    """Start the same training in a process of its own."""
    processes = []

    def start():
        command = [sys.executable, "-m", "experiments.supervised", "with", *SMALL, *LONG]
        command.append(EVERY_STEP)
        processes.append(
            subprocess.Popen(
                command,
                cwd=SCRIPTS,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.slow
def test_of_two_processes_one_trains_and_when_it_is_killed_another_goes_on_bit_for_bit(
    sweep, start, monkeypatch, capsys
):
    monkeypatch.setenv("REPLEARN_LEASE", "60")
    pair = [start(), start()]
    loser = wait_until(lambda: next((each for each in pair if each.poll() is not None), None))
    out, err = loser.communicate()
    assert loser.returncode == 4 and "claimed: supervised " in out, err
    winner = pair[1 - pair.index(loser)]
    wait_until(lambda: states(sweep))
    winner.send_signal(signal.SIGKILL)
    assert winner.wait() == -signal.SIGKILL
    assert sweep.runs.distinct("status") == ["RUNNING"]
    assert train() == 4
    assert f":{winner.pid} (run 1)" in capsys.readouterr().out
    sweep.claims.update_one({}, [{"$set": {"lease_until": "$$NOW"}}])  # a minute later
    assert train() == 0
    resumed = load_run(2, sweep)
    assert resumed.info["resumed_from"] == 1 and resumed.status == "COMPLETED"
    found = sweep.claims.find_one()
    assert (found["state"], found["run_id"], found["attempts"]) == ("done", 2, 2)
    assert train() == 0 and sweep.runs.count_documents({}) == 2

    monkeypatch.delenv("REPLEARN_SWEEP")
    assert train() == 0
    whole = load_run(3, sweep)
    assert whole.identity == resumed.identity
    weights = lambda run: {  # noqa: E731
        name: entry["sha256"]
        for name, entry in run.completion["artifacts"].items()
        if name.startswith("step-")
    }
    assert weights(resumed) == weights(whole) and len(weights(whole)) > 5
    assert set(resumed.metrics) == set(whole.metrics)
    for name in whole.metrics:
        ours, theirs = resumed.metric(name), whole.metric(name)
        assert (ours[0].tolist(), ours[1].tolist()) == (theirs[0].tolist(), theirs[1].tolist())
    assert resumed.result == whole.result


@pytest.mark.slow
def test_a_resume_state_that_is_damaged_is_passed_over(sweep, capsys):
    def interrupt():
        wait_until(lambda: states(sweep))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert train(EVERY_STEP) == 128 + signal.SIGTERM
    thread.join()
    file = next(one for one in states(sweep)["artifacts"] if one["name"] == "resume.safetensors")
    sweep.fs.chunks.delete_many({"files_id": file["file_id"]})
    assert train() == 1
    assert "damaged" in capsys.readouterr().err
    assert sweep.claims.find_one()["spoiled"] == [1]
    assert train() == 0
    assert "resumed_from" not in load_run(3, sweep).info
    assert load(load_run(3, sweep).read("step-00000100.safetensors"))
