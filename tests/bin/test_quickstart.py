"""The quickstart, small: from nothing to figures and a table, and again at no cost."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def quickstart(home, database, *options):
    environment = {**os.environ, "REPLEARN_HOME": str(home), "MONGO_DB": database.name}
    return subprocess.run(
        [ROOT / "bin" / "run-quickstart", *options], cwd="/", env=environment, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=500,
    )  # fmt: skip


def test_it_trains_looks_compares_and_tabulates_twice_in_a_row(tmp_path, database):
    home = tmp_path / "a home"
    (home / "data").mkdir(parents=True)
    if (drawn := ROOT / "data" / "dsprites-twin-1.npy").exists():
        (home / "data" / drawn.name).symlink_to(drawn)
    for time in range(2):
        done = quickstart(home, database, "--fast")
        assert done.returncode == 0, done.stderr[-3000:]
        found = database.runs.find({"experiment.name": "unsupervised"}, {"status": 1})
        assert [run["status"] for run in found] == ["COMPLETED"] * 2
        names = {Path(line.strip()).name for line in done.stdout.splitlines()}
        assert {
            "summary.tex", "hinton_panel.pdf", "reconstructions.pdf", "traversals.pdf",
            "cka_debiased_layers.pdf", "report.html",
        } <= names  # fmt: skip
        assert re.search(r"Done: runs 1 2 of the database", done.stdout)
        assert "Omniboard" in done.stdout
        assert done.stderr.count("skipped: run") == 4 * time


def test_an_unknown_option_is_one_sentence(tmp_path, database):
    done = quickstart(tmp_path, database, "--fats")
    assert done.returncode == 1
    assert done.stderr.strip() == "bin/run-quickstart knows --fast and --dry-run, not '--fats'."


def test_models_that_have_not_learned_are_a_failure(tmp_path, database):
    # The limits of the full quickstart, on networks of 20 steps.
    from analysis import summary
    from experiments import unsupervised
    from replearn.runs.commandline import run_commandline

    small = ["dataset.circles", "model.burgess", "fast", "progress=False"]
    assert run_commandline(unsupervised.ex, ["X", "with", *small]) == 0
    text = (ROOT / "bin" / "run-quickstart").read_text()
    limits = re.search(r"learned=\((.*)\)", text)[1].split()
    assert limits == ["at_least.active_latents=3", "at_most.reconstruction_ratio=0.6"]
    assert run_commandline(summary.ex, ["X", "with", "where.id=1", *limits]) == 1
