"""Decoders of true factors, end to end, and what they are trained on."""

import pytest
import torch

from experiments import decoding, unsupervised
from replearn.dataset import DATASETS
from replearn.registry import build
from replearn.runs.commandline import run_commandline
from replearn.runs.query import load_run
from replearn.study.decoding import decoding_task
from replearn.study.targets import factor_values

CPU = torch.device("cpu")


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Run an experiment as from the command line; returns (exit code, newest run)."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(experiment, *updates):
        code = run_commandline(experiment.ex, ["X", "with", "progress=False", *updates])
        newest = database.runs.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return code, None if newest is None else load_run(newest["_id"], database)

    return run


def test_inputs_are_the_factors_of_the_images_that_are_targets():
    data = build(DATASETS, "dsprites", n=300, subset_seed=0)
    config = {
        "dataset": {"name": "dsprites", "validation": 0.1, "split_seed": 0},
        "training": {"batch_size": 8, "n_validation": 16, "channels_last": False},
    }
    task = decoding_task(config, data, CPU)
    inputs, images = next(task.training.shuffled(seed=3))
    assert -0.5 <= inputs.min() and inputs.max() <= 0.5  # centred, and a range of 1
    assert inputs.shape == (8, 5) and images.shape == (8, 1, 64, 64)
    known = factor_values(data)
    for row, image in zip(inputs, images, strict=True):
        (position,) = torch.nonzero((known == row).all(1)).flatten().tolist()
        assert torch.equal(data.batch([position])[0], image)
    assert task.test is None and len(task.held_out.indices) == 16


def test_data_without_factors_are_refused_in_one_sentence(command, capsys):
    code, run = command(decoding, "dataset.digits", "fast")
    assert code == 1 and run is None
    said = capsys.readouterr().err
    assert "digits has no factors of variation; choose a data set that has" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_decoder_learns_and_is_tested_on_excluded_combinations(command):
    small = ["dataset.dsprites", "dataset.n=2000", "dataset.condition=r2r", "model.burgess"]
    length = ["dataset.variant=sqr2tx", "training.steps=30", "training.validate_every=10"]
    length += ["training.n_validation=128"]
    code, run = command(decoding, *small, *length)
    assert code == 0
    assert run.info["n_factors"] == 5
    for name in ("val.reconstruction", "test.reconstruction"):
        steps, values = run.metric(name)
        assert steps.tolist() == [10, 20, 30] and values[-1] < values[0]
    assert run.result["test_loss"] == run.metric("test.loss")[1][-1]
    assert run.result["loss"] == run.result["reconstruction"]
    # What training logs and what is measured in the end is of the same images.
    for name in ("", "test_"):
        logged = run.metric(f"{name.strip('_') or 'val'}.squared_error")[1]
        assert run.result[f"{name}squared_error"] == pytest.approx(logged[-1], rel=1e-5)
        assert run.result[f"{name}nll"] == pytest.approx(run.result[f"{name}reconstruction"])
    assert {"nll", "test_nll", "test_nll_above_entropy", "test_ssim"} <= set(run.result)
    model = run.model()
    assert model(torch.zeros(2, 5)).logits.shape == (2, *run.info["image_shape"])


def test_layers_of_a_decoder_are_printed(capsys):
    updates = ["dataset.dsprites", "model.deep"]
    assert run_commandline(decoding.ex, ["X", "model.layers", "with", *updates]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == f"decoder.0 (512,) {6 * 512:,} {5 * 512:,}"
    assert rows[-2].startswith("logits (1, 64, 64) ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cascade", "liegroup"])
def test_models_of_other_latents_train_from_the_command_line(command, name):
    loss = {"cascade": "training.cascade", "liegroup": "training.lievae"}[name]
    small = ["dataset.digits", "dataset.size=32", f"model.{name}", loss, "fast"]
    code, run = command(unsupervised, *small, "training.batch_size=32")
    assert code == 0
    own = {"cascade": {"released_latents", "category_entropy"}, "liegroup": {"hessian", "capacity"}}
    assert own[name] <= set(run.result)
    assert {"active_latents", "reconstruction_ratio"} <= set(run.result)
    model, images = run.model(), torch.rand(4, 1, 32, 32)
    assert torch.equal(model(images).logits, model.decode(model.codes(images)))
    steps = {"cascade": int(getattr(model, "passes", 20)), "liegroup": 20}
    assert steps[name] == 20
