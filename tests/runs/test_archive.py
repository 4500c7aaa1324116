"""Runs in one file and back: whole or not at all, on a real server."""

import hashlib
import json
import os
import subprocess
import sys
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import gridfs
import numpy as np
import pytest
from safetensors.torch import load

from replearn.errors import InputError
from replearn.runs import find_runs
from replearn.runs.archive import export_runs
from replearn.runs.completion import find_damage
from replearn.runs.config import config_hash
from replearn.runs.database import database_key
from replearn.runs.query import load_run
from replearn.runs.references import ids_imported
from replearn.runs.removal import find_garbage, remove_garbage
from replearn.runs.restore import import_runs

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_runs_come_back_as_they_were(study, elsewhere, tmp_path, everything):
    export_runs([1, 2, 3], tmp_path / "a.tar", study)
    imported = import_runs(tmp_path / "a.tar", elsewhere)
    assert imported.ids == {1: 1, 2: 2, 3: 3} and imported.known == frozenset()
    # Query, points and bytes are verified by the runs' own completion records.
    runs = find_runs(None, elsewhere)
    assert runs.ids == [1, 2, 3]
    assert all(find_damage(elsewhere, d) == [] for d in elsewhere.runs.find())
    np.testing.assert_array_equal(runs[1].metric("val.loss")[1], [2.0, np.nan, 1.0])
    assert runs[0].checkpoint()["w"].tolist() == [1.0, 2.0]
    assert runs[2].info["source_runs"] == [1, 2]
    for before, after in zip(study.runs.find(), elsewhere.runs.find(), strict=True):
        changed = {"artifacts", "info", "experiment", "imported"}
        assert {k: v for k, v in before.items() if k not in changed} == {
            k: v for k, v in after.items() if k not in changed
        }
    metric = elsewhere.metrics.find_one({"run_id": 2})
    assert load_run(2, elsewhere).info["metrics"] == [
        {"name": "val.loss", "id": str(metric["_id"])}
    ]
    # The shared source is stored once; files are named for their new owner.
    assert everything(elsewhere) == everything(study)
    assert elsewhere.fs.files.count_documents({"filename": "/repo/src/a.py"}) == 1


def test_taken_ids_are_replaced_and_sources_follow(study, elsewhere, tmp_path):
    export_runs([3, 1, 2], tmp_path / "a.tar", study)
    elsewhere.runs.insert_many([{"_id": 2, "status": "FAILED"}, {"_id": 7, "status": "FAILED"}])
    imported = import_runs(tmp_path / "a.tar", elsewhere)
    assert imported.ids == {3: 3, 1: 1, 2: 8}
    assert load_run(3, elsewhere).info["source_runs"] == [1, 8]
    assert load_run(8, elsewhere).config["seed"] == 1
    assert load_run(8, elsewhere).checkpoint()["w"].tolist() == [1.0, 2.0]
    assert elsewhere.fs.files.find_one({"filename": {"$regex": "runs/8/step"}})
    assert elsewhere.runs.find_one({"_id": 8})["imported"]["id"] == 2


def test_a_source_that_did_not_come_along_is_named_elsewhere(study, elsewhere, tmp_path):
    export_runs([2, 3], tmp_path / "a.tar", study)
    import_runs(tmp_path / "a.tar", elsewhere)
    info = load_run(3, elsewhere).info
    assert info["source_runs"] == [2] and info["elsewhere"] == {"source_runs": [1]}


def test_an_import_is_not_doubled(study, tmp_path, everything):
    export_runs([1, 3], tmp_path / "a.tar", study)
    before = everything(study)
    imported = import_runs(tmp_path / "a.tar", study)
    assert imported.ids == {1: 1, 3: 3} and imported.known == {1, 3}
    assert everything(study) == before


