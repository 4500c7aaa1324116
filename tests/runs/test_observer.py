"""The observer against a real server: what is stored, and that nothing switches it off."""

import hashlib
import threading
import time
from datetime import datetime
from pathlib import Path

import gridfs
import numpy as np
import pymongo
import pytest
import sacred
import torch
from pymongo.monitoring import CommandListener
from sacred import Experiment, stdout_capturing
from sacred.observers import MongoObserver

from replearn.errors import InputError
from replearn.runs import metrics as metrics_module
from replearn.runs.artifacts import ArtifactStore
from replearn.runs.metrics import MetricStore
from replearn.runs.observer import RunObserver
from replearn.runs.output import install_capture
from replearn.runs.record import RunRecord


@pytest.fixture
def run_with(database, tmp_path, monkeypatch):
    """Run a main function as an experiment; return its document and the observer."""
    monkeypatch.setattr(stdout_capturing, "tee_output_python", stdout_capturing.tee_output_python)
    monkeypatch.setattr(sacred.SETTINGS, "DEFAULT_BEAT_INTERVAL", 0.2)
    monkeypatch.setattr(sacred.SETTINGS, "DISCOVER_DEPENDENCIES", "none")
    install_capture()

    def run(main, config=None, observer=None, prepare=None, fails=None, **options):
        experiment = Experiment("probe", save_git_info=False, interactive=True)
        experiment.add_config(config or {"a": 1})
        experiment.main(main)
        if prepare:
            prepare(experiment)
        observer = observer or RunObserver(database, spool_folder=tmp_path / "spool", patience=1)
        experiment.observers.append(observer)
        if fails:
            with pytest.raises(fails):
                experiment.run(options=options)
        else:
            experiment.run(options=options)
        return database.runs.find_one({"_id": observer.run_entry["_id"]}), observer

    return run


def curve(database, run_id, name):
    found = database.metrics.find_one({"run_id": run_id, "name": name})
    return found and (found["steps"], found["values"])


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
    }
    stored = gridfs.GridFS(database).get(ours["artifacts"][0]["file_id"])
    assert stored.read() == b"a,b\n"
    assert database.fs.files.find_one({"_id": stored._id})["contentType"] == "text/csv"
    assert stored.filename == "artifact://runs/1/table.csv"
    assert stored.metadata == {"rows": 0, "sha256": sha256, "length": 4}
    reference = ours["info"]["metrics"]
    metric = database.metrics.find_one({"run_id": 1})
    assert reference == [{"name": "train.loss", "id": str(metric["_id"])}]
    assert observer.failure is None and not list((tmp_path / "spool").rglob("*"))


def test_a_tensor_does_not_stop_the_observer(run_with, database):
    def main(_run):
        values = [
            torch.tensor(1.5), torch.tensor([2.5]), np.array(3.5), np.float32(4.5), 5, True,
            torch.tensor(7.5, requires_grad=True), torch.tensor(8.5, dtype=torch.bfloat16),
        ]  # fmt: skip
        for step, value in enumerate(values):
            _run.log_scalar("loss", value, torch.tensor(step))
        return {"t": torch.tensor(2), "f": np.float32(0.5), "a": np.arange(3), "p": (1, Path("x"))}

    document, _ = run_with(main)
    assert curve(database, 1, "loss") == (list(range(8)), [1.5, 2.5, 3.5, 4.5, 5, 1, 7.5, 8.5])
    assert document["status"] == "COMPLETED" and document["heartbeat"] is not None
    assert document["result"] == {"t": 2, "f": 0.5, "a": [0, 1, 2], "p": [1, "x"]}


def test_what_no_plot_can_show_is_left_out_counted_and_said(run_with, database, capsys):
    def main(_run):
        bad = [float("nan"), float("inf"), "text", None, [1], torch.ones(2), 2**3000, 1j]
        for step, value in enumerate([*bad, 1.0]):
            _run.log_scalar("loss", value, step)
        _run.log_scalar("loss", 2.0, 2**63)
        _run.log_scalar("loss", 3.0, 9.5)

    document, observer = run_with(main)
    assert curve(database, 1, "loss") == ([8], [1.0])
    assert document["info"]["dropped_points"] == {"loss": {"not finite": 2, "not a number": 8}}
    assert document["completion"]["metrics"] == {"loss": 1}
    assert observer.failure is None
    said = capsys.readouterr().err
    assert said.count("a value of metric loss is not finite") == 1
    assert said.count("a value of metric loss is not a number") == 1


