"""A search of the latent size, trained for real and recorded in one run."""

import numpy as np
import pytest

from experiments import fondue, unsupervised
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs

pytestmark = pytest.mark.slow
SMALL = ["dataset.digits", "dataset.size=32", "model.burgess", "fast", "progress=False"]


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Run an experiment as from the command line; returns (exit code, newest run)."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(experiment, *updates):
        code = run_commandline(experiment.ex, ["X", "with", *SMALL, *updates])
        return code, find_runs({"status": "any"}, database)[-1]

    return run


def test_a_search_trains_each_candidate_and_keeps_its_curves(command):
    # Untrained, samples are noise in all latents: only a lax threshold finds any size.
    code, run = command(fondue, "model.latent_size=2", "largest=4", "threshold=100")
    assert code == 0 and run.status == "COMPLETED"
    assert run.config["training"]["steps"] == 20 and run.config["training"]["epochs"] == 1
    assert (run.result["latent_size"], run.result["candidates"]) == (4, 2)
    assert run.metric("latent_size")[1].tolist() == [2, 4]
    assert run.metric("latents-4.train.loss")[0].tolist() == [5, 10, 15, 20]
    differences = run.metric("mle_sampled")[1] - run.metric("mle_mean")[1]
    np.testing.assert_allclose(run.metric("difference")[1], differences, rtol=1e-9)
    assert run.result["mle_mean"] == run.metric("mle_mean")[1][-1]
    assert run.metric("loss")[1][1] == run.metric("latents-4.val.loss")[1][-1]
    # Of a candidate nothing but curves is kept.
    assert not run.checkpoints
    # A candidate is what experiments.unsupervised trains with this latent size.
    _, alone = command(unsupervised, "model.latent_size=4")
    assert alone.result["loss"] == run.metric("loss")[1][1]


def test_where_no_size_is_good_the_result_is_none_of_them(command, capsys):
    code, run = command(fondue, "model.latent_size=3", "threshold=-100")
    assert code == 0
    assert run.result["latent_size"] == 0 and "mle_mean" not in run.result
    assert run.metric("latent_size")[1].tolist() == [3, 1]
    assert "3 latents: samples have" in capsys.readouterr().out


@pytest.mark.parametrize(
    "update, message",
    [
        ("model.latent_size=64", "begins at a latent size from 1 to 32, got 64"),
        ("neighbours=64", "64 images have no 64 neighbours"),
    ],
)
def test_an_impossible_search_trains_nothing(command, capsys, update, message):
    code, run = command(fondue, update)
    assert code == 1 and message in capsys.readouterr().err
    assert run.status == "FAILED" and not run.info.get("metrics")
