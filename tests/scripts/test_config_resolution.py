"""Resolved configurations hold the defaults of what was chosen, and of nothing else."""

from itertools import permutations

import pytest
from sacred import Experiment

from configs.training import TRAINING_PRESETS
from experiments import decoding, supervised, unsupervised
from ingredients.training import training_ingredient
from replearn.errors import InputError
from replearn.registry import parameters
from replearn.runs.commandline import make_run
from replearn.runs.config import defaults
from replearn.training.losses import LOSSES
from replearn.training.optimizers import OPTIMIZERS
from replearn.training.schedules import SCHEDULES


def config_of(updates, presets=(), experiment=unsupervised):
    return make_run(experiment.ex, None, updates, presets).config


def experiment_of(loss):
    of = {"auto-encoder": unsupervised, "predictor": supervised, "decoder": decoding}
    return of[LOSSES[loss].judges]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_its_own_defaults(name):
    config_of({}, ["training.factor"])  # what ran before leaves nothing behind
    updates = {"training": {"loss": {"name": name}}}
    section = config_of(updates, experiment=experiment_of(name))["training"]["loss"]
    assert section == {"name": name, "params": defaults(LOSSES[name])}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_has_its_own_defaults(name):
    section = config_of({"training": {"optimizer": {"name": name}}})["training"]["optimizer"]
    assert section == {"name": name, "params": defaults(OPTIMIZERS[name])}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_scheduler_has_its_own_defaults(name):
    section = config_of({"training": {"scheduler": {"name": name}}})["training"]["scheduler"]
    assert section == {"name": name, "params": defaults(SCHEDULES[name])}


@pytest.mark.parametrize(
    "scheduler, sentence",
    [
        ({"name": "cosin"}, "unknown scheduler 'cosin'; did you mean 'cosine'"),
        (
            {"name": "step", "params": {"evry": 3}},
            "scheduler 'step' takes no parameter 'evry'; did you mean 'every'",
        ),
        ({"params": {"warm_up": "long"}}, "scheduler.params.warm_up must be a whole number"),
        ({"params": {"warm_up": -1}}, "warm_up must be a whole number of at least 0, got -1"),
        ({"name": "milestones", "params": {"at": 0.5}}, "at must be a list of fractions"),
    ],
)
def test_impossible_schedules_are_refused_before_a_run(scheduler, sentence):
    with pytest.raises(InputError, match=sentence):
        config_of({"training": {"scheduler": scheduler}})


def test_beta_of_the_published_signature():
    assert (
        config_of({"training": {"loss": {"name": "beta_vae"}}})["training"]["loss"]["params"][
            "beta"
        ]
        == parameters(LOSSES["beta_vae"])["beta"].default
        == 4.0
    )


@pytest.mark.parametrize("name", LOSSES)
def test_a_misspelt_parameter_is_refused_by_every_loss(name):
    with pytest.raises(InputError, match=f"loss '{name}' takes no parameter 'bta'"):
        updates = {"training": {"loss": {"name": name, "params": {"bta": 3}}}}
        config_of(updates, experiment=experiment_of(name))


def test_values_given_by_name_win_over_presets():
    config = config_of({"training": {"loss": {"params": {"beta": 10}}}}, ["training.factor"])
    assert config["training"]["loss"]["params"]["beta"] == 10
    assert config["training"]["loss"]["params"]["gamma"] == 100.0
    assert config["training"]["batch_size"] == 128


SPECS = ("loss", "optimizer", "scheduler")


@pytest.mark.slow
def test_a_later_preset_replaces_the_specs_of_an_earlier_one_whole():
    experiments = {}  # of a training alone, for each kind of model
    for default in ("vae", "mse", "reconstruction"):
        ex = Experiment("pairs", ingredients=[training_ingredient(default)], save_git_info=False)
        experiments[LOSSES[default].judges] = ex
        ex.main(lambda: None)

    def training(*presets):
        losses = [spec["name"] for name in presets if (spec := TRAINING_PRESETS[name].get("loss"))]
        ex = experiments[LOSSES[losses[-1] if losses else "vae"].judges]
        return make_run(ex, None, {}, [f"training.{name}" for name in presets]).config["training"]

    alone = {name: training(name) for name in TRAINING_PRESETS}
    pairs = [
        (first, second)
        for first, second in permutations(TRAINING_PRESETS, 2)
        if set(SPECS) & set(TRAINING_PRESETS[first]) & set(TRAINING_PRESETS[second])
    ]
    assert len(pairs) > 200
    for first, second in pairs:
        found = training(first, second)
        for spec in SPECS:
            last = second if spec in TRAINING_PRESETS[second] else first
            if spec in TRAINING_PRESETS[last]:
                assert found[spec] == alone[last][spec], (first, second, spec)


