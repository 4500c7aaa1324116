"""The files of a run in GridFS: artifacts, sources and resources, with their digests."""

import hashlib

import gridfs
import pytest


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
    run_with, tmp_path, capsys, name, sentence, curve
):
    def main(_run):
        (tmp_path / "x.png").write_bytes(b"x")
        _run.add_artifact(tmp_path / ("x.png" if "/" in name else name), name)
        _run.log_scalar("loss", 1.0, 0)
        return 1.0

    document, observer = run_with(main)
    assert document["status"] == "FAILED" and sentence in document["fail_trace"][0]
    assert sentence in observer.failure and sentence in capsys.readouterr().err
    assert curve(1, "loss") == ([0], [1.0])  # and all else is stored


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