def test_any_tar_program_reads_an_archive(study, tmp_path):
    export_runs([1, 3], tmp_path / "a.tar", study)
    subprocess.run(["tar", "xf", "a.tar"], cwd=tmp_path, check=True)
    table = hashlib.sha256(b"\\toprule").hexdigest()
    assert (tmp_path / "files" / f"{table}.tex").read_bytes() == b"\\toprule"
    (weights,) = (tmp_path / "files").glob("*.safetensors")
    assert load(weights.read_bytes())["w"].tolist() == [1.0, 2.0]
    assert json.loads((tmp_path / "runs" / "3" / "run.json").read_text())["run"]["status"]


def test_ids_are_mapped_wherever_a_run_names_another(study, elsewhere, store_run, tmp_path):
    store_run(
        {"run": 1, "where": {"id": [1, 2, 77], "seed": [1]}, "seed": 1, "resume": None},
        experiment="analysis.summary",
        result={"runs": 2, "source_run": 2, "score": 1},
        info={"source_runs": [1, 2], "resumed_from": 3, "steps": [1, 2]},
        identity={"config_hash": "old", "group_hash": "old", "code": "c"},
    )
    elsewhere.runs.insert_many([{"_id": i, "status": "FAILED"} for i in range(1, 5)])
    export_runs([1, 2, 3, 4], tmp_path / "a.tar", study)
    assert import_runs(tmp_path / "a.tar", elsewhere).ids == {1: 5, 2: 6, 3: 7, 4: 8}
    run = load_run(8, elsewhere)
    absent = f"{study.name}:77"
    assert run.config["run"] == 5 and run.config["where"] == {"id": [5, 6, absent], "seed": [1]}
    assert (run.config["seed"], run.config["resume"]) == (1, None)
    assert run.result == {"runs": 2, "source_run": 6, "score": 1}
    assert run.info == {"source_runs": [5, 6], "resumed_from": 7, "steps": [1, 2]}
    assert run.identity["config_hash"] == config_hash(run.config) and run.identity["code"] == "c"
    # Although its config is another one now, it is known when it comes again.
    assert import_runs(tmp_path / "a.tar", elsewhere).known == {1, 2, 3, 4}
    # And from there on to a third database, with all the ids that it has had.
    export_runs([6, 8], tmp_path / "b.tar", elsewhere)
    third = study.client[f"{study.name}_3"]
    try:
        assert import_runs(tmp_path / "b.tar", third).ids == {6: 6, 8: 8}
        keys = [str(database_key(each)) for each in (study, elsewhere)]
        assert ids_imported(keys[0], third) == {2: 6, 4: 8}
        assert ids_imported(keys[1], third) == {6: 6, 8: 8}
        info = load_run(8, third).info
        assert info["source_runs"] == [6] and info["elsewhere"]["source_runs"] == [5]
    finally:
        study.client.drop_database(third.name)


def test_an_analysis_that_comes_later_finds_its_runs(study, elsewhere, tmp_path):
    elsewhere.runs.insert_one({"_id": 1, "status": "FAILED"})
    export_runs([1, 2], tmp_path / "a.tar", study)
    assert import_runs(tmp_path / "a.tar", elsewhere).ids == {1: 3, 2: 2}
    export_runs([3], tmp_path / "b.tar", study)
    assert import_runs(tmp_path / "b.tar", elsewhere).ids == {3: 4}
    assert load_run(4, elsewhere).info["source_runs"] == [3, 2]


def peak_of(act):
    """The most memory that Python had at once while `act` went on, in bytes."""
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_runs(database, elsewhere, store_run, tmp_path):
    for seed in range(4):
        store_run({"seed": seed}, artifacts={"x.bin": os.urandom(8 << 20)})
    peaks = []
    for ids, path in (([1], tmp_path / "one.tar"), ([2, 3, 4], tmp_path / "three.tar")):
        peaks.append(peak_of(lambda ids=ids, path=path: export_runs(ids, path, database)))
        peaks.append(peak_of(lambda path=path: import_runs(path, elsewhere)))
    # Of three files in memory it would be about three times as much.
    assert peaks[2] < 1.4 * peaks[0] and peaks[3] < 1.4 * peaks[1]
    assert all(find_damage(elsewhere, d) == [] for d in elsewhere.runs.find())


