"""The observer against a real server: what is stored, and that nothing switches it off."""

import hashlib
import threading
import time
from datetime import datetime

import gridfs
import pymongo
import pytest
from pymongo.monitoring import CommandListener
from sacred.observers import MongoObserver

from replearn.errors import InputError
from replearn.runs.artifacts import ArtifactStore
from replearn.runs.completion import find_damage, result_digest
from replearn.runs.metrics import MetricStore
from replearn.runs.observer import RunObserver
from replearn.runs.record import RunRecord


def test_the_document_is_sacreds_with_identity_and_completion_record(run_with, database, tmp_path):
    def main(_run):
        (tmp_path / "table.csv").write_text("a,b\n")
        _run.add_artifact(tmp_path / "table.csv", metadata={"rows": 0})
        _run.log_scalar("train.loss", 0.5, 0)
        print("hello")
        return {"score": 2.5}

    identity = {"config_hash": "c", "group_hash": "g", "data": "d", "code": "e"}
    mine = RunObserver(database, identity=identity, spool_folder=tmp_path / "spool")
    ours, observer = run_with(main, observer=mine)
    other = database.client.get_database(database.name + "_stock")
    try:
        stock = MongoObserver(client=database.client, db_name=other.name)
        run_with(main, observer=stock)
        theirs = other.runs.find_one()
    finally:
        database.client.drop_database(other.name)
    assert set(ours) - set(theirs) == {"identity", "completion"}
    assert set(theirs) - set(ours) == set()
    for key in set(theirs) - {"heartbeat"}:
        assert type(ours[key]) is type(theirs[key]), key
    assert set(ours["experiment"]) == set(theirs["experiment"])
    for key in ("format", "command", "result", "status"):
        assert ours[key] == theirs[key], key
    assert ours["_id"] == 1 and ours["identity"] == identity
    sha256 = hashlib.sha256(b"a,b\n").hexdigest()
    assert ours["completion"] == {
        "metrics": {"train.loss": 1},
        "artifacts": {"table.csv": {"length": 4, "sha256": sha256}},
        "result": result_digest({"score": 2.5}),
    }
    stored = gridfs.GridFS(database).get(ours["artifacts"][0]["file_id"])
    assert stored.read() == b"a,b\n"
    assert find_damage(database, ours) == []
    database.runs.update_one({"_id": 1}, {"$set": {"result.score": 2.6}})
    assert find_damage(database, ours) == ["run 1: its result is another one than was recorded"]
    assert database.fs.files.find_one({"_id": stored._id})["contentType"] == "text/csv"
    assert stored.filename == "artifact://runs/1/table.csv"
    assert stored.metadata == {"rows": 0, "sha256": sha256, "length": 4}
    reference = ours["info"]["metrics"]
    metric = database.metrics.find_one({"run_id": 1})
    assert reference == [{"name": "train.loss", "id": str(metric["_id"])}]
    assert observer.failure is None and not list((tmp_path / "spool").rglob("*"))


@pytest.mark.parametrize("where", ["info", "result"])
def test_more_than_16_mb_is_one_sentence_and_not_a_run_that_runs_for_ever(run_with, where):
    def main(_run):
        _run.info["small"] = 1
        if where == "info":
            _run.info["big"] = "x" * 20_000_000
        time.sleep(0.5)
        return "x" * 20_000_000 if where == "result" else 0

    document, observer = run_with(main)
    assert document["status"] == "FAILED" and document["heartbeat"] is not None
    assert "is too large for a run document (20 MB" in observer.failure
    assert document["info"]["small"] == 1 and observer.failure + "\n" in document["fail_trace"]
    assert observer.failure == (document["info"]["big"] if where == "info" else document["result"])


class Updates(CommandListener):
    """The `$set` of every update of a run document that is sent."""

    def __init__(self):
        self.sets = []

    def started(self, event):
        if event.command_name == "update" and event.command["update"] == "runs":
            self.sets += [one["u"]["$set"] for one in event.command["updates"]]

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


def test_a_beat_sends_only_what_changed(run_with, database, mongo_server, tmp_path):
    updates = Updates()

    def main(_run):
        print("x" * 100_000)
        for step in range(10):
            _run.log_scalar("loss", step, step)
            time.sleep(0.2)

    with pymongo.MongoClient(mongo_server, event_listeners=[updates]) as client:
        listened = client.get_database(database.name)
        run_with(main, observer=RunObserver(listened, spool_folder=tmp_path / "spool"))
    *beats, last = updates.sets
    assert len(beats) >= 5 and last["status"] == "COMPLETED"
    assert sum("captured_out" in beat for beat in beats) == 1
    assert {key for beat in beats[1:] for key in beat} <= {"heartbeat", "captured_out", "info"}
    assert beats[-1].keys() == {"heartbeat"}