def test_points_keep_their_order_over_many_beats_and_threads(run_with, database):
    def main(_run):
        for step in range(3000):
            _run.log_scalar("a", step * 0.5, step)
            if step % 300 == 0:
                _run.log_scalar("b", -step, step)
                time.sleep(0.05)

    run_with(main)
    assert curve(database, 1, "a") == (list(range(3000)), [step * 0.5 for step in range(3000)])
    assert curve(database, 1, "b") == (list(range(0, 3000, 300)), [-s for s in range(0, 3000, 300)])
    assert database.metrics.find_one({"name": "a"})["n"] == 3000


def test_a_push_whose_answer_was_lost_is_not_applied_twice(database):
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", [0, 1], [0.0, 0.1], [now, now])
    store.flush()
    store.add("loss", [2], [0.2], [now])
    store.flush()
    store.curves["loss"].stored = 2  # as after a lost answer: applied there, unknown here
    store.add("loss", [3], [0.3], [now])
    store.flush()
    assert curve(database, 7, "loss") == ([0, 1, 2, 3], [0.0, 0.1, 0.2, 0.3])
    store.curves["loss"].stored = 0  # also of the very first one
    store.flush()
    assert database.metrics.count_documents({}) == 1
    assert curve(database, 7, "loss")[0] == [0, 1, 2, 3]


def test_a_server_that_lost_points_gets_them_again(database):
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", range(5), range(5), [now] * 5)
    store.flush()
    database.metrics.update_one({}, {"$set": {"steps": [0], "values": [0.0], "n": 1}})
    store.verify()
    assert curve(database, 7, "loss")[0] == [0, 1, 2, 3, 4]
    database.metrics.delete_many({})
    store.verify()
    assert curve(database, 7, "loss") == ([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 3.0, 4.0])


def test_a_curve_that_outgrows_its_document_goes_on_in_a_further_one(database, monkeypatch):
    monkeypatch.setattr(metrics_module, "POINTS_PER_DOCUMENT", 10)
    monkeypatch.setattr(metrics_module, "POINTS_PER_PUSH", 4)
    now = datetime(2026, 1, 1)
    store = MetricStore(database.metrics, 7)
    store.add("loss", range(25), range(25), [now] * 25)
    store.flush()
    assert store.counts == {"loss": 10, "loss.part2": 10, "loss.part3": 5}
    parts = [curve(database, 7, name)[0] for name in store.counts]
    assert sum(parts, []) == list(range(25))


@pytest.mark.slow
def test_more_points_than_a_document_of_16_mb_holds(run_with, database):
    def main(_run):
        for step in range(450_000):
            _run.log_scalar("loss", 1 / (step + 1), step + 2**40)

    document, observer = run_with(main)
    assert document["status"] == "COMPLETED" and observer.failure is None
    assert document["completion"]["metrics"] == {"loss": 300_000, "loss.part2": 150_000}
    steps, values = curve(database, 1, "loss.part2")
    assert steps == list(range(2**40 + 300_000, 2**40 + 450_000)) and values[-1] == 1 / 450_000


