"""`python -m runs trace FILE ROW COLUMN`: from a number of a LaTeX table to its runs, and back."""

import io
import shutil

import numpy as np
import pytest
from safetensors.numpy import save

import runs as command
from analysis import summary
from replearn.runs.commandline import run_commandline
from replearn.runs.completion import result_digest
from replearn.runs.query import find_runs

LOSS = {1: [10.0, 12.0, 11.0], 4: [15.0, 17.5, 16.0]}


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@pytest.fixture
def study(database, store_run, tmp_path, monkeypatch):
    """Two β by three seeds, runs 1 to 6 with analyses 7 to 12, and the table that run 13 made."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path / "home"))

    def store(config, result, **fields):
        return store_run(config, result=result, **fields)

    for beta, losses in LOSS.items():
        for seed, loss in enumerate(losses):
            loss_section = {"name": "beta_vae", "params": {"beta": beta}}
            store(
                {"seed": seed, "tags": ["study"], "model": {"name": "vae"},
                 "dataset": {"name": "circles"}, "training": {"loss": loss_section}},
                {"loss": loss, "kl": loss / 10},
                artifacts={"step-00000020.safetensors": save({})},
                identity={"config_hash": f"{beta} {seed}", "group_hash": str(beta), "data": "a"},
            )  # fmt: skip
    for run in range(1, 7):
        store(
            {"run": run, "step": None, "n_images": 300, "dci": "fast"},
            {"dci_disentanglement": run / 10},
            experiment="analysis.model",
            artifacts={"codes.npz": npz(mean=np.zeros(1))},
            info={"source_runs": [run]},
        )
    for document in database.runs.find():
        digest = {"completion.result": result_digest(document["result"])}
        database.runs.update_one({"_id": document["_id"]}, {"$set": digest})
    return database


@pytest.fixture
def table(study, tmp_path, capsys):
    """The table of the study, with β = 1 to compare with, as a file that was moved elsewhere."""
    argv = ["summary", "with", "where.tags=study", "against.beta=1"]
    assert run_commandline(summary.ex, argv) == 0
    capsys.readouterr()
    moved = tmp_path / "paper.tex"
    (written,) = (tmp_path / "home" / "results").rglob("summary.tex")
    shutil.copy(written, moved)
    return moved


@pytest.fixture
def trace(capsys):
    """Trace something; return exit code, output and errors."""

    def run(*argv):
        code = command.main(["trace", *map(str, argv)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_a_number_is_traced_to_runs_scores_and_seeds(table, trace):
    code, out, err = trace(table, "2", "loss", "--recompute")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "tab:summary: row 2 (beta=4), column loss",
        "printed: 16.2 ± 3.1, Δ +5.2 ± 0.7*",  # s of 15, 17.5, 16 is 1.2583; of 5, 5.5, 5 0.2887
        "  run 4, seed 0: loss = 15.0, result of run 4 (unsupervised)",
        "  run 5, seed 1: loss = 17.5, result of run 5 (unsupervised)",
        "  run 6, seed 2: loss = 16.0, result of run 6 (unsupervised)",
        "mean ± half width of the 95 % Student-t interval: 16.2 ± 3.1, n = 3",
        "against row 1 (beta=1):",
        "  run 1, seed 0: loss = 10.0, result of run 1 (unsupervised)",
        "  run 2, seed 1: loss = 12.0, result of run 2 (unsupervised)",
        "  run 3, seed 2: loss = 11.0, result of run 3 (unsupervised)",
        "Δ +5.2 ± 0.7*",
        "this number is what the database gives; 12 runs are whole, every byte hashed",
    ]
    # The score of an analysis, by the numbers of the table: β, loss, KL, D.
    _, out, _ = trace(table, "beta=1", "4")
    assert out.splitlines()[0] == "tab:summary: row 1 (beta=1), column D"
    assert "run 2, seed 1: dci_disentanglement = 0.2, result of run 8 (analysis.model)" in out
    _, out, _ = trace(table, "1", "n")
    assert out.splitlines()[1:] == [
        "printed: 3", "  run 1, seed 0", "  run 2, seed 1", "  run 3, seed 2"
    ]  # fmt: skip
    code, out, _ = trace(table, "--recompute")
    assert code == 0 and out.startswith("every number and every label of the file is what the data")
    assert f"{table} is the artifact 'summary.tex' of run 13" in trace(table)[1]


@pytest.mark.slow
def test_what_was_changed_is_found_out(table, trace, study):
    text = table.read_text()
    table.write_text(text.replace("16.2", "14.2"))
    code, out, err = trace(table, "2", "loss")
    assert code == 1 and "printed: 14.2 ± 3.1" in out
    assert (
        "row 2 (beta=4), column loss: the file prints 14.2 ± 3.1, Δ +5.2 ± 0.7*, the database "
        "gives 16.2 ± 3.1, Δ +5.2 ± 0.7*\n"
    ) in err
    assert trace(table, "1", "loss", "--recompute")[0] == 0
    assert trace(table, "--recompute")[0] == 1
    # Another row's label, and a mean that is bold and should not be.
    table.write_text(text.replace("\n4 & ", "\n8 & "))
    assert "the file prints 8, the database gives 4" in trace(table, "--recompute")[2]
    table.write_text(text.replace(r"$\mathbf{11.0 \pm 2.5}$", r"$11.0 \pm 2.5$"))
    assert text != table.read_text() and trace(table, "1", "2", "--recompute")[0] == 1
    table.write_text(text.replace("\n4 & ", "\n4 & 3 & "))
    assert "are not those of its comments any more" in trace(table, "1", "1")[2]
    table.write_text("\n".join(line for line in text.splitlines() if line[:1] != "%"))
    assert "no table whose numbers can be traced" in trace(table, "1", "1")[2]

    table.write_text(text)
    study.runs.update_one({"_id": 5}, {"$set": {"result.loss": 17.51}})
    code, _, err = trace(table, "2", "loss", "--recompute")
    assert code == 1 and "run 5: its result is another one than was recorded" in err
    assert trace(table, "1", "loss", "--recompute")[0] == 0
    study.fs.files.update_many({"filename": {"$regex": "runs/1/"}}, {"$set": {"length": 3}})
    assert "run 1 is not whole: artifact" in trace(table, "1", "loss")[2]


@pytest.mark.slow
def test_runs_that_are_gone_or_others_are_said(table, trace, study, store_run):
    assert find_runs({"experiment": "analysis.summary"}, study).ids == [13]
    ancestor = study.runs.find_one({"_id": 6})
    study.runs.delete_one({"_id": 6})
    sentence = f"run 6 of the database '{study.name}' is not in the database '{study.name}' any m"
    assert sentence in trace(table, "1", "loss")[2]
    study.runs.insert_one(ancestor | {"start_time": study.runs.find_one({"_id": 1})["start_time"]})
    assert "the run of the table was deleted, and another has its id" in trace(table, "1", "2")[2]
    study.runs.replace_one({"_id": 6}, ancestor)
    study.runs.update_one({"_id": 8}, {"$set": {"info.source_runs": [3]}})
    assert "run 8 (analysis.model) is no analysis of run 2" in trace(table, "1", "2")[2]


@pytest.mark.slow
def test_a_place_that_is_not_there_is_one_sentence(table, trace):
    for argv, sentence in [
        (["3", "loss"], "there is no row 3; rows are 1 to 2"),
        (["2", "9"], "there is no column 9; columns are 1 to 5"),
        (["beta=3", "loss"], "there is no row 'beta=3'; did you mean"),
        (["1", "los"], "there is no column 'los'; did you mean 'loss'"),
        (["1", "beta"], "column 1 (beta) is a label of the rows and no number"),
        (["1"], "a number of a table has a ROW and a COLUMN"),
        (["1", "loss", "--table", "other"], "there is no table 'other'; choose from"),
    ]:
        code, out, err = trace(table, *argv)
        assert (code, out) == (1, "") and err.count("\n") == 1
        assert sentence in err


@pytest.mark.slow
def test_of_several_tables_one_is_named(table, trace, study):
    table.write_text(table.read_text() + table.read_text().replace("tab:summary", "tab:two"))
    assert "has 2 tables: add --table, of tab:summary, tab:two" in trace(table, "1", "loss")[2]
    assert trace(table, "1", "loss", "--table", "two")[1].startswith("tab:two: row 1")
    assert trace(table, "1", "loss", "--table", "1")[1].startswith("tab:summary: row 1")


@pytest.mark.slow
def test_a_table_of_another_database_is_one_sentence(table, trace, study, monkeypatch):
    monkeypatch.setenv("MONGO_DB", f"{study.name}_2")
    code, out, err = trace(table, "1", "loss")
    assert (code, out) == (1, "")
    assert f"of the database '{study.name}', and '{study.name}_2' is another one that has" in err


def test_what_is_no_table_is_one_sentence(trace, database, tmp_path):
    (tmp_path / "binary.tex").write_bytes(b"\xff\xfe")
    assert "cannot be read as text" in trace(tmp_path / "binary.tex", "1", "1")[2]
    assert "cannot be read as text" in trace("absent.tex", "1", "1")[2]
    (tmp_path / "plain.tex").write_text(r"\midrule 1 & 2 \\")
    assert "plain.tex has no table whose" in trace(tmp_path / "plain.tex", "1", "1")[2]
