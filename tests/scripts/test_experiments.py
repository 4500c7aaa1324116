"""Experiments end to end: on a real database, from the command line."""

import os
import signal

import numpy as np
import pytest
from safetensors.torch import load

from experiments import supervised, unsupervised
from replearn.runs.commandline import run_commandline
from replearn.runs.database import close_clients
from replearn.runs.query import find_runs, load_run
from replearn.study import tracked
from replearn.training.checkpoints import is_grid_step, weights_name

SMALL = ["dataset.digits", "dataset.size=32", "model.burgess", "fast", "progress=False"]


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Run an experiment as from the command line; returns (exit code, newest run)."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(experiment, *updates):
        code = run_commandline(experiment.ex, ["X", "with", *SMALL, *updates])
        newest = database.runs.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return code, None if newest is None else load_run(newest["_id"], database)

    return run


@pytest.mark.slow
def test_loss_is_the_sum_of_its_terms_as_configured(command):
    code, run = command(unsupervised, "training.factor", "training.loss.params.beta=10")
    result = run.result
    expected = result["reconstruction"] + 10 * result["kl"] + 100 * result["total_correlation"]
    assert code == 0
    assert result["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_metrics_and_weights_stand_at_the_steps_they_should(command):
    _, run = command(unsupervised, "training.beta", "training.log_every=5")
    steps, values = run.metric("train.loss")
    assert steps.tolist() == [5, 10, 15, 20]
    assert np.isfinite(values).all()
    assert run.metric("val.loss")[0].tolist() == [10, 20]
    assert run.checkpoints == [0, 1, 2, 5, 10, 20]
    assert run.result["loss"] == run.metric("val.loss")[1][-1]


@pytest.mark.slow
def test_same_seed_same_run_and_other_seed_other_run_of_the_group(command, database):
    runs = [command(unsupervised, f"seed={seed}")[1] for seed in (1, 1, 2)]
    first, again, other = runs
    assert again.result == first.result
    assert other.result["loss"] != first.result["loss"]
    hashes = [run.identity["config_hash"] for run in runs]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len({run.identity["group_hash"] for run in runs}) == 1
    assert find_runs({"seed": 1}, database).ids == [first.id, again.id]


@pytest.mark.slow
def test_weights_and_order_have_seeds_of_their_own(command):
    _, first = command(unsupervised, "seed=1", "init_seed=7")
    _, second = command(unsupervised, "seed=2", "init_seed=7")
    start, end = weights_name(0), weights_name(20)
    assert first.read(start) == second.read(start)
    assert first.read(end) != second.read(end)


@pytest.mark.slow
def test_resumed_run_is_bit_for_bit_the_uninterrupted_one(command, interrupted):
    scheduled = ["training.scheduler.name=cosine", "training.scheduler.params.warm_up=10"]
    length = ["training.factor", "training.steps=24", "resume_every=1000"]
    _, whole = command(unsupervised, *length, *scheduled)
    # In the middle of a window of log_every=5 steps, and of the warm-up.
    half = interrupted(24, 8, *scheduled)
    code, resumed = command_without_presets(half.id)
    assert code == 0
    assert resumed.info["resumed_from"] == half.id
    assert resumed.checkpoints == whole.checkpoints == [0, 1, 2, 5, 10, 20, 24]
    ours, theirs = (load(run.read(weights_name(24))) for run in (resumed, whole))
    assert all(bool((ours[name] == theirs[name]).all()) for name in theirs)
    for name in ("train.loss", "train.total_correlation", "val.loss", "lr"):
        ours, theirs = resumed.metric(name), whole.metric(name)
        assert (ours[0].tolist(), ours[1].tolist()) == (theirs[0].tolist(), theirs[1].tolist())
    assert resumed.identity["config_hash"] == whole.identity["config_hash"]


@pytest.mark.slow
def test_the_rate_in_use_is_logged_and_used(command):
    scheduled = ["training.scheduler.name=step", "training.scheduler.params.every=8"]
    changes = ["training.optimizer.name=sgd", "training.optimizer.params.lr=1e-6"]
    _, run = command(unsupervised, "training.log_every=4", *scheduled, *changes)
    steps, rates = run.metric("lr")
    assert steps.tolist() == [4, 8, 12, 16, 20]
    # Steps 1 … 8 have the first rate, 9 … 16 the second.
    assert rates == pytest.approx(np.array([1, 1, 0.3, 0.3, 0.09]) * 1e-6, rel=1e-12)
    _, other = command(unsupervised, "training.log_every=4", *changes)
    ours, theirs = (r.metric("train.loss")[1] for r in (run, other))
    # The loss of steps 1 … 9 comes from the weights after up to 8 steps: no difference yet.
    assert (ours[:2] == theirs[:2]).all() and (ours[3:] != theirs[3:]).all()


def test_a_training_whose_schedule_depends_on_its_length_cannot_become_longer(store_run, capsys):
    for name in ("cosine", "milestones"):
        training = {"steps": 20, "scheduler": {"name": name, "params": {}}}
        run_id = store_run(
            {"training": training}, artifacts={"resume.safetensors": b"", "resume.json": b""},
            status="INTERRUPTED",
        )  # fmt: skip
        longer = ["X", "with", f"resume={run_id}", "training.steps=30"]
        assert run_commandline(unsupervised.ex, longer) == 1
        said = capsys.readouterr().err
        assert f"run {run_id} has the scheduler {name!r}, whose rates depend on the length" in said


def command_without_presets(run_id):
    code = run_commandline(unsupervised.ex, ["X", "with", f"resume={run_id}"])
    return code, find_runs({"resume": run_id}).one()


@pytest.fixture
def interrupted(command, monkeypatch):
    """Train a FactorVAE that gets a SIGTERM in a given step; returns the run."""

    def train(steps, at, *updates):
        def grid_then_signal(step):
            if step == at:
                os.kill(os.getpid(), signal.SIGTERM)
            return is_grid_step(step)

        with monkeypatch.context() as patch:
            patch.setattr(tracked, "is_grid_step", grid_then_signal)
            code, run = command(
                unsupervised, "training.factor", f"training.steps={steps}", *updates
            )
        assert code == 128 + signal.SIGTERM
        assert run.status == "INTERRUPTED"
        return run

    return train


@pytest.mark.slow
def test_a_signal_in_the_last_step_leaves_a_run_that_can_be_finished(interrupted):
    code, resumed = command_without_presets(interrupted(7, at=7).id)
    assert code == 0
    assert resumed.checkpoints[-1] == 7
    assert resumed.result["loss"] == resumed.metrics["val.loss"]


@pytest.mark.slow
def test_resume_says_what_is_not_the_same(interrupted, capsys):
    half = interrupted(8, 3, "threads=1")
    assert run_commandline(unsupervised.ex, ["X", "with", f"resume={half.id}", "threads=2"]) == 0
    assert "not bit for bit: threads 1 then, 2 now" in capsys.readouterr().err


@pytest.mark.slow
def test_resume_refuses_other_data_and_other_experiments(interrupted, database, capsys):
    half = interrupted(8, at=3)
    database.runs.update_one({"_id": half.id}, {"$set": {"info.dataset.digest": "other"}})
    assert run_commandline(unsupervised.ex, ["X", "with", f"resume={half.id}"]) == 1
    assert "was trained on data with the digest other" in capsys.readouterr().err
    assert run_commandline(supervised.ex, ["X", "with", f"resume={half.id}"]) == 1
    assert "is one of unsupervised, not of supervised" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "updates, sentence",
    [
        (["seed=3"], "'seed' cannot be set"),
        (["training.steps=5"], "only a longer length can be asked for"),
        (["training.beta"], "'training.beta' cannot be set"),
    ],
)
def test_resume_takes_its_configuration_from_the_ancestor(interrupted, capsys, updates, sentence):
    half = interrupted(24, at=5)
    code = run_commandline(unsupervised.ex, ["X", "with", f"resume={half.id}", *updates])
    assert code == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_a_finished_run_is_not_resumed(command, capsys):
    _, run = command(unsupervised)
    assert run_commandline(unsupervised.ex, ["X", "with", f"resume={run.id}"]) == 1
    assert f"run {run.id} is finished; there is nothing to resume" in capsys.readouterr().err