def test_artifacts_of_one_name_replace_each_other(run_with, database, tmp_path):
    def main(_run):
        for content in ("one", "two", "three"):
            (tmp_path / "resume.json").write_text(content)
            _run.add_artifact(tmp_path / "resume.json")
        (tmp_path / "resume.json").unlink()

    document, _ = run_with(main)
    assert [artifact["name"] for artifact in document["artifacts"]] == ["resume.json"]
    files = gridfs.GridFS(database)
    assert files.get(document["artifacts"][0]["file_id"]).read() == b"three"
    assert database.fs.files.count_documents({"filename": {"$regex": "^artifact"}}) == 1
    assert document["completion"]["artifacts"]["resume.json"]["length"] == 5


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("figures/x.png", "must have no slash"), ("absent.txt", "No such file or directory")],
)
def test_an_artifact_that_cannot_be_stored_fails_the_run(
    run_with, database, tmp_path, capsys, name, sentence
):
    def main(_run):
        (tmp_path / "x.png").write_bytes(b"x")
        _run.add_artifact(tmp_path / ("x.png" if "/" in name else name), name)
        _run.log_scalar("loss", 1.0, 0)
        return 1.0

    document, observer = run_with(main)
    assert document["status"] == "FAILED" and sentence in document["fail_trace"][0]
    assert sentence in observer.failure and sentence in capsys.readouterr().err
    assert curve(database, 1, "loss") == ([0], [1.0])  # and all else is stored


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


def test_twenty_million_characters_of_output_are_capped(run_with):
    def main(_run):
        print("the head")
        for number in range(20):
            print(str(number % 10) * 1_000_000)
        print("the tail")

    document, observer = run_with(main)
    text = document["captured_out"]
    assert text.startswith("the head\n0000") and text.endswith("9999\nthe tail\n")
    assert "[… 19000038 characters left out …]" in text and len(text) < 1_000_100
    assert document["status"] == "COMPLETED" and observer.failure is None


def test_all_output_of_a_failed_run_is_kept(run_with):
    def main():
        for number in range(20_000):
            print(number)
        raise KeyError("the end")

    document, _ = run_with(main, fails=KeyError)
    assert document["captured_out"].split() == [str(number) for number in range(20_000)]
    assert document["status"] == "FAILED" and "the end" in document["fail_trace"][-1]


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


def test_sources_are_stored_once_for_two_runs(run_with, database, tmp_path):
    (tmp_path / "model.py").write_text("x = 1\n")

    def prepare(experiment):
        experiment.base_dir = str(tmp_path)
        experiment.add_source_file(str(tmp_path / "model.py"))

    first, _ = run_with(lambda: 0, prepare=prepare)
    second, _ = run_with(lambda: 0, prepare=prepare)
    assert first["_id"] + 1 == second["_id"]
    assert first["experiment"]["sources"] == second["experiment"]["sources"]
    path = str(tmp_path / "model.py")
    assert database.fs.files.count_documents({"filename": path}) == 1
    (tmp_path / "model.py").write_text("x = 2\n")
    third, _ = run_with(lambda: 0, prepare=prepare)
    assert database.fs.files.count_documents({"filename": path}) == 2
    files = gridfs.GridFS(database)
    for run, content in ((first, b"x = 1\n"), (third, b"x = 2\n")):
        ids = dict(run["experiment"]["sources"])
        stored = files.get(ids["model.py"])
        assert stored.read() == content
        assert stored.metadata["sha256"] == hashlib.sha256(content).hexdigest()


def test_resources_carry_digest_and_length(run_with, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"abc")

    def main(_run):
        with _run.open_resource(str(tmp_path / "data.bin"), "rb") as file:
            file.read()
        _run.add_resource(str(tmp_path / "data.bin"))

    document, _ = run_with(main)
    # The SHA-256 of "abc" from FIPS 180-2, appendix B.1.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert document["resources"] == [[str(tmp_path / "data.bin"), f"sha256:{digest}", 3]]


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


def test_a_deleted_document_comes_back_whole(run_with, database):
    def main(_run):
        _run.log_scalar("loss", 1.0, 0)
        time.sleep(0.5)
        database.runs.delete_one({"_id": 1})
        database.metrics.delete_many({})
        time.sleep(0.5)
        return 3.0

    document, observer = run_with(main)
    assert document["status"] == "COMPLETED" and document["config"]["a"] == 1
    assert curve(database, 1, "loss") == ([0], [1.0]) and observer.failure is None


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
def test_the_last_beat_is_waited_for_however_long_it_takes(run_with, database, monkeypatch):
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
    assert curve(database, 1, "loss")[0] == list(range(1000))
    assert document["captured_out"] == "the last words\n"