@pytest.mark.slow
def test_an_import_that_was_killed_leaves_nothing_that_looks_finished(
    database, elsewhere, store_run, tmp_path
):
    for seed in range(4):
        store_run({"seed": seed}, artifacts={"x.bin": os.urandom(12 << 20)})
    export_runs([1, 2, 3, 4], tmp_path / "a.tar", database)
    process = subprocess.Popen(
        [sys.executable, "-m", "runs", "import", str(tmp_path / "a.tar")],
        cwd=SCRIPTS, env=os.environ | {"MONGO_DB": elsewhere.name},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not elsewhere.fs.chunks.find_one() and time.monotonic() < deadline:
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert elsewhere.runs.distinct("status") == ["IMPORTING"], "killed too early or too late"
    assert find_runs(None, elsewhere).ids == []
    # Whether or not the remains are removed first, it can be done again.
    assert import_runs(tmp_path / "a.tar", elsewhere).ids == {1: 5, 2: 6, 3: 7, 4: 8}
    garbage = find_garbage(elsewhere, timedelta(seconds=-5))
    assert garbage.imports == [1, 2, 3, 4] and (garbage.files or garbage.chunks)
    remove_garbage(elsewhere, garbage)
    assert not find_garbage(elsewhere, timedelta(seconds=-5))
    assert find_runs(None, elsewhere).ids == [5, 6, 7, 8]
    assert all(find_damage(elsewhere, d) == [] for d in elsewhere.runs.find())


def test_an_import_that_the_database_refuses_leaves_nothing_behind(
    study, elsewhere, tmp_path, everything
):
    """A validator of the server itself refuses the last document, as a full disk would."""
    export_runs([1, 2, 3], tmp_path / "a.tar", study)
    elsewhere.create_collection(
        "runs",
        validator={
            "$or": [{"status": "IMPORTING"}, {"experiment.name": {"$ne": "analysis.model"}}]
        },
    )
    with pytest.raises(InputError, match="could not be imported .*; nothing was left behind"):
        import_runs(tmp_path / "a.tar", elsewhere)
    assert everything(elsewhere) == {"runs": 0, "metrics": 0, "fs.files": 0, "fs.chunks": 0}


def test_while_an_import_goes_on_no_query_sees_its_runs(study, elsewhere, tmp_path, monkeypatch):
    export_runs([1, 3], tmp_path / "a.tar", study)
    seen = []
    put = gridfs.GridFS.put

    def look(self, *args, **kwargs):
        seen.append(find_runs(None, elsewhere, verify=False).ids)
        return put(self, *args, **kwargs)

    monkeypatch.setattr(gridfs.GridFS, "put", look)
    import_runs(tmp_path / "a.tar", elsewhere)
    assert seen == [[], [], []]


def test_only_whole_runs_that_have_ended_are_exported(study, store_run, tmp_path):
    with pytest.raises(InputError, match="has no run 9"):
        export_runs([1, 9], tmp_path / "a.tar", study)
    store_run(status="RUNNING")
    with pytest.raises(InputError, match="run 4 is RUNNING; only ended runs can be exported"):
        export_runs([4], tmp_path / "a.tar", study)
    study.fs.chunks.update_one({"data": b"\\toprule"}, {"$set": {"data": b"\\midrule"}})
    with pytest.raises(InputError, match="artifact 'table.tex' of run 3 is damaged"):
        export_runs([1, 3], tmp_path / "a.tar", study)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.tar").touch()
    with pytest.raises(InputError, match="a.tar exists; give another name"):
        export_runs([1], tmp_path / "a.tar", study)
    with pytest.raises(InputError, match="is no folder to write b.tar to"):
        export_runs([1], tmp_path / "absent" / "b.tar", study)