@pytest.mark.parametrize(
    ("presets", "spec", "name", "params"),
    [
        (["beta", "vae"], "loss", "vae", {"beta": 1.0}),
        (["banneal", "bsched"], "loss", "beta_vae", {"beta_start": 0.0, "beta_steps": 100_000}),
        (["hellinger", "factor"], "loss", "factor_vae", {"beta": 1.0, "gamma": 100.0}),
        (["beta", "cci"], "loss", "annealed_vae", {"gamma": 50.0}),  # takes no beta
        (["locatello", "nesterov"], "optimizer", "sgd", {"lr": 0.01, "momentum": 0.9}),
        (["csiszarik", "step_lr"], "scheduler", "step", {"factor": 0.3}),
    ],
)
def test_nothing_of_an_earlier_preset_stays(presets, spec, name, params):
    found = config_of({}, [f"training.{each}" for each in presets])["training"][spec]
    assert found["name"] == name
    assert found["params"] == {**found["params"], **params}


def test_values_given_by_name_win_over_presets_on_either_side_of_them():
    updates = {"training": {"loss": {"params": {"beta": 7}}}}
    for presets in (["training.beta"], ["training.factor", "training.beta"]):
        loss = config_of(updates, presets)["training"]["loss"]
        assert (loss["name"], loss["params"]["beta"]) == ("beta_vae", 7)


def test_a_loss_given_by_name_takes_no_parameters_of_a_preset():
    config = config_of({"training": {"loss": {"name": "vae"}}}, ["training.cci"])
    assert config["training"]["loss"] == {"name": "vae", "params": defaults(LOSSES["vae"])}
    config = config_of({"training": {"loss": {"name": "beta_vae"}}}, ["training.bsched"])
    assert config["training"]["loss"]["params"]["beta_steps"] == 100_000


@pytest.mark.parametrize(
    "updates, sentence",
    [
        ({"steps": 0}, "training.steps must be a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "training.steps must be a whole number of at least 1, got 2.5"),
        ({"steps": "many"}, "training.steps must be a whole number of at least 1, got 'many'"),
        ({"epochs": 0}, "training.epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 0}, "training.batch_size must be a whole number of at least 1, got 0"),
        ({"log_every": 0}, "training.log_every must be a whole number of at least 1, got 0"),
        ({"validate_every": 0}, "training.validate_every must be a whole number"),
        ({"n_validation": 0}, "training.n_validation must be a whole number of at least 1"),
        ({"precision": "fp64"}, "precision must be one of fp32, bf16, got 'fp64'"),
    ],
)
def test_impossible_lengths_are_refused_before_a_run(updates, sentence):
    with pytest.raises(InputError, match=sentence):
        config_of({"training": updates})


def test_whole_numbers_written_as_floats_are_whole_numbers():
    config = config_of({"training": {"batch_size": 64.0, "steps": 1e2}})
    assert (config["training"]["batch_size"], config["training"]["steps"]) == (64, 100)
    assert type(config["training"]["batch_size"]) is int


def test_threads_are_at_least_one():
    with pytest.raises(InputError, match="threads must be a whole number of at least 1, got 0"):
        config_of({"threads": 0})


@pytest.mark.parametrize("validation", [0, 1.5, -0.1])
def test_something_must_be_held_out(validation):
    with pytest.raises(InputError, match=r"dataset.validation must be a fraction"):
        config_of({"dataset": {"validation": validation}})


@pytest.mark.parametrize(
    "experiment, loss",
    [(unsupervised, "mse"), (unsupervised, "cross_entropy"), (supervised, "vae")],
)
def test_a_loss_of_another_kind_of_model_is_refused(experiment, loss):
    with pytest.raises(InputError, match=f"the loss '{loss}' is for"):
        config_of({"training": {"loss": {"name": loss}}}, experiment=experiment)


@pytest.mark.parametrize(
    "target, preset, normalised",
    [("factors", "regression", True), ("factors", "classification", None), ("labels", None, None)],
)
def test_normalised_is_written_where_factors_are_regressed(target, preset, normalised):
    updates = {"target": target, "dataset": {"name": "smallnorb"}}
    presets = [f"training.{preset}"] if preset else []
    assert config_of(updates, presets, supervised)["normalised"] is normalised


@pytest.mark.parametrize("name, target", [("digits", "labels"), ("circles", "factors")])
def test_what_a_data_set_has_is_predicted_unless_said_otherwise(name, target):
    assert config_of({"dataset": {"name": name}}, experiment=supervised)["target"] == target
