"""Values that no run can have: one sentence before data are loaded and a run document exists."""

import pytest

from experiments import supervised, unsupervised
from replearn.runs.commandline import run_commandline

LOSS, OPTIMIZER, SCHEDULER = (f"training.{k}.params" for k in ("loss", "optimizer", "scheduler"))
ANNEALED, FACTOR = "training.loss.name=annealed_vae", "training.loss.name=factor_vae"
STEP, SMOOTH = "training.scheduler.name=step", "training.scheduler.name=exponential"
BEFORE_A_RUN = {
    "seeed=1": "unknown config key 'seeed'",
    "seed=-1": "seed must be a whole number from 0 to 2**63 - 1, got -1",
    "init_seed=x": "init_seed must be a whole number from 0 to 2**63 - 1, got 'x'",
    "noise_seed=True": "noise_seed must be a whole number from 0 to 2**63 - 1, got True",
    f"order_seed={2**63}": "order_seed must be a whole number from 0 to 2**63 - 1, got 9223372",
    "device=gpu": "device must be auto, cpu or cuda, got 'gpu'",
    "model.kin": "unknown preset 'model.kin'",
    "dataset.name=dsprits": "unknown data set 'dsprits'",
    "dataset.subset_seed=x": "subset_seed must be a whole number of at least 0, got 'x'",
    "model.name=vea": "unknown model 'vea'",
    "model.name=predictor": "one of kind predictor; this experiment trains one of kind auto-enc",
    "model.encoder=kin": "unknown encoder 'kin'; did you mean 'kim",
    "model.decoder=abdi_supervised": "unknown decoder 'abdi_supervised'",
    "model.latent_size=0": "model.latent_size must be a whole number of at least 1, got 0",
    "training=None": "training must be a dictionary, got None; set training.KEY=VALUE",
    "training.loss=None": "training.loss must be a dictionary, got None",
    "training.batch_size=None": "training.batch_size must be a whole number of at least 1, got N",
    f"{LOSS}.bta=10": "takes no parameter 'bta'",
    f"{LOSS}=5": f"{LOSS} must be a dictionary, got 5; set {LOSS}.KEY=VALUE",
    f"{LOSS}.beta=high": f"{LOSS}.beta must be a number, got 'high'",
    f"{LOSS}.beta=-1": f"{LOSS}.beta must be a number of at least 0, got -1",
    f"{LOSS}.likelihood=foo": "unknown likelihood 'foo'",
    f"{ANNEALED} {LOSS}.gamma=-1": f"{LOSS}.gamma must be a number of at least 0, got -1",
    f"{FACTOR} training.batch_size=3": "training.batch_size must be at least 4, got 3",
    "training.loss.name=wae_mmd training.batch_size=1": "batch_size must be at least 2, got 1",
    f"{OPTIMIZER}.lr=-1": f"{OPTIMIZER}.lr must be a number of at least 0, got -1",
    f"{OPTIMIZER}.parameters=3": "takes no parameter 'parameters'; choose from betas, eps, fused",
    f"{OPTIMIZER}.fused=maybe": f"{OPTIMIZER}.fused must be True, False or None, got 'maybe'",
    f"{OPTIMIZER}.betas=3": f"{OPTIMIZER}.betas must be two numbers, each at least 0 and less th",
    f"{SCHEDULER}=5": f"{SCHEDULER} must be a dictionary, got 5",
    f"{SCHEDULER}=None": f"{SCHEDULER} must be a dictionary, got None",
    f"{STEP} {SCHEDULER}.factor=2": f"{SCHEDULER}.factor must be at most 1, got 2",
    f"{SMOOTH} {SCHEDULER}.factor=1.5": f"{SCHEDULER}.factor must be at most 1, got 1.5",
}


@pytest.mark.parametrize("updates", BEFORE_A_RUN)
def test_values_are_checked_before_data_are_loaded_and_a_run_exists(
    database, capsys, monkeypatch, tmp_path, updates
):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))  # nothing to load, and nothing is drawn
    code = run_commandline(unsupervised.ex, ["X", "with", "fast", *updates.split()])
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().err
    assert code == 1 and "Traceback" not in said
    assert said.startswith("error: ") and said.count("\n") == 1
    assert BEFORE_A_RUN[updates] in said
    assert database.runs.count_documents({}) == 0


@pytest.mark.parametrize(
    ("updates", "sentence"),
    [
        (
            "model.name=vae",
            "the model 'vae' is one of kind auto-encoder; this experiment trains o",
        ),
        (f"{LOSS}.sizes=[3]", "loss 'cross_entropy' takes no parameter 'sizes'"),
        ("dataset.circles target=labels", "circles has no labels; choose target=factors"),
        ("dataset.digits target=factors", "digits has no factors of variation; choose a data set"),
        ("target=label", "target must be labels or factors, got 'label'"),
        (f"{LOSS}.names=[a]", "loss 'cross_entropy' takes no parameter 'names'"),
    ],
)
def test_what_a_predictor_does_not_take_is_refused_before_a_run(
    database, capsys, updates, sentence
):
    assert run_commandline(supervised.ex, ["X", "with", "fast", *updates.split()]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and sentence in said
    assert database.runs.count_documents({}) == 0