@pytest.mark.slow
def test_diverged_training_fails_and_keeps_what_was_measured(command, capsys):
    code, run = command(unsupervised, "training.optimizer.params.lr=1e12", "training.log_every=1")
    assert (code, run.status) == (1, "FAILED")
    assert "training has diverged; lower the learning rate" in capsys.readouterr().err
    assert len(run.metric("train.loss")[0]) >= 1


@pytest.mark.slow
def test_divergence_in_the_last_step_is_no_result(command, capsys):
    _, run = command(unsupervised, "training.steps=1", "training.optimizer.params.lr=1e30")
    assert run.status == "FAILED"
    assert "was not finite on held-out images after step 1" in capsys.readouterr().err


@pytest.mark.slow
def test_finished_configuration_is_skipped_when_asked(command, database, capsys):
    command(unsupervised, "seed=5")
    code, run = command(unsupervised, "seed=5", "skip_finished=True")
    assert code == 0
    assert find_runs({"seed": 5}, database).ids == [run.id]
    assert f"skipped: run {run.id} is finished" in capsys.readouterr().out


@pytest.mark.slow
def test_supervised_learns_to_read_digits(command):
    # 10 classes: chance is 0.1.
    _, run = command(supervised, "training.classification", "training.steps=60")
    assert run.result["accuracy"] > 0.6


