"""`python -m runs …` on real runs: made by Sacred and the observer, on a real server."""

import subprocess
import sys
from pathlib import Path

import pytest
from sacred import Experiment

import runs as command
from replearn.runs.query import load_run
from replearn.runs.where import flatten

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def python_runs(capsys):
    """Run a command; return its exit code, output and errors."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = command.main(argv)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def trained(database, tmp_path):
    """Two runs by Sacred with the observer of this project: ids 1 and 2, seeds 0 and 1."""
    from replearn.runs.observer import RunObserver

    table = tmp_path / "table.tex"
    for seed in (0, 1):
        experiment = Experiment("unsupervised", save_git_info=False)
        experiment.add_config(seed=seed, model={"name": "vae", "latent_size": 10})
        table.write_text(f"seed {seed}")

        @experiment.main
        def main(_run, seed):
            for step in range(5):
                _run.log_scalar("val.loss", 10.0 - step, 10 * step)
            _run.add_artifact(str(table), "table.tex")
            return {"loss": 6.0 + seed}

        identity = {"config_hash": f"hash{seed}", "data": "twin-1"}
        experiment.observers.append(RunObserver(database, identity, tmp_path / "spool"))
        experiment.run()
    return database


def test_list_shows_runs_and_takes_queries(trained, python_runs):
    code, out, _ = python_runs("list")
    lines = out.splitlines()
    assert code == 0 and len(lines) == 3
    assert lines[0].split()[:3] == ["id", "experiment", "status"]
    assert lines[1].split()[:3] == ["1", "unsupervised", "COMPLETED"]
    assert lines[2].split()[-1] == "loss=7" and "vae" in lines[2]
    _, out, _ = python_runs("list", "where.model.name=vae", "seed=[1,5]")
    assert [line.split()[0] for line in out.splitlines()] == ["id", "2"]
    _, out, _ = python_runs("list", "--columns", "model.latent_size")
    assert "model.latent_size" in out and "model.name" not in out
    code, out, _ = python_runs("list", "seed=7")
    assert code == 0 and "matches" in out


def test_list_marks_runs_that_cannot_be_trusted(trained, python_runs, store_run):
    trained.metrics.update_one({"run_id": 2}, {"$pop": {"values": 1, "steps": 1}})
    store_run(completion=None)
    store_run(status="RUNNING")
    _, out, _ = python_runs("list")
    assert "COMPLETED (incomplete)" in out.splitlines()[2]
    assert "COMPLETED (unverified)" in out.splitlines()[3]
    assert "RUNNING (silent for " in out.splitlines()[4]


def test_show_is_one_page_of_one_run(trained, python_runs):
    code, out, _ = python_runs("show", "2")
    assert code == 0
    assert out.startswith("run 2  unsupervised  COMPLETED\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "model.latent_size 10" in lines
    assert "val.loss 5 6" in lines  # five points, the last of them 6
    assert "table.tex 6" in lines  # six bytes
    assert "identity config_hash=hash1 data=twin-1" in lines


def test_verify_hashes_the_bytes(trained, python_runs):
    code, out, _ = python_runs("verify")
    assert code == 0 and "2 of 2 runs are whole" in out
    trained.fs.chunks.update_one({"data": b"seed 1"}, {"$set": {"data": b"seed 2"}})
    code, out, _ = python_runs("verify", "1-2")
    assert code == 1
    assert "artifact 'table.tex' of run 2 is damaged" in out and "1 of 2 runs are whole" in out
    assert python_runs("verify", "1")[0] == 0


def test_trace_follows_sources_both_ways_and_finds_the_run_of_a_file(
    trained, python_runs, store_run, tmp_path
):
    store_run(experiment="analysis.model", info={"source_runs": [1, 2]})
    store_run(experiment="analysis.summary", info={"source_runs": [3, 1]})
    store_run(info={"resumed_from": 2})
    code, out, _ = python_runs("trace", "4")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("run 4  analysis.summary  COMPLETED")
    assert lines[1].startswith("  source: run 3  analysis.model")
    assert (
        lines[2].startswith("    source: run 1  unsupervised") and "config_hash hash0" in lines[2]
    )
    assert lines[3].startswith("    source: run 2  unsupervised")
    assert lines[4] == "  source: run 1  unsupervised  (see above)"
    _, out, _ = python_runs("trace", "2")
    assert "by: used: run 3" in out and "by: resumed: run 5" in out

    (tmp_path / "copy.tex").write_text("seed 1")
    _, out, _ = python_runs("trace", str(tmp_path / "copy.tex"))
    assert f"{tmp_path / 'copy.tex'} is the artifact 'table.tex' of run 2\nrun 2" in out
    folder = tmp_path / "results" / "unsupervised" / "2"
    folder.mkdir(parents=True)
    (folder / "table.tex").write_text("edited")
    code, _, err = python_runs("trace", str(folder / "table.tex"))
    assert code == 1 and "is no longer what run 2 stored as 'table.tex'" in err
    assert "no run in the database" in python_runs("trace", __file__)[2]
    assert "cannot be read (No such file" in python_runs("trace", "absent.tex")[2]


def test_trace_takes_a_result_as_it_is_printed(trained, python_runs, tmp_path, monkeypatch):
    # Named from the checkout, and typed in scripts/ as every command is.
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.chdir(SCRIPTS)
    path = Path("results") / "unsupervised" / "1" / "table.tex"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("seed 0")
    code, out, err = python_runs("trace", str(path))
    assert code == 0, err
    assert out.startswith(f"{path} is the artifact 'table.tex' of run 1\n")
    monkeypatch.chdir((tmp_path / path).parent)
    assert python_runs("trace", "table.tex")[0] == 0


def test_a_deleted_source_is_said(trained, python_runs, store_run):
    store_run(info={"source_runs": [1]})
    assert python_runs("delete", "1", "--yes", "--force")[0] == 0
    _, out, _ = python_runs("trace", "3")
    assert "source: run 1 is no longer in the database" in out


def test_export_delete_import(trained, python_runs, tmp_path):
    path = str(tmp_path / "two.tar")
    code, out, _ = python_runs("export", path, "experiment=unsupervised", "where.id=[1,2]")
    assert code == 0 and out.startswith("2 runs, ")
    code, _, err = python_runs("delete", "1")
    assert code == 1 and "deletes 1 run with metrics and artifacts for good; add --yes" in err
    assert python_runs("delete", "1,2", "--yes")[1] == "deleted 1, 2\n"
    assert trained.runs.count_documents({}) == trained.metrics.count_documents({}) == 0
    code, out, _ = python_runs("import", path)
    assert out == "run 1 is now run 1\nrun 2 is now run 2\n"
    assert load_run(2, trained).load("table.tex") == "seed 1"
    assert "run 2 was here already as run 2" in python_runs("import", path)[1]
    assert python_runs("verify")[0] == 0


def test_export_takes_queries_and_says_what_it_leaves_out(
    trained, python_runs, store_run, tmp_path
):
    store_run({"seed": 1}, status="RUNNING")
    store_run({"seed": 1}, status="FAILED")
    store_run({"seed": 1}, info={"source_runs": [1, 2]})
    path = tmp_path / "a.tar"
    code, out, err = python_runs("export", str(path), "seed=1")
    assert (code, err) == (0, "") and out.startswith("2 runs, ")
    assert "they were made from runs that are not in it: 1\n" in out
    path.unlink()
    trained.metrics.update_one({"run_id": 2}, {"$pop": {"values": 1, "steps": 1}})
    code, out, err = python_runs("export", str(path), "seed=1", "status=any")
    assert code == 1 and out.startswith("2 runs, ")
    assert "run 2 is not in it: metric 'val.loss' has 4 of 5 points\n" in err
    assert "run 3 is not in it: is RUNNING\n" in err


def test_gc_says_first_and_then_removes(trained, python_runs):
    trained.metrics.insert_one({"run_id": 99, "name": "m"})
    assert "found 0 metrics" in python_runs("gc", "--dry-run")[1]
    assert "found 1 metrics" in python_runs("gc", "--dry-run", "--older-than", "-1")[1]
    assert trained.metrics.count_documents({"run_id": 99}) == 1
    assert "removed 1 metrics, 0 files" in python_runs("gc", "--older-than", "-1")[1]
    assert trained.metrics.count_documents({}) == 2
    assert python_runs("verify")[0] == 0


def test_sync_without_anything_to_do(trained, python_runs, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    code, out, _ = python_runs("sync")
    assert code == 0 and "no run waits" in out


def test_queries_on_the_command_line_are_those_of_find_runs():
    where = command.parse_where(["where.seed=[0,1]", "model.name=[vae,hvae]", "beta=None", "x=a b"])
    assert where == {"seed": [0, 1], "model.name": ["vae", "hvae"], "beta": None, "x": "a b"}
    assert flatten(where)["seed"] == [0, 1, [0, 1]]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'"),
        ([], "the following arguments are required: command"),
        (["list", "model.nme=vae"], "where.model.nme is a path of no run in the database"),
        (["list", "seed"], "a query is made of key=value, such as seed=[0,1], got 'seed'"),
        (["list", "seed=1", "where.seed=2"], "seed is given twice"),
        (["list", "--columns", "model.nam"], "no run has the config path 'model.nam'; did you"),
        (["show", "9"], "has no run 9; see `python -m runs list`"),
        (["show", "x"], "argument id: invalid int value: 'x'"),
        (["verify", "9"], "has no run 9"),
        (["verify", "one"], "run ids are numbers such as 3 4,5 7-9, got 'one'"),
        (["trace", "9"], "has no run 9"),
        (["delete", "9", "--yes"], "has no run 9"),
        (["import", "absent.tar"], "there is no file absent.tar"),
        (["import", "/etc/passwd/x.tar"], "/etc/passwd/x.tar cannot be read: Not a directory"),
        (["import", "/tmp"], "/tmp cannot be read: Is a directory"),
        (["export", "seed=0"], "the file to write comes first and ends in .tar, got 'seed=0'"),
        (["export", "a.tar", "seed=7"], "no COMPLETED run matches seed=7"),
        (["export", "a.tar", "id=3"], "has no run 3"),
    ],
)
def test_bad_input_is_one_sentence(store_run, python_runs, argv, sentence):
    store_run({"seed": 0, "model": {"name": "vae"}})
    code, out, err = python_runs(*argv)
    assert code == 1 and out == ""
    assert err.count("\n") == 1 and "Traceback" not in err
    assert sentence in err


@pytest.mark.slow
def test_the_module_runs_from_the_scripts_folder(trained):
    done = subprocess.run(
        [sys.executable, "-m", "runs", "show", "1"],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run 1  unsupervised  COMPLETED")
