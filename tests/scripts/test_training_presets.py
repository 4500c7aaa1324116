"""Every training preset is plain data that builds what it names."""

import json

import pytest
import torch
from torch.nn import Parameter

from configs.training import TRAINING_PRESETS
from experiments.decoding import ex as decoding
from experiments.supervised import ex as supervised
from experiments.unsupervised import ex as unsupervised
from replearn.registry import build
from replearn.runs.commandline import make_run
from replearn.training.losses import LOSSES
from replearn.training.optimizers import make_optimizer
from replearn.training.schedules import make_schedule

LENGTHS = {"batch_size", "epochs", "steps"}


def test_presets_are_plain_data():
    assert json.loads(json.dumps(TRAINING_PRESETS)) == TRAINING_PRESETS


@pytest.mark.parametrize("name", TRAINING_PRESETS)
def test_training_preset_builds_its_loss_optimiser_and_schedule(name):
    preset = TRAINING_PRESETS[name]
    assert set(preset) <= {"loss", "optimizer", "scheduler"} | LENGTHS
    if "loss" in preset:
        params = preset["loss"].get("params", {})
        build(LOSSES, preset["loss"]["name"], kind="loss", **params)
    if "optimizer" in preset:
        weight = Parameter(torch.zeros(1))
        make_optimizer([weight], preset["optimizer"]["name"], **preset["optimizer"]["params"])
    if "scheduler" in preset:
        make_schedule(preset["scheduler"]["name"], **preset["scheduler"].get("params", {}))
    assert all(preset[key] is None or preset[key] > 0 for key in LENGTHS & set(preset))


def test_factor_preset_takes_a_beta_of_the_command_line():
    # with training.factor training.loss.params.beta=10
    params = TRAINING_PRESETS["factor"]["loss"]["params"] | {"beta": 10}
    loss = build(LOSSES, "factor_vae", kind="loss", **params)
    assert (loss.gamma, loss.beta) == (100, 10)


@pytest.mark.parametrize("step", [0, 1, 50_000, 100_000, 450_000, 900_000, 2_000_000])
def test_published_schedules_of_beta(step):
    def weight(preset):
        spec = TRAINING_PRESETS[preset]["loss"]
        return build(LOSSES, spec["name"], kind="loss", **spec["params"]).weight(step)

    assert weight("bsched") == pytest.approx(min(step / 100_000, 1), rel=1e-12)
    assert weight("banneal") == pytest.approx(10 * max(1 - step / 1e6, 0.1), rel=1e-12)


def test_a_decoder_trains_5_000_steps_unless_told_otherwise():
    for presets in ([], ["training.generation"]):
        training = make_run(decoding, None, {}, presets).config["training"]
        assert (training["steps"], training["optimizer"]["params"]["lr"]) == (5_000, 1e-3)
        assert (training["batch_size"], training["loss"]["name"]) == (64, "reconstruction")


def test_every_loss_has_a_preset():
    named = {preset["loss"]["name"] for preset in TRAINING_PRESETS.values() if "loss" in preset}
    assert named | {"mse", "cross_entropy"} == set(LOSSES)


@pytest.mark.parametrize("name", [n for n, p in TRAINING_PRESETS.items() if "epochs" in p])
def test_a_length_in_epochs_takes_back_the_steps_of_an_earlier_preset(name):
    loss = TRAINING_PRESETS[name].get("loss", {"name": "vae"})["name"]
    experiments = {"auto-encoder": unsupervised, "predictor": supervised, "decoder": decoding}
    run = make_run(
        experiments[LOSSES[loss].judges], None, {}, ["training.locatello", f"training.{name}"]
    )
    assert run.config["training"]["steps"] is None
    assert run.config["training"]["epochs"] == TRAINING_PRESETS[name]["epochs"]
