"""Runs whose server is killed, does not come back, or refuses: nothing measured is lost."""

import hashlib
import json
import os
import shutil
import signal
import time

import gridfs
import pytest
from pymongo import MongoClient

from replearn.errors import InputError
from replearn.runs.server import server_status, start_server, stop_server
from replearn.runs.spool import read_spool, spooled_runs, sync


@pytest.fixture
def server_folder(server_folders):
    """A server of the test's own, to be killed."""
    folder = server_folders()
    start_server(folder)
    yield folder
    stop_server(folder)


def kill_server(folder):
    pid = server_status(folder).pid
    os.kill(pid, signal.SIGKILL)
    return pid


def check_whole(database, steps, status="COMPLETED", run_id=1):
    """Every point in order, every artifact, all output."""
    run = database.runs.find_one({"_id": run_id})
    assert run["status"] == status
    curves = {found["name"]: found for found in database.metrics.find({"run_id": run_id})}
    odd = list(range(1, steps, 2))
    assert curves["train.loss"]["steps"] == list(range(steps))
    assert curves["train.loss"]["values"] == [step * 0.5 for step in range(steps)]
    assert curves["train.loss"]["timestamps"] == sorted(curves["train.loss"]["timestamps"])
    assert curves["val.loss"]["steps"] == odd
    assert curves["val.loss"]["values"] == [-step for step in odd]
    assert run["completion"]["metrics"] == {"train.loss": steps, "val.loss": len(odd)}
    files = gridfs.GridFS(database)
    stored = {one["name"]: files.get(one["file_id"]).read() for one in run["artifacts"]}
    saved = range(3, steps, 10)
    expected = {f"step-{step:08d}.bin": bytes([step]) * 3000 for step in saved}
    assert stored == {**expected, "newest.txt": str(saved[-1]).encode()}
    assert set(run["completion"]["artifacts"]) == set(stored)
    said = [line for line in run["captured_out"].splitlines() if line.startswith("step ")]
    assert said == [f"step {step}" for step in range(steps)]
    return run


@pytest.mark.slow
def test_killed_with_9_and_back_after_12_seconds(server_folder, start_probe):
    url = server_status(server_folder).url
    probe = start_probe(url, "replearn", steps=36, pause=0.5)
    probe.wait_for("step 8")
    kill_server(server_folder)
    time.sleep(12)
    assert start_server(server_folder) == url
    assert probe.end() == 0
    with MongoClient(url) as client:
        run = check_whole(client.replearn, 36)
        assert "the database is back after" in run["captured_out"]
        assert client.replearn.fs.files.count_documents({"filename": {"$regex": "newest"}}) == 1
    assert not list(probe.spool.rglob("*.*"))
    assert "failed at some point" not in probe.said  # Sacred's words


@pytest.mark.slow
def test_never_back_is_spooled_and_synced_later(server_folder, tmp_path, start_probe):
    url = server_status(server_folder).url
    probe = start_probe(url, "replearn", steps=16, pause=0.3, patience=2)
    probe.wait_for("step 5")
    kill_server(server_folder)
    assert probe.end() == 3
    said = probe.said
    place = probe.spool / "replearn" / "1"
    assert f"run 1 could not be stored and waits in {place}: python -m runs sync" in said
    assert spooled_runs("replearn", probe.spool) == [place]
    start_server(server_folder)
    with MongoClient(url) as client:
        database = client.replearn
        assert database.runs.find_one()["status"] == "RUNNING"
        again = tmp_path / "copy"
        shutil.copytree(probe.spool, again)
        assert sync(database, probe.spool) == [1]
        first = check_whole(database, 16)
        assert spooled_runs("replearn", probe.spool) == [] and not place.exists()
        assert sync(database, probe.spool) == []
        assert sync(database, again) == [1]  # cut off before it could clear the spool
        second = check_whole(database, 16)
        assert {**first, "artifacts": 0} == {**second, "artifacts": 0}
        assert first["result"] == {"last": 15} and first["identity"] == {"code": "c"}


