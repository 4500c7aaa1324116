"""experiments.composition end to end: every loss and operator, resuming, what is refused."""

import os
import signal

import pytest
import torch

from experiments import composition
from replearn.runs.commandline import run_commandline
from replearn.runs.database import close_clients
from replearn.runs.query import load_run
from replearn.study import tracked
from replearn.training.checkpoints import weights_name

SMALL = ["dataset.circles", "model.burgess", "fast", "training.batch_size=9", "progress=False"]


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Run the experiment as from the command line; returns (exit code, newest run)."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(*updates, small=SMALL):
        code = run_commandline(composition.ex, ["X", "with", *small, *updates])
        newest = database.runs.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return code, None if newest is None else load_run(newest["_id"], database)

    return run


@pytest.mark.slow
def test_the_published_example_works_to_the_letter(command):
    words = "dataset.dsprites model.kim training.factor model.latent_size=50"
    small = [*words.split(), "training.loss.params.beta=10", "training.steps=2",
             "training.batch_size=9", "training.n_validation=9", "progress=False"]  # fmt: skip
    code, run = command(small=small)
    assert code == 0
    result = run.result
    penalty = 10 * result["kl"] + 100 * result["total_correlation"]
    assert result["loss"] == pytest.approx(result["reconstruction"] + 2 * penalty, rel=1e-5)
    assert 0 < result["transformed_reconstruction"] < result["reconstruction"]
    assert run.info["n_factors"] == 5 and run.config["model"]["composition_op"] == "linear"
    assert run.info["triples"]["references"] == 663_552 - run.info["triples"]["unchangeable"]
    model = run.model()
    assert sum(p.numel() for p in model.operator.parameters()) == 2 * (55 * 50 + 50)
    assert "operator" not in " ".join(model.layers())
    plain = model(torch.zeros(2, 1, 64, 64))
    assert plain.logits.shape == (2, 1, 64, 64)
