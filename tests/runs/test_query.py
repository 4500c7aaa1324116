"""find_runs against a real server: what is found, what is left out, and what is refused."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sacred import Experiment

from replearn.errors import InputError
from replearn.runs import Run, Runs, find_runs
from replearn.runs.observer import RunObserver
from replearn.runs.query import LeftOutWarning, load_run

# filterwarnings = error: a query that leaves runs out raises wherever a test does not expect it.


def vae(seed: int, beta: float = 1, name: str = "vae"):
    return {"seed": seed, "model": {"name": name}, "training": {"beta": beta}}


def test_runs_are_found_by_config_oldest_first(store_run):
    for seed in range(3):
        store_run(vae(seed), metrics={"val.loss": [3.0, 2.0, 1.0 + seed]}, result={"elbo": -seed})
    runs = find_runs({"model": {"name": "vae"}, "seed": [2, 0, 7]})
    assert isinstance(runs, Runs) and all(isinstance(run, Run) for run in runs)
    assert runs.ids == [1, 3]
    assert [run.metrics["val.loss"] for run in runs] == [1.0, 3.0]
    assert runs[1].config == vae(2) and runs[1].result == {"elbo": -2}
    assert runs[0].seconds == 30.0
    assert runs[:1].ids == [1]
    assert repr(runs) == "Runs(2 of unsupervised: ids 1, 3)"


def test_numbers_match_across_int_and_float(store_run):
    store_run(vae(0, beta=4))
    store_run(vae(0, beta=4.0))
    store_run(vae(0, beta=True))
    assert find_runs({"training.beta": 4.0}).ids == [1, 2]
    assert find_runs({"training.beta": 4}).ids == [1, 2]
    assert find_runs({"training.beta": True}).ids == [3]


def test_reserved_keys(store_run):
    store_run({"tags": ["paper", "v2"]})
    store_run({"tags": "draft, paper"}, experiment="supervised")
    store_run({}, omniboard={"tags": ["paper"]}, status="FAILED")
    store_run({"tags": ["newspaper"]})
    assert find_runs({"tags": "paper"}).ids == [1, 2]
    assert find_runs({"tags": ["v2", "draft"]}).ids == [1, 2]
    assert find_runs({"tags": "paper", "status": "any"}).ids == [1, 2, 3]
    assert find_runs({"experiment": "supervised"}).ids == [2]
    assert find_runs({"experiment": ["supervised", "unsupervised"]}).ids == [1, 2, 4]
    assert find_runs({"id": [4, 1]}).ids == [1, 4]
    assert find_runs({"status": ["FAILED", "COMPLETED"], "id": 3})[0].tags == ("paper",)


def test_a_path_that_exists_in_no_run_is_refused_with_the_nearest(store_run):
    store_run(vae(0))
    with pytest.raises(InputError, match=r"where\.model\.nme is a path of no run .* 'model\.name'"):
        find_runs({"model": {"nme": "vae"}})
    store_run({"where": {"experimnt": "unsupervised"}}, status="FAILED")  # of an analysis
    with pytest.raises(InputError, match=r"where\.experimnt .* did you mean 'experiment'\?$"):
        find_runs({"experimnt": "unsupervised"})
    with pytest.raises(InputError, match=r"where\.model\.nme"):
        find_runs({"model.nme": None})


def test_a_path_that_other_runs_have_is_no_misspelling(store_run):
    store_run(vae(0))
    store_run({"seed": 1, "gamma": None}, status="FAILED")
    assert find_runs({"gamma": 3}).ids == []
    assert find_runs({"gamma": None}).ids == [1]


def test_an_id_that_does_not_exist_is_refused(store_run, database):
    store_run()
    with pytest.raises(InputError, match=rf"{database.name}' has no run 7, 8; see"):
        find_runs({"id": [1, 7, 8]})
    with pytest.raises(InputError, match="has no run 9; see"):
        load_run(9)


def test_an_empty_result_says_which_condition_stands_in_the_way(store_run, database):
    assert find_runs({"model.name": "vae"}).ids == []
    with pytest.raises(InputError, match="no COMPLETED run matches: .* holds no runs yet"):
        find_runs().require()
    store_run(vae(0))
    store_run(vae(1), status="FAILED")
    with pytest.raises(
        InputError,
        match=r"no COMPLETED run matches model\.name='hvae' .*; 1 would with another model\.name"
        r" \('vae'\)",
    ):
        find_runs({"model.name": "hvae"}).require()
    with pytest.raises(InputError, match=r"1 would with another status \(FAILED\)"):
        find_runs({"seed": 1, "model.name": "vae"}).require()
    with pytest.raises(InputError, match=r"1 would with another experiment \(unsupervised\)"):
        find_runs({"experiment": "unsupervized"}).require()
    assert find_runs({"seed": 0}).require().ids == [1]


def test_one_run_is_exactly_one(store_run):
    store_run(vae(0))
    store_run(vae(1))
    assert find_runs({"seed": 1}).one().id == 2
    with pytest.raises(
        InputError, match=r"one run is needed, but 2 match model\.name='vae' .*1, 2\)"
    ):
        find_runs({"model.name": "vae"}).one()


def test_a_run_with_a_missing_point_is_left_out(store_run, database):
    store_run(vae(0), metrics={"train.loss": [1.0, 2.0, 3.0]})
    store_run(vae(1), metrics={"train.loss": [1.0, 2.0, 3.0]})
    database.metrics.update_one({"run_id": 2}, {"$pop": {"values": 1}})
    with pytest.warns(LeftOutWarning, match=r"2 \(metric 'train.loss' has 2 of 3 points\)"):
        runs = find_runs()
    assert runs.ids == [1]
    assert runs.left_out == {2: "metric 'train.loss' has 2 of 3 points"}
    assert find_runs(verify=False).ids == [1, 2]


def test_a_run_with_a_missing_metric_or_artifact_is_left_out(store_run, database):
    store_run(metrics={"train.loss": [1.0]})
    store_run(artifacts={"a.txt": b"four"})
    store_run(artifacts={"a.txt": b"four"})
    store_run(artifacts={"a.txt": b"four"})
    database.metrics.delete_many({"run_id": 1})
    database.runs.update_one({"_id": 2}, {"$set": {"artifacts": []}})
    other = {"metadata.sha256": "0" * 64}
    database.fs.files.update_one({"filename": {"$regex": "runs/3/"}}, {"$set": other})
    database.fs.files.update_one({"filename": {"$regex": "runs/4/"}}, {"$set": {"length": 3}})
    with pytest.warns(LeftOutWarning, match="4 completed runs left out"):
        runs = find_runs()
    assert runs.ids == []
    assert runs.left_out == {
        1: "metric 'train.loss' has 0 of 1 points",
        2: "artifact 'a.txt' is missing",
        3: "artifact 'a.txt' is another file than the one that was recorded",
        4: "artifact 'a.txt' has 3 of 4 bytes",
    }
    with pytest.raises(InputError, match="no COMPLETED run matches .*4 completed runs left out"):
        runs.require()


def test_documents_of_other_programs_do_not_break_a_query(store_run, database):
    """Stock Sacred writes no completion record; its QUEUED documents lack most fields."""
    store_run(vae(0))
    store_run(vae(1), completion=None)
    database.runs.insert_one({"_id": 3, "status": "QUEUED", "config": vae(2)})
    database.runs.insert_one({"_id": "named", "status": "COMPLETED"})
    database.metrics.insert_one({"run_id": "named", "name": "odd", "values": None})
    with pytest.warns(LeftOutWarning, match=r"2 \(no completion record\), named \(no"):
        runs = find_runs()
    assert runs.ids == [1]
    every = find_runs({"status": "any"}, verify=False)
    assert every.ids == [1, 2, 3, "named"]
    queued = every[2]
    assert (queued.experiment, queued.result, queued.artifacts) == ("", None, {})
    assert queued.seconds is None
    assert len(every.table()) == 4


def test_jsonpickle_is_shown_as_plain_data_and_never_decoded(store_run, tmp_path):
    """Decoding this document would make a folder, as the py/reduce protocol calls functions."""
    trap = {"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [str(tmp_path / "sprung")]}]}
    store_run({"trap": trap, "pair": {"py/tuple": [1, 2]}}, result={"py/object": "x", "value": 2.5})
    run = find_runs().one()
    assert run.config["pair"] == [1, 2]
    assert run.config["trap"]["py/reduce"][0] == {"py/function": "os.mkdir"}
    assert run.result == 2.5
    assert not (tmp_path / "sprung").exists()


def test_a_table_has_one_row_a_run(store_run):
    store_run(vae(0, beta=1), metrics={"lr": [0.1]}, result={"score": {"mig": 0.5}})
    store_run(vae(1, beta=8), metrics={"val.loss": [9.0, 7.0]}, result=3.0)
    table = find_runs().table()
    assert list(table.index) == [1, 2] and table.index.name == "id"
    assert list(table["training.beta"]) == [1, 8]
    assert list(table["experiment"]) == ["unsupervised"] * 2
    assert table["metrics.val.loss"][2] == 7.0 and np.isnan(table["metrics.val.loss"][1])
    assert table["result.score.mig"][1] == 0.5 and table["result"][2] == 3.0

    chosen = find_runs().table(["seed", "val.loss", "score.mig", "config.model.name"])
    assert list(chosen.columns) == ["seed", "val.loss", "score.mig", "config.model.name"]
    assert chosen.loc[2, "val.loss"] == 7.0
    with pytest.raises(InputError, match=r"no run has a column 'val\.los'; .*val\.loss"):
        find_runs().table(["val.los"])


def test_an_empty_table_keeps_its_columns(database):
    assert list(find_runs().table(["seed"]).columns) == ["seed"]


@pytest.mark.filterwarnings("ignore:GridOut property 'contentType':DeprecationWarning")
def test_incense_reads_the_same_runs(database, store_run, tmp_path):
    """One run by Sacred and this project's observer, and an older one with the other seed."""
    experiment = Experiment("unsupervised", save_git_info=False)
    experiment.add_config(seed=1, model={"name": "vae"})
    (tmp_path / "report.html").write_text("<p>hello</p>")

    @experiment.main
    def main(_run):
        _run.log_scalar("val.loss", 3.0, 0)
        _run.log_scalar("val.loss", 1.5, 10)
        _run.add_artifact(str(tmp_path / "report.html"), "report.html")
        return {"elbo": -1.5}

    store_run(vae(0))
    experiment.observers.append(RunObserver(database, spool_folder=tmp_path / "spool"))
    experiment.run()

    experiments = find_runs({"seed": [1, 0]}).incense()
    assert [experiment.id for experiment in experiments] == [1, 2]
    series = experiments[1].metrics["val.loss"]
    assert list(series.index) == [0, 10] and list(series) == [3.0, 1.5]
    assert experiments[1].artifacts["report.html"].content == b"<p>hello</p>"
    table = experiments.project(on=["config.seed", "config.model.name"])
    assert list(table["seed"]) == [0, 1]
    assert find_runs({"seed": 1}).one().metrics == {"val.loss": 1.5}


def test_incense_says_what_it_cannot_read_and_when_it_is_missing(database, store_run, monkeypatch):
    database.runs.insert_one({"_id": 1, "status": "QUEUED"})
    with pytest.raises(InputError, match="incense cannot read runs that are QUEUED: 1"):
        find_runs({"status": "QUEUED"}).incense()
    monkeypatch.setitem(sys.modules, "incense", None)
    with pytest.raises(InputError, match="incense is not installed"):
        find_runs({"status": "QUEUED"}).incense()


def test_a_query_reads_no_captured_output_and_no_points(store_run, database):
    """The server's profiler counts what it sends: points and output (2 MB here) stay there."""
    for _ in range(3):
        store_run(vae(0), metrics={"m": [0.5] * 50_000}, captured_out="x" * 400_000)
    database.command("profile", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_runs()
    database.command("profile", 0)
    sent = [entry.get("responseLength", 0) for entry in database["system.profile"].find()]
    assert sent and sum(sent) < 20_000


def test_a_query_alone_imports_nothing_heavy():
    code = "import sys, replearn.runs.query as q; print([m for m in {} if m in sys.modules])"
    heavy = ["torch", "pandas", "matplotlib", "sklearn", "incense", "sacred"]
    done = subprocess.run(
        [sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