@pytest.mark.slow
def test_an_interrupt_while_the_server_is_away_spools_at_once(server_folder, start_probe):
    probe = start_probe(server_status(server_folder).url, "x", steps=200, pause=0.1)
    probe.wait_for("step 5")
    kill_server(server_folder)
    probe.wait_for("step 20")
    probe.process.send_signal(signal.SIGTERM)
    while not spooled_runs("x", probe.spool):
        time.sleep(0.1)
    probe.process.send_signal(signal.SIGTERM)  # impatience: no more waiting, and nothing lost
    started = time.monotonic()
    assert probe.end() == 128 + signal.SIGTERM
    assert time.monotonic() - started < 8
    url = start_server(server_folder)
    with MongoClient(url) as client:
        assert sync(client.x, probe.spool) == [1]
        run = client.x.runs.find_one()
        steps = client.x.metrics.find_one({"name": "train.loss"})["steps"]
        assert run["status"] == "INTERRUPTED"
        assert len(steps) > 20 and steps == list(range(len(steps)))


@pytest.mark.slow
def test_a_put_that_fails_leaves_the_run_failed_until_synced(database, mongo_server, start_probe):
    # A server that is there and takes no file, as one whose disk is full.
    database.create_collection("fs.chunks", validator={"never": {"$exists": True}})
    probe = start_probe(mongo_server, database.name, steps=6, pause=0.01, patience=1)
    assert probe.end() != 0
    assert "cannot be stored in database" in probe.said  # not even its sources
    assert database.runs.count_documents({}) == 0
    database.command("collMod", "fs.chunks", validator={})
    probe = start_probe(mongo_server, database.name, steps=30, pause=0.05, patience=1)
    probe.wait_for("step 1")
    database.command("collMod", "fs.chunks", validator={"never": {"$exists": True}})
    assert probe.end() == 3
    run = database.runs.find_one()
    assert run["status"] == "FAILED" and "could not be stored and waits in" in run["fail_trace"][0]
    database.command("collMod", "fs.chunks", validator={})
    assert sync(database, probe.spool) == [1]
    assert "fail_trace" not in check_whole(database, 30)


