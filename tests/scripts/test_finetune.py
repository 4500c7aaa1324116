"""experiments.finetune end to end: what is frozen, what is drawn anew, what is taken over."""

import pytest
from safetensors.torch import load

from experiments import composition, finetune, supervised, unsupervised
from replearn.runs.commandline import run_commandline
from replearn.runs.config import config_hash
from replearn.runs.query import find_runs, load_run
from replearn.runs.resolving import Resolver
from replearn.training.checkpoints import weights_name

SMALL = [
    "dataset.circles", "model.kim_bn", "training.batch_size=8", "training.steps=3",
    "training.n_validation=16", "progress=False",
]  # fmt: skip


@pytest.fixture
def command(database, tmp_path, monkeypatch):
    """Run an experiment as from the command line; returns (exit code, newest run)."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(experiment, *updates):
        code = run_commandline(experiment.ex, ["X", "with", "progress=False", *updates])
        newest = database.runs.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return code, None if newest is None else load_run(newest["_id"], database)

    return run


def weights(run, step=3):
    return load(run.read(weights_name(step)))


@pytest.mark.slow
@pytest.mark.parametrize("freeze", ["encoder", "decoder"])
def test_one_half_stays_to_the_bit_and_the_other_is_drawn_anew_and_trained(command, freeze):
    words = ["training.factor", "model.composition_op=interp", "model.latent_size=4"]
    _, source = command(composition, *words, *SMALL, "reconstruct=target")
    code, run = command(finetune, f"source={source.id}", f"freeze={freeze}", "seed=5")
    assert code == 0
    before, start, end = weights(source), weights(run, 0), weights(run)
    trained = {"encoder": "decoder", "decoder": "encoder"}[freeze]
    for name, value in before.items():
        same = [bool((each[name] == value).all()) for each in (start, end)]
        if not name.startswith(trained):
            assert same == [True, True], name
        # Weights of normalisations are ones at every start, and their counts those of steps.
        elif value.ndim > 1:
            assert same == [False, False], name
            assert (start[name] != end[name]).any(), name
    statistics = [name for name in before if name.startswith(freeze) and "running" in name]
    assert statistics
    assert run.info["source_runs"] == [source.id] and run.info["n_factors"] == 2
    for section in ("dataset", "model"):
        assert run.config[section] == source.config[section]
    assert run.config["training"]["loss"] == source.config["training"]["loss"]
    assert run.config["task"] == "composition" and run.config["reconstruct"] == "target"
    assert run.result["transformed_reconstruction"] == pytest.approx(run.result["reconstruction"])
    assert run.model().operator is not None


@pytest.mark.slow
def test_an_unsupervised_run_is_finetuned_with_other_settings_and_found_by_them(
    command, database, capsys
):
    _, source = command(unsupervised, "training.beta", *SMALL)
    rate = ["training.optimizer.name=sgd", "training.optimizer.params.lr=1e-7"]
    words = [*rate, "training.steps=2", "fast", "training.step_lr"]
    code, run = command(finetune, f"source={source.id}", *words)
    assert code == 0
    training = run.config["training"]
    assert training["steps"] == 2 and training["log_every"] == 5 and training["batch_size"] == 8
    assert training["optimizer"]["name"] == "sgd" and training["scheduler"]["name"] == "step"
    assert training["loss"]["params"]["beta"] == 4
    assert run.config["task"] == "reconstruction"
    assert find_runs({"experiment": "finetune", "model.encoder": "kim_bn"}, database).ids == [
        run.id
    ]
    planned = Resolver(finetune.ex).resolve([f"source={source.id}", *words])
    assert config_hash(planned) == run.identity["config_hash"]
    code, again = command(finetune, f"source={run.id}", "freeze=decoder", "training.steps=1")
    assert code == 0 and again.config["task"] == "reconstruction"
    for words, sentence in [
        (["dataset.validation=0.2"], "takes data, model and objective from run 1, so 'dataset.val"),
        (["model.kim"], "so 'model.kim' cannot be set"),
        (["training.factor"], "so 'training.factor' cannot be set"),
        (["freeze=operator"], "freeze must be encoder or decoder, got 'operator'"),
    ]:
        code, newest = command(finetune, f"source={source.id}", *words)
        assert code == 1 and newest.id == again.id
        assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_finetuned_is_refused_before_there_is_a_run(command, capsys):
    words = ["dataset.circles", "fast", "target=factors", "training.regression", "model.kim"]
    code, other = command(supervised, *words, "training.steps=1")
    assert code == 0
    for words, sentence in [
        ([], "source must be the id of a finished run to finetune, got None"),
        (["source=99"], "has no run 99"),
        ([f"source={other.id}"], "is one of supervised with the status COMPLETED; expected a"),
    ]:
        code, newest = command(finetune, *words)
        assert code == 1 and newest.id == other.id
        assert sentence in capsys.readouterr().err