@pytest.mark.slow
def test_regression_beats_the_mean_of_the_factors(command, database):
    # Places over their range are uniform on a part of 0 … 1: their variance is under 1/12.
    code = run_commandline(
        supervised.ex,
        ["X", "with", "dataset.circles", "model.burgess", "training.regression", "target=factors",
         "fast", "training.steps=60", "progress=False", "dataset.condition=r2r",
         "dataset.variant=shape2px"],
    )  # fmt: skip
    assert code == 0
    run = find_runs({"target": "factors"}, database).one()
    assert run.result["mse"] < 0.5 / 12
    # Of the upper right quarter, which it never saw, it knows less.
    assert run.result["mse"] < run.result["test_mse"] < 1 / 12
    for part, prefix in (("val", ""), ("test", "test_")):
        x, y = (run.result[f"{prefix}mse_{name}"] for name in "xy")
        assert (x + y) / 2 == pytest.approx(run.result[f"{prefix}mse"], rel=1e-6)
        steps, values = run.metric(f"{part}.mse_x")
        assert steps.tolist() == [10, 20, 30, 40, 50, 60] and values[-1] == x


REFUSED = {
    "device=tpu": "device must be auto, cpu or cuda, got 'tpu'",
    "dataset.size=8": "burgess",
    "training.batch_size=5000": "batch_size=5000 is larger than the",
}


@pytest.mark.parametrize("update", REFUSED)
def test_bad_input_is_one_sentence_and_leaves_no_result(command, database, capsys, update):
    code, _ = command(unsupervised, "training.beta", update)
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert code == 1 and "Traceback" not in said
    assert len(lines) == 1 and REFUSED[update] in lines[0]
    assert not find_runs({"status": "COMPLETED"}, database)


@pytest.mark.parametrize("option", ["-m=db", "-i=x", "-q", "-F=folder", "-C=fd"])
def test_options_that_break_runs_are_refused(capsys, option):
    flag = option.split("=")
    assert run_commandline(unsupervised.ex, ["X", *flag, "with", "fast"]) == 1
    assert f"the option {flag[0]} is not supported" in capsys.readouterr().err


@pytest.mark.slow  # it waits the 3 s
def test_a_database_that_is_not_there_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("MONGO_URL", "mongodb://user:secret@127.0.0.1:1/")
    code = run_commandline(unsupervised.ex, ["X", "with", *SMALL])
    close_clients()
    assert code == 1
    said = capsys.readouterr().err
    assert "127.0.0.1:1" in said and "MONGO_URL" in said
    assert "secret" not in said and "Traceback" not in said


def test_a_run_without_heartbeats_is_refused(capsys):
    assert run_commandline(unsupervised.ex, ["X", "-b", "0", "with", "fast"]) == 1
    assert "-b 0 would store no metrics" in capsys.readouterr().err


def test_the_published_command_line_is_understood(capsys):
    # Montero et al. (2022), README: to the letter, but for what is done with it.
    published = "dataset.dsprites model.kim training.factor model.latent_size=50"
    updates = [*published.split(), "training.loss.params.beta=10"]
    assert run_commandline(unsupervised.ex, ["X", "print_config", "with", *updates]) == 0
    shown = capsys.readouterr().out
    for line in ("latent_size = 50", "beta = 10", "gamma = 100.0", "name = 'factor_vae'"):
        assert line in shown
