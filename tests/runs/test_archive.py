"""Runs in one file and back, deletion and garbage: whole or not at all, on a real server."""

import json
import zipfile
from datetime import UTC, datetime, timedelta

import gridfs
import numpy as np
import pytest
import torch
from bson import ObjectId
from safetensors.torch import save

from replearn.errors import InputError
from replearn.runs import find_runs
from replearn.runs.archive import export_runs
from replearn.runs.completion import find_damage
from replearn.runs.query import load_run
from replearn.runs.removal import delete_runs, find_garbage, remove_garbage
from replearn.runs.restore import import_runs

WEIGHTS = save({"w": torch.tensor([1.0, 2.0])})


@pytest.fixture
def elsewhere(database):
    """A second database on the same server."""
    other = database.client[f"{database.name}_2"]
    yield other
    database.client.drop_database(other.name)


@pytest.fixture
def study(database, store_run):
    """Two training runs that share a source file, and an analysis of them; ids 1, 2 and 3."""
    source = gridfs.GridFS(database).put(
        b"code", filename="/repo/src/a.py", md5="0" * 32, metadata={"sha256": None}
    )
    for seed in (0, 1):
        store_run(
            {"seed": seed, "beta": 0.5, "none": None},
            metrics={"val.loss": [2.0, float("nan"), float(seed)]},
            artifacts={"step-00000100.safetensors": WEIGHTS},
        )
    store_run(experiment="analysis.model", artifacts={"table.tex": b"\\toprule"})
    database.runs.update_many(
        {"_id": {"$in": [1, 2]}}, {"$set": {"experiment.sources": [["src/a.py", source]]}}
    )
    database.runs.update_one({"_id": 3}, {"$set": {"info.source_runs": [1, 2]}})
    return database


def everything(database) -> dict[str, int]:
    names = ("runs", "metrics", "fs.files", "fs.chunks")
    return {name: database[name].count_documents({}) for name in names}


def test_runs_come_back_as_they_were(study, elsewhere, tmp_path):
    export_runs([1, 2, 3], tmp_path / "a.zip", study)
    imported = import_runs(tmp_path / "a.zip", elsewhere)
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
    export_runs([3, 1, 2], tmp_path / "a.zip", study)
    elsewhere.runs.insert_many([{"_id": 2, "status": "FAILED"}, {"_id": 7, "status": "FAILED"}])
    imported = import_runs(tmp_path / "a.zip", elsewhere)
    assert imported.ids == {3: 3, 1: 1, 2: 8}
    assert load_run(3, elsewhere).info["source_runs"] == [1, 8]
    assert load_run(8, elsewhere).config["seed"] == 1
    assert load_run(8, elsewhere).checkpoint()["w"].tolist() == [1.0, 2.0]
    assert elsewhere.fs.files.find_one({"filename": {"$regex": "runs/8/step"}})
    assert elsewhere.runs.find_one({"_id": 8})["imported"]["id"] == 2


def test_a_source_that_did_not_come_along_is_named_elsewhere(study, elsewhere, tmp_path):
    export_runs([2, 3], tmp_path / "a.zip", study)
    import_runs(tmp_path / "a.zip", elsewhere)
    info = load_run(3, elsewhere).info
    assert info["source_runs"] == [2] and info["elsewhere"] == {"source_runs": [1]}


def test_an_import_is_not_doubled(study, tmp_path):
    export_runs([1, 3], tmp_path / "a.zip", study)
    before = everything(study)
    imported = import_runs(tmp_path / "a.zip", study)
    assert imported.ids == {1: 1, 3: 3} and imported.known == {1, 3}
    assert everything(study) == before


