"""A study handed on: exported, imported into an empty database, analysed and traced there."""

import pytest
import torch

import runs as command
from analysis import similarity, summary
from experiments import unsupervised
from replearn.runs.commandline import run_commandline
from replearn.runs.database import open_database
from replearn.runs.query import find_runs, load_run

SMALL = ["dataset.circles", "model.burgess", "training.beta", "fast", "progress=False"]


def do(module, *updates):
    return run_commandline(module.ex, ["X", "with", *updates])


@pytest.mark.slow
def test_a_study_that_was_handed_on_is_analysed_and_traced(database, tmp_path, monkeypatch, capsys):
    (tmp_path / "there").mkdir()
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path / "there"))
    for seed in (0, 1):
        assert do(unsupervised, *SMALL, f"seed={seed}", "tags=study") == 0
    assert do(summary, "where.tags=study", "tags=study") == 0
    (table,) = (tmp_path / "there" / "results").rglob("summary.tex")
    archive = str(tmp_path / "study.tar")
    assert command.main(["export", archive, "tags=study"]) == 0

    (tmp_path / "here").mkdir()
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path / "here"))
    monkeypatch.setenv("MONGO_DB", f"{database.name}_2")
    here = open_database()
    try:
        here.runs.insert_one({"_id": 1, "status": "FAILED"})  # so that ids have to change
        assert command.main(["import", archive]) == 0
        assert command.main(["verify"]) == 0
        assert find_runs({"tags": "study"}, here).ids == [2, 3, 4]
        before, after = load_run(1, database), load_run(4, here)
        x = before.dataset().batch([0])
        with torch.no_grad():
            assert torch.equal(before.model().encode(x)[0], after.model().encode(x)[0])
        assert do(similarity, "where.experiment=unsupervised", "measures=cka_linear", "fast",
                  "layers=mean", "progress=False") == 0  # fmt: skip
        compared = find_runs({"experiment": "analysis.similarity"}, here).one()
        alike = compared.result["cka_linear_same_layer"]
        assert compared.result["cka_linear_same_layer_same_group"] == pytest.approx(alike)
        report = compared.load("report.html")
        assert "begun with different weights, of 2 runs. The same layer in n runs that" in report
        assert f"unsupervised: {alike:.3f} (n = 2)." in report
        capsys.readouterr()
        assert command.main(["trace", str(table), "1", "loss", "--recompute"]) == 0
        out = capsys.readouterr().out
        assert (
            "run 4, seed 0: loss = " in out and "is what the database gives; 2 runs are wh" in out
        )
        # The configurations count as finished here.
        assert do(unsupervised, *SMALL, "seed=1", "skip_finished=True") == 0
        assert "skipped: run 2 is finished" in capsys.readouterr().out
    finally:
        here.client.drop_database(here.name)
