"""experiments.composition end to end: the published example, resuming, what is refused."""

import os
import signal

import pytest
import torch

from experiments import composition
from replearn.runs.commandline import run_commandline
from replearn.runs.query import load_run
from replearn.study import tracked
from replearn.training.checkpoints import is_grid_step, weights_name

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


@pytest.mark.slow
def test_excluded_combinations_are_measured(command):
    holdout = "dataset.holdout='x < 0.3 and y > 0.6'"
    few = ["training.steps=4", "training.n_validation=16"]
    code, run = command(holdout, "model.composition_op=fixint", *few)
    assert code == 0
    triples, result = run.info["triples"], run.result
    assert triples["test_targets"] > 0 == triples["test_unreachable"]
    assert triples["test_excluded_commands"] == 0
    assert result["test_transformed_reconstruction"] < result["test_reconstruction"]
    assert run.metric("test.transformed_reconstruction")[0].tolist() == [4]
    assert result["image_reconstruction"] > 0 and 0 <= result["active_latents"] <= 10


@pytest.mark.slow
def test_the_other_paper_reconstructs_the_target_alone(command):
    code, run = command("reconstruct=target", "command=any", "training.steps=3")
    assert code == 0
    result = run.result
    assert result["reconstruction"] == pytest.approx(result["transformed_reconstruction"])


@pytest.mark.slow
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(command, monkeypatch):
    length = ["training.factor", "training.batch_size=9", "training.steps=12", "resume_every=1000"]
    _, whole = command(*length)

    def grid_then_signal(step):
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return is_grid_step(step)

    with monkeypatch.context() as patch:
        patch.setattr(tracked, "is_grid_step", grid_then_signal)
        code, half = command(*length)
    assert code == 128 + signal.SIGTERM and half.status == "INTERRUPTED"
    code, resumed = command(f"resume={half.id}", small=[])
    assert code == 0 and resumed.info["triples"] == whole.info["triples"]
    last = weights_name(12)
    assert resumed.read(last) == whole.read(last) != whole.read(weights_name(10))
    assert resumed.result == whole.result


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset.digits"], "digits has no factors of variation; choose a data set"),
        (
            ["dataset.dsprites", "model.latent_size=4", "model.composition_op=fixint"],
            "latent_size=4 is less than the 5 factors; choose more latents or",
        ),
        (  # three continuous latents and three categories
            [
                "dataset.dsprites",
                "model.cascade",
                "model.latent_size=3",
                "model.composition_op=fixint",
            ],
            "latent_size=3 is less than the 5 factors; choose more latents or",
        ),  # fmt: skip
        (["model.composition_op=fixed"], "unknown composition_op 'fixed'; did you mean 'fixint'?"),
        (["command=all"], "command must be resampled or any, got 'all'"),
        (["reconstruct=none"], "reconstruct must be all or target, got 'none'"),
    ],
)
def test_what_cannot_be_composed_is_refused_before_there_is_a_run(command, capsys, words, sentence):
    code, run = command(*words)
    assert code == 1 and run is None
    assert sentence in capsys.readouterr().err