def rewritten(path, target, change):
    """Copy a zip file entry by entry; `change` maps (name, bytes) to the same or None."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            entry = change(name, old.read(name))
            if entry:
                new.writestr(*entry)
    return target


def drop_run(name, data):
    return None if name.startswith("runs/") else (name, data)


def flip_byte(name, data):
    return (name, bytes([data[0] ^ 1]) + data[1:]) if name.startswith("files/") else (name, data)


def add_escape(name, data):
    return ("../../evil.py", b"x") if name == "runs/1.json" else (name, data)


def drop_file_but_own_up(name, data):
    """Remove the files from the manifest as well: the record still names them."""
    if name.startswith("files/"):
        return None
    if name == "manifest.json":
        manifest = json.loads(data)
        kept = {k: v for k, v in manifest["entries"].items() if not k.startswith("files/")}
        data = json.dumps(manifest | {"entries": kept}).encode()
    return name, data


def other_format(name, data):
    return name, data.replace(b"replearn-runs-1", b"replearn-runs-9")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_run, "is damaged: its entries are not those of its manifest"),
        (flip_byte, r"is damaged: files/[0-9a-f]{64} is not what the manifest says"),
        (add_escape, r"is refused: '\.\./\.\./evil\.py' has no place in an archive of runs"),
        (drop_file_but_own_up, "is damaged: run 1 is incomplete in it"),
        (other_format, "is no archive of runs: it has no manifest of replearn-runs-1"),
    ],
)
def test_an_archive_that_was_changed_is_refused_before_anything_is_inserted(
    study, elsewhere, tmp_path, change, sentence
):
    export_runs([1], tmp_path / "a.zip", study)
    changed = rewritten(tmp_path / "a.zip", tmp_path / "b.zip", change)
    with pytest.raises(InputError, match=sentence):
        import_runs(changed, elsewhere)
    assert elsewhere.list_collection_names() == []


def test_what_is_no_archive_is_refused(study, tmp_path):
    (tmp_path / "text.zip").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a", "b")
    export_runs([1], tmp_path / "a.zip", study)
    (tmp_path / "short.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-100])
    for name in ("text.zip", "short.zip"):
        with pytest.raises(InputError, match=f"{name} is no zip file, or is damaged"):
            import_runs(tmp_path / name, study)
    with pytest.raises(InputError, match="other.zip is no archive of runs"):
        import_runs(tmp_path / "other.zip", study)
    with pytest.raises(InputError, match="there is no file .*absent.zip"):
        import_runs(tmp_path / "absent.zip", study)


def test_an_import_that_the_database_refuses_leaves_nothing_behind(study, elsewhere, tmp_path):
    """A validator of the server itself refuses the last document, as a full disk would."""
    export_runs([1, 2, 3], tmp_path / "a.zip", study)
    elsewhere.create_collection(
        "runs",
        validator={
            "$or": [{"status": "IMPORTING"}, {"experiment.name": {"$ne": "analysis.model"}}]
        },
    )
    with pytest.raises(InputError, match="could not be imported .*; nothing was left behind"):
        import_runs(tmp_path / "a.zip", elsewhere)
    assert everything(elsewhere) == {"runs": 0, "metrics": 0, "fs.files": 0, "fs.chunks": 0}


def test_while_an_import_goes_on_no_query_sees_its_runs(study, elsewhere, tmp_path, monkeypatch):
    export_runs([1, 3], tmp_path / "a.zip", study)
    seen = []
    put = gridfs.GridFS.put

    def look(self, *args, **kwargs):
        seen.append(find_runs(None, elsewhere, verify=False).ids)
        return put(self, *args, **kwargs)

    monkeypatch.setattr(gridfs.GridFS, "put", look)
    import_runs(tmp_path / "a.zip", elsewhere)
    assert seen == [[], [], []]


def test_only_whole_runs_that_have_ended_are_exported(study, store_run, tmp_path):
    with pytest.raises(InputError, match="has no run 9"):
        export_runs([1, 9], tmp_path / "a.zip", study)
    store_run(status="RUNNING")
    with pytest.raises(InputError, match="run 4 is RUNNING; only ended runs can be exported"):
        export_runs([4], tmp_path / "a.zip", study)
    study.fs.chunks.update_one({"data": b"\\toprule"}, {"$set": {"data": b"\\midrule"}})
    with pytest.raises(InputError, match="artifact 'table.tex' of run 3 is damaged"):
        export_runs([1, 3], tmp_path / "a.zip", study)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.zip").touch()
    with pytest.raises(InputError, match="a.zip exists; give another name"):
        export_runs([1], tmp_path / "a.zip", study)
    with pytest.raises(InputError, match="is no folder to write b.zip to"):
        export_runs([1], tmp_path / "absent" / "b.zip", study)


def test_deleting_removes_all_that_is_a_runs_own(study):
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


def test_only_old_things_that_no_run_refers_to_are_garbage(study, store_run):
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