def test_ids_are_whole_numbers_also_beside_text_and_orphans(run_with, database):
    database.runs.insert_one({"_id": "text from -i"})
    database.runs.insert_one({"_id": None})
    assert run_with(lambda: 0)[0]["_id"] == 1
    database.metrics.insert_one({"run_id": 41, "name": "left by a deleted run", "n": 0})
    assert run_with(lambda: 0)[0]["_id"] == 42


def test_options_that_break_ids_are_refused_before_a_document_exists(database, tmp_path):
    observer = RunObserver(database, spool_folder=tmp_path)
    event = {"ex_info": {}, "command": "main", "host_info": {}, "config": {}, "meta_info": {}}
    with pytest.raises(InputError, match="leave out -i"):
        observer.started_event(**event, start_time=datetime(2026, 1, 1), _id="7")
    with pytest.raises(InputError, match="leave out -q"):
        observer.queued_event(**event, queue_time=None, _id=None)
    assert database.runs.count_documents({}) == 0


def test_a_run_that_cannot_start_leaves_nothing_and_says_why(run_with, database, tmp_path):
    client = pymongo.MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=100)
    observer = RunObserver(client.get_database("x"), spool_folder=tmp_path / "spool")
    with pytest.raises(InputError, match="cannot be stored in database x at 127.0.0.1:1: Server"):
        run_with(lambda: 0, observer=observer)
    assert observer.run_entry is None and not (tmp_path / "spool").exists()
    client.close()


def test_a_run_never_writes_into_another_that_took_its_id(run_with, database, tmp_path):
    def main(_run):
        database.runs.replace_one({"_id": 1}, {"start_time": datetime(2030, 1, 1), "who": "other"})
        database.metrics.delete_many({})
        _run.log_scalar("loss", 1.0, 0)
        time.sleep(0.5)

    document, observer = run_with(main)
    assert document == {"_id": 1, "start_time": datetime(2030, 1, 1), "who": "other"}
    assert observer.spooled == tmp_path / "spool" / database.name / "1"


def test_a_deleted_document_comes_back_whole(run_with, database, curve):
    def main(_run):
        _run.log_scalar("loss", 1.0, 0)
        time.sleep(0.5)
        database.runs.delete_one({"_id": 1})
        database.metrics.delete_many({})
        time.sleep(0.5)
        return 3.0

    document, observer = run_with(main)
    assert document["status"] == "COMPLETED" and document["config"]["a"] == 1
    assert curve(1, "loss") == ([0], [1.0]) and observer.failure is None


def test_the_status_is_set_only_with_everything_else_in_place(database, tmp_path, monkeypatch):
    document = {"_id": None, "start_time": datetime(2026, 1, 1), "status": "RUNNING", "info": {}}
    record = RunRecord(
        database,
        document,
        MetricStore(database.metrics),
        ArtifactStore(gridfs.GridFS(database), lambda: tmp_path),
    )
    record.insert()
    (tmp_path / "a").write_text("a")
    record.artifacts.add("a", tmp_path / "a")
    record.metrics.add("m", [0], [1.0], [datetime(2026, 1, 1)])
    record.document["status"] = "COMPLETED"
    database.fs.files.delete_many({})  # lost behind our back
    record.finish()
    stored = database.runs.find_one()
    assert stored["status"] == "FAILED" and stored["artifacts"] == []
    assert "artifact a was stored and is not in the database any more" in stored["fail_trace"][0]


@pytest.mark.slow
def test_the_last_beat_is_waited_for_however_long_it_takes(run_with, monkeypatch, curve):
    flush = RunRecord.flush

    def slow_flush(self):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(2.5)  # Sacred waits 2 s and then writes COMPLETED
        flush(self)

    monkeypatch.setattr(RunRecord, "flush", slow_flush)

    def main(_run):
        time.sleep(0.3)  # a beat is under way when the run ends
        for step in range(1000):
            _run.log_scalar("loss", step, step)
        print("the last words")

    document, _ = run_with(main)
    assert document["completion"]["metrics"] == {"loss": 1000}
    assert curve(1, "loss")[0] == list(range(1000))
    assert document["captured_out"] == "the last words\n"
