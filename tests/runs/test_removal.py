"""Deletion of runs, and collection of garbage, on a real server."""

from datetime import UTC, datetime, timedelta

import gridfs
import pytest
from bson import ObjectId

from replearn.errors import InputError
from replearn.runs import find_runs
from replearn.runs.removal import delete_runs, find_garbage, remove_garbage


def test_deleting_removes_all_that_is_a_runs_own(study, everything):
    with pytest.raises(InputError, match="run 3 was made from run 1; delete it too, or give --for"):
        delete_runs([1], study)
    delete_runs([3], study)
    delete_runs([1], study)
    # Run 2 is left with its metric, its weights and the source that run 1 had too.
    assert everything(study) == {"runs": 1, "metrics": 1, "fs.files": 2, "fs.chunks": 2}
    assert find_runs(None, study).ids == [2]
    delete_runs([2], study)
    assert everything(study) == {"runs": 0, "metrics": 0, "fs.files": 0, "fs.chunks": 0}
    with pytest.raises(InputError, match="has no run 2"):
        delete_runs([2], study)


def test_force_deletes_what_others_need(study, store_run):
    delete_runs([1], study, force=True)
    assert find_runs(None, study).ids == [2, 3]
    now = datetime.now(UTC).replace(tzinfo=None)
    store_run(status="RUNNING", heartbeat=now, info={"resumed_from": 2})
    with pytest.raises(InputError, match="run 4 is still running; stop it first"):
        delete_runs([4], study)
    with pytest.raises(InputError, match="run 3 was made from run 2"):
        delete_runs([2], study)


def test_only_old_things_that_no_run_refers_to_are_garbage(study, store_run, everything):
    whole = everything(study)
    assert not find_garbage(study, timedelta(0))
    files = gridfs.GridFS(study)
    lost = files.put(b"lost", filename="artifact://runs/99/x")
    study.metrics.insert_one({"run_id": 99, "name": "m", "steps": [], "values": []})
    study.fs.chunks.insert_one({"files_id": ObjectId(), "n": 0, "data": b"half"})
    hour_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=2)
    study.runs.insert_one({"_id": 50, "status": "IMPORTING", "heartbeat": hour_ago})

    assert find_garbage(study).imports == [50]
    assert not find_garbage(study).files, "a file that is younger than an hour may be in work"
    garbage = find_garbage(study, timedelta(seconds=-2))
    assert garbage.files == [lost] and garbage.length == 4
    assert (len(garbage.metrics), len(garbage.chunks), garbage.imports) == (1, 1, [50])
    remove_garbage(study, garbage)
    assert everything(study) == whole
    assert find_runs(None, study).ids == [1, 2, 3]


def test_files_of_a_run_that_has_not_ended_are_no_garbage(study, store_run):
    store_run(status="RUNNING", completion=None)
    gridfs.GridFS(study).put(b"not named yet", filename="artifact://runs/4/x")
    assert not find_garbage(study, timedelta(seconds=-2)).files


def test_runs_that_wait_in_the_spool_may_need_what_looks_like_garbage(study, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    waiting = tmp_path / "sims" / "spool" / study.name / "8"
    waiting.mkdir(parents=True)
    (waiting / "run.json").write_text("{}")
    with pytest.raises(InputError, match="1 run of the database .* in the spool .*sync` first"):
        find_garbage(study)