@pytest.mark.slow
def test_a_full_disk_of_the_server(server_folder, start_probe):
    import resource

    status = server_status(server_folder)
    probe = start_probe(status.url, "x", steps=30, pause=0.1, patience=2)
    probe.wait_for("step 1")
    resource.prlimit(status.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    assert probe.end() == 3
    assert "run 1 could not be stored and waits in" in probe.said
    stop_server(server_folder)
    url = start_server(server_folder)
    with MongoClient(url) as client:
        assert client.x.runs.find_one()["status"] in ("RUNNING", "FAILED")
        assert sync(client.x, probe.spool) == [1]
        check_whole(client.x, 30)


@pytest.mark.slow
def test_a_full_disk_everywhere_is_one_sentence_and_never_completed(server_folder, start_probe):
    url = server_status(server_folder).url
    probe = start_probe(url, "x", 100, 0.03, patience=1, PROBE_LIMIT="3100")
    probe.wait_for("step 5")
    kill_server(server_folder)
    assert probe.end() == 3
    assert "run 1 is lost in part: the database does not take it, and" in probe.said
    assert "cannot be written (File too large)" in probe.said and "Traceback" not in probe.said
    assert spooled_runs("x", probe.spool) == []  # no half of a run that sync would take for one
    url = start_server(server_folder)
    with MongoClient(url) as client:
        assert client.x.runs.find_one()["status"] == "RUNNING"


@pytest.mark.slow
def test_a_stranger_at_the_address_gets_nothing(server_folder, server_folders, start_probe):
    url = server_status(server_folder).url
    probe = start_probe(url, "x", steps=30, pause=0.2, patience=1)
    probe.wait_for("step 5")
    kill_server(server_folder)
    stranger = server_folders()
    (stranger / "url").write_text(url)
    assert start_server(stranger) == url
    assert probe.end() == 3
    said = []
    with MongoClient(url) as client:
        assert sync(client.x, probe.spool, said.append) == []
        assert client.x.runs.count_documents({}) == client.x.metrics.count_documents({}) == 0
        assert "replearn.database" not in client.x.list_collection_names()
    assert f"it belongs to the database that was at {url.removeprefix('mongodb://')}" in said[0]
    stop_server(stranger)
    assert start_server(server_folder) == url
    with MongoClient(url) as client:
        assert sync(client.x, probe.spool) == [1]
        check_whole(client.x, 30)


@pytest.mark.slow
def test_eight_runs_at_once_get_eight_ids(database, mongo_server, start_probe):
    probes = [start_probe(mongo_server, database.name, steps=12, pause=0.02) for n in range(8)]
    assert [probe.end() for probe in probes] == [0] * 8
    assert sorted(database.runs.distinct("_id")) == list(range(1, 9))
    for run_id in range(1, 9):
        check_whole(database, 12, run_id=run_id)


def spool_one(database, tmp_path):
    """A run in the spool, made by hand: id 1, two points, one file."""
    place = tmp_path / "spool" / database.name / "1"
    (place / "artifacts").mkdir(parents=True)
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, "abc"
    waiting = {
        "name": "a.bin", "file": "000001.bin", "length": 3, "sha256": sha256,
        "content_type": None, "metadata": {},
    }  # fmt: skip
    curve = {"id": {"$oid": "0" * 24}, "steps": [0, 1], "values": [0.5, 1], "times": [0, 1]}
    document = {
        "_id": {"$numberInt": "1"},
        "start_time": {"$date": {"$numberLong": "1000"}},
        "status": "COMPLETED",
        "info": {},
    }
    artifacts = {"stored": {}, "record": {"a.bin": {"length": 3, "sha256": sha256}}}
    artifacts |= {"waiting": [waiting], "prefix": "artifact://runs/1/"}
    (place / "artifacts" / "000001.bin").write_bytes(b"abc")
    (place / "artifacts.json").write_text(json.dumps(artifacts))
    (place / "metrics.json").write_text(json.dumps({"loss": curve}))
    (place / "run.json").write_text(json.dumps(document))
    return place


def test_sync_stores_a_run_that_the_database_never_saw(database, tmp_path):
    place = spool_one(database, tmp_path)
    assert sync(database, tmp_path / "spool") == [1]
    run = database.runs.find_one()
    assert run["completion"]["metrics"] == {"loss": 2}
    assert gridfs.GridFS(database).get(run["artifacts"][0]["file_id"]).read() == b"abc"
    assert database.metrics.find_one()["values"] == [0.5, 1.0]
    assert not place.exists()


def test_a_sync_that_is_cut_off_goes_on_where_it_was(database, tmp_path):
    place = spool_one(database, tmp_path)
    content = json.loads((place / "artifacts.json").read_text())
    big = bytes(300_000)  # two chunks: the server refuses the second
    more = {"name": "b.bin", "file": "000002.bin", "length": len(big)}
    more["sha256"] = hashlib.sha256(big).hexdigest()
    content["waiting"].append({**content["waiting"][0], **more})
    (place / "artifacts.json").write_text(json.dumps(content))
    (place / "artifacts" / "000002.bin").write_bytes(big)
    database.create_collection("fs.chunks", validator={"n": 0})
    said = []
    assert sync(database, tmp_path / "spool", said.append) == []
    assert "run 1 stays in" in said[0] and database.fs.files.count_documents({}) == 1
    database.command("collMod", "fs.chunks", validator={})
    assert sync(database, tmp_path / "spool") == [1]
    files = gridfs.GridFS(database)
    stored = {one["name"]: one["file_id"] for one in database.runs.find_one()["artifacts"]}
    assert {name: files.get(i).read() for name, i in stored.items()} == {
        "a.bin": b"abc",
        "b.bin": big,
    }
    assert database.fs.files.count_documents({}) == 2  # none twice
    assert database.metrics.find_one()["values"] == [0.5, 1.0]


def test_sync_leaves_a_run_whose_id_was_taken(database, tmp_path):
    place = spool_one(database, tmp_path)
    database.runs.insert_one({"_id": 1, "status": "COMPLETED"})
    said = []
    assert sync(database, tmp_path / "spool", said.append) == []
    assert "has another run with this id by now" in said[0] and place.exists()
    assert database.runs.find_one() == {"_id": 1, "status": "COMPLETED"}


@pytest.mark.parametrize("damage", ["a file", "a file of the run", "the document", "no metrics"])
def test_sync_leaves_a_damaged_run_and_stores_nothing(database, tmp_path, damage):
    place = spool_one(database, tmp_path)
    if damage == "a file":
        (place / "artifacts" / "000001.bin").write_bytes(b"abd")
    elif damage == "a file of the run":
        (place / "artifacts" / "000001.bin").unlink()
    elif damage == "the document":
        (place / "run.json").write_text('{"_id": 1')
    else:
        (place / "metrics.json").unlink()
    said = []
    assert sync(database, tmp_path / "spool", said.append) == []
    assert "damaged" in said[0] or "cannot be read" in said[0]
    assert database.runs.count_documents({}) == 0 and place.exists()
    with pytest.raises(InputError, match="damaged|cannot be read"):
        read_spool(place, database)
