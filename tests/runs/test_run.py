"""Run: its curves, artifacts and weights, verified byte by byte."""

import io
import json

import gridfs
import numpy as np
import pytest
import torch
from safetensors.torch import save

from replearn.errors import InputError
from replearn.runs import metrics
from replearn.runs.completion import find_damage
from replearn.runs.listing import show_lines
from replearn.runs.query import find_runs, load_run


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_a_metric_is_steps_and_values(store_run):
    store_run(metrics={"val.loss": [3.0, float("nan"), 1.0], "lr": [1]})
    steps, values = find_runs().one().metric("val.loss")
    assert steps.dtype == np.int64 and values.dtype == np.float64
    np.testing.assert_array_equal(steps, [0, 10, 20])
    np.testing.assert_array_equal(values, [3.0, np.nan, 1.0])


def test_a_metric_in_parts_is_one(run_with, database, monkeypatch):
    monkeypatch.setattr(metrics, "POINTS_PER_DOCUMENT", 3)

    def main(_run):
        for step in range(32):  # eleven documents: part10 comes before part2 in the alphabet
            _run.log_scalar("loss", -0.5 * step, 2 * step)
        _run.log_scalar("other.part2", 7.0, 0)  # a name of the user's own

    run_with(main)
    assert database.metrics.count_documents({"run_id": 1}) == 12
    for run in (find_runs({"id": 1}, database).one(), load_run(1, database)):
        steps, values = run.metric("loss")
        assert steps.tolist() == list(range(0, 64, 2))
        assert values.tolist() == [-0.5 * step for step in range(32)]
        assert run.metrics == {"loss": -15.5, "other.part2": 7.0}
    lines = [" ".join(line.split()) for line in show_lines(load_run(1, database))]
    assert "loss 32 -15.5" in lines
    database.metrics.update_one({"name": "loss.part4"}, {"$pop": {"steps": 1, "values": 1}})
    assert (
        "metric 'loss.part4' has 2 of 3 points"
        in find_damage(database, database.runs.find_one({"_id": 1}))[0]
    )


def test_a_metric_that_cannot_be_read_is_one_sentence(store_run, database):
    store_run(metrics={"val.loss": [3.0, 1.0]})
    run = load_run(1)
    with pytest.raises(InputError, match=r"run 1 has no metric 'val\.los'; did you mean 'val\.l"):
        run.metric("val.los")
    database.metrics.update_one({}, {"$push": {"steps": 20}})
    with pytest.raises(InputError, match="metric 'val.loss' of run 1 is damaged: 3 steps, but 2"):
        run.metric("val.loss")
    database.metrics.update_one({}, {"$push": {"values": "text"}})
    with pytest.raises(InputError, match="metric 'val.loss' of run 1 holds no plain numbers"):
        run.metric("val.loss")
    store_run()
    with pytest.raises(InputError, match="run 2 has no metric 'x'; it has no metrics"):
        load_run(2).metric("x")


def test_artifacts_are_decoded_by_their_suffix(store_run):
    tensors = {"weight": torch.arange(6.0).reshape(2, 3)}
    store_run(
        artifacts={
            "w.safetensors": save(tensors),
            "a.npz": npz(x=np.array([1, 2]), y=np.array(["é"])),
            "o.json": json.dumps({"k": [1, None]}).encode(),
            "t.tex": "é".encode(),
            "raw.pdf": b"%PDF",
        }
    )
    run = find_runs().one()
    assert torch.equal(run.load("w.safetensors")["weight"], tensors["weight"])
    np.testing.assert_array_equal(run.load("a.npz")["x"], [1, 2])
    assert run.load("o.json") == {"k": [1, None]}
    assert run.load("t.tex") == "é"
    assert run.load("raw.pdf") == b"%PDF"
    assert run.read("t.tex") == b"\xc3\xa9"


def test_nothing_that_is_loaded_is_unpickled(store_run):
    store_run(artifacts={"a.npz": npz(x=np.array([{}], dtype=object))})
    with pytest.raises(InputError, match="'a.npz' of run 1 is no npz file that can be read"):
        load_run(1).load("a.npz")


