"""Runs in one file and back, deletion and garbage: whole or not at all, on a real server."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

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
from replearn.runs.config import config_hash
from replearn.runs.database import database_key
from replearn.runs.query import load_run
from replearn.runs.references import ids_imported
from replearn.runs.removal import delete_runs, find_garbage, remove_garbage
from replearn.runs.restore import import_runs

SCRIPTS = Path(__file__).parents[2] / "scripts"
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


def test_an_import_is_not_doubled(study, tmp_path):
    export_runs([1, 3], tmp_path / "a.tar", study)
    before = everything(study)
    imported = import_runs(tmp_path / "a.tar", study)
    assert imported.ids == {1: 1, 3: 3} and imported.known == {1, 3}
    assert everything(study) == before


def rewritten(path, target, change):
    """Copy a tar file entry by entry; `change` maps (TarInfo, bytes) to a list of such."""
    with tarfile.open(path) as old, tarfile.open(target, "w") as new:
        for member in old:
            for info, data in change(member, old.extractfile(member).read()):
                info.size = len(data) if info.isreg() else 0
                new.addfile(info, BytesIO(data))
    return target


def entry(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def drop_run(info, data):
    return [] if info.name.startswith("runs/") else [(info, data)]


def flip_byte(prefix):
    def change(info, data):
        flipped = bytes([data[0] ^ 1]) + data[1:]
        return [(info, flipped if info.name.startswith(prefix) else data)]

    return change


def add(*extra):
    def change(info, data):
        return (
            [(info, data), *((each, b"x") for each in extra)]
            if "run.json" in info.name
            else [(info, data)]
        )

    return change


def forget_the_files(info, data):
    """Remove the files, from the record and the manifest as well: the document still names them."""
    if info.name.startswith("files/"):
        return []
    if info.name.endswith("run.json"):
        data = json.dumps(json.loads(data) | {"files": []}).encode()
        forget_the_files.entry = {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if info.name == "manifest.json":
        manifest = json.loads(data)
        runs = [run | forget_the_files.entry for run in manifest["runs"]]
        data = json.dumps(manifest | {"runs": runs}).encode()
    return [(info, data)]


def other_format(info, data):
    return [(info, data.replace(b"replearn-runs-2", b"replearn-runs-9"))]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_run, "is damaged: run 1 is incomplete in it"),
        (flip_byte("files/"), r"is damaged: files/[0-9a-f]{64}\S* is not what its run says"),
        (flip_byte("runs/1/metric"), "is damaged: runs/1/metric-0.json is not what its run says"),
        (flip_byte("runs/1/run"), "is damaged: runs/1/run.json is not what the manifest says"),
        (forget_the_files, "is damaged: run 1 is incomplete in it"),
        (other_format, "is no archive of runs, or is cut off: it has no manifest of replearn-runs"),
        (
            add(entry("../../evil.py")),
            r"is refused: '\.\./\.\./evil\.py' has no place in an archive",
        ),
        (add(entry("/etc/evil")), "is refused: '/etc/evil' has no place in an archive of runs"),
        (add(entry("runs/../../evil")), r"is refused: 'runs/\.\./\.\./evil' has no place"),
        (add(entry("runs/1/run.json")), "is damaged: runs/1/run.json is in it twice"),
        (add(entry(f"files/{'0' * 64}")), r"is damaged: files/0+ is missing, or is in it without"),
        (
            add(entry("files/" + "1" * 64, tarfile.SYMTYPE, "/etc/passwd")),
            "is refused: 'files/1+', which is no plain file, has no place in an archive",
        ),
        (
            add(entry("files/" + "1" * 64, tarfile.LNKTYPE, "../x")),
            "is refused: 'files/1+', which is no plain file, has no place in an archive",
        ),
        (add(entry("runs/1/metric-9.json", tarfile.CHRTYPE)), "which is no plain file"),
        (add(entry("runs", tarfile.DIRTYPE)), "is refused: 'runs', which is no plain file"),
    ],
)
def test_an_archive_that_was_changed_is_refused_before_anything_is_inserted(
    study, elsewhere, tmp_path, change, sentence
):
    export_runs([1], tmp_path / "a.tar", study)
    changed = rewritten(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(InputError, match=sentence):
        import_runs(changed, elsewhere)
    assert elsewhere.list_collection_names() == []


def test_an_archive_that_was_cut_off_anywhere_is_refused(study, elsewhere, tmp_path):
    export_runs([1, 2], tmp_path / "a.tar", study)
    whole = (tmp_path / "a.tar").read_bytes()
    # The last block but the zeros at the end is that of the manifest.
    for length in (0, 100, 512, 700, len(whole) // 2, len(whole.rstrip(b"\0")) - 1):
        (tmp_path / "short.tar").write_bytes(whole[:length])
        with pytest.raises(InputError, match="short.tar is (no tar file|no archive|damaged)"):
            import_runs(tmp_path / "short.tar", elsewhere)
    assert elsewhere.list_collection_names() == []


def test_what_is_no_archive_is_refused(study, tmp_path):
    (tmp_path / "text.tar").write_text("hello")
    with tarfile.open(tmp_path / "other.tar", "w") as other:
        other.addfile(entry("a"))
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as packed:
        packed.addfile(entry("a"))
    for name in ("text.tar", "packed.tar"):
        with pytest.raises(InputError, match=f"{name} is no tar file, or is damaged"):
            import_runs(tmp_path / name, study)
    with pytest.raises(InputError, match="other.tar is refused: 'a' has no place in an archive"):
        import_runs(tmp_path / "other.tar", study)
    with pytest.raises(InputError, match="empty.tar is no archive of runs"):
        import_runs(tmp_path / "empty.tar", study)
    with pytest.raises(InputError, match="there is no file .*absent.tar"):
        import_runs(tmp_path / "absent.tar", study)


def test_any_tar_program_reads_an_archive(study, tmp_path):
    export_runs([1, 3], tmp_path / "a.tar", study)
    subprocess.run(["tar", "xf", "a.tar"], cwd=tmp_path, check=True)
    table = hashlib.sha256(b"\\toprule").hexdigest()
    assert (tmp_path / "files" / f"{table}.tex").read_bytes() == b"\\toprule"
    (weights,) = (tmp_path / "files").glob("*.safetensors")
    assert weights.read_bytes() == WEIGHTS
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


def test_an_import_that_the_database_refuses_leaves_nothing_behind(study, elsewhere, tmp_path):
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