def test_a_file_that_is_not_what_its_name_says_is_one_sentence(store_run):
    store_run(artifacts={"w.safetensors": b"short", "o.json": b"{", "t.txt": b"\xff"})
    for name in ("w.safetensors", "o.json", "t.txt"):
        with pytest.raises(InputError, match=f"artifact '{name}' of run 1 is no .* can be read"):
            load_run(1).load(name)
    with pytest.raises(InputError, match="run 1 has no artifact 'o.jsn'; did you mean 'o.json'"):
        load_run(1).load("o.jsn")


def tamper(database, data: bytes) -> None:
    """Change one byte of the stored chunk that holds `data`, as a bad disk would."""
    changed = bytes([data[0] ^ 1]) + data[1:]
    result = database.fs.chunks.update_one({"data": data}, {"$set": {"data": changed}})
    assert result.modified_count == 1


def test_a_changed_byte_is_found_by_load_and_verify_but_not_by_the_query(store_run, database):
    store_run(artifacts={"a.txt": b"measured", "b.txt": b"as well"})
    assert find_damage(database, database.runs.find_one()) == []
    tamper(database, b"measured")
    run = find_runs().one()
    with pytest.raises(InputError, match="artifact 'a.txt' of run 1 is damaged: its sha256 is not"):
        run.load("a.txt")
    assert run.load("b.txt") == "as well"
    (damage,) = find_damage(database, database.runs.find_one())
    assert damage.startswith("artifact 'a.txt' of run 1 is damaged")


def test_without_a_completion_record_the_digest_of_the_file_counts(store_run, database):
    store_run(artifacts={"a.txt": b"measured"}, completion=None)
    assert load_run(1).load("a.txt") == "measured"
    tamper(database, b"measured")
    with pytest.raises(InputError, match="artifact 'a.txt' of run 1 is damaged"):
        load_run(1).load("a.txt")


def test_missing_files_and_chunks_are_one_sentence(store_run, database):
    store_run(artifacts={"a.txt": b"a" * 10, "b.txt": b"b" * 10})
    run = load_run(1)
    database.fs.chunks.delete_one({"files_id": run.artifacts["a.txt"]})
    with pytest.raises(InputError, match="artifact 'a.txt' of run 1 is damaged"):
        run.read("a.txt")
    gridfs.GridFS(database).delete(run.artifacts["b.txt"])
    with pytest.raises(InputError, match="artifact 'b.txt' of run 1 is missing from the database"):
        run.read("b.txt")
    assert len(find_damage(database, database.runs.find_one())) == 3


def test_weights_are_kept_by_step(store_run, database):
    weights = {step: save({"w": torch.tensor([float(step)])}) for step in (0, 5, 100)}
    artifacts = {f"step-{step:08d}.safetensors": data for step, data in weights.items()}
    store_run(artifacts={**artifacts, "resume.safetensors": weights[0]})
    run = find_runs().one()
    assert run.checkpoints == [0, 5, 100]
    assert run.checkpoint()["w"].tolist() == [100.0]
    assert run.checkpoint(0)["w"].tolist() == [0.0]
    with pytest.raises(InputError, match="run 1 has no weights of step 6; .* of steps 0, 5, 100"):
        run.checkpoint(6)
    tamper(database, weights[5])
    with pytest.raises(InputError, match="'step-00000005.safetensors' of run 1 is damaged"):
        run.checkpoint(5)
    store_run()
    with pytest.raises(InputError, match=r"run 2 \(unsupervised\) has kept no weights"):
        load_run(2).checkpoint()


def test_the_newest_of_several_artifacts_with_a_name_counts(store_run, database):
    store_run(artifacts={"resume.json": b"1"})
    newer = gridfs.GridFS(database).put(b"2", filename="artifact://runs/1/resume.json")
    database.runs.update_one(
        {"_id": 1},
        {
            "$push": {"artifacts": {"name": "resume.json", "file_id": newer}},
            "$unset": {"completion": 1},
        },
    )
    assert load_run(1).load("resume.json") == 2
