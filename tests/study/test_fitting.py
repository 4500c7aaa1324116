"""What a run could not begin with is found without one: missing files, small images, no targets."""

import time

import pytest

from experiments import composition, decoding, supervised, unsupervised
from replearn.dataset import load_if_ready
from replearn.errors import InputError
from replearn.runs.resolving import Resolver
from replearn.study.fitting import FitChecker


@pytest.fixture(autouse=True)
def no_files(tmp_path, monkeypatch):
    """Nothing is in data/."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path / "none"))


def fault(*words, experiment=unsupervised, here=True):
    return FitChecker(here).fault(Resolver(experiment.ex).resolve(words))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset.cars3d"], "cars3d needs nips2015-analogy-data.tar.gz, which is in none of"),
        (["dataset.dsprites", "dataset.source=real"], "use the redrawn images with source='twin'"),
        (["dataset.digits", "dataset.size=9"], "expected size to be one of"),
        (["dataset.digits", "model.kim"], "needs images of at least"),
        (["dataset.mnist", "dataset.download=True", "model.abdi"], "got 28 x 28"),
        (["dataset.digits", "model.higgins", "dataset.n=9999"], "n=9999 is more than the 1797"),
        (["dataset.digits", "model.higgins", "training.batch_size=1700"], "batch_size"),
        (["dataset.digits", "model.higgins", "dataset.label_noise=1"], "does not predict"),
        (["dataset.digits", "model.higgins", "dataset.n=1"], "of 1 images leaves none to train on"),
    ],
)
def test_what_cannot_begin_is_said(words, sentence):
    assert sentence in (fault(*words) or "no fault")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["dataset.digits", "dataset.size=32", "target=factors"],
            "digits has no factors of variation; choose a data set that has",
        ),
        (["dataset.circles", "target=labels"], "circles has no labels; choose target=factors"),
        (["dataset.digits", "dataset.size=32", "target=label"], "target must be labels or factors"),
    ],
)
def test_targets_that_a_data_set_lacks_are_refused_at_once(words, sentence):
    with pytest.raises(InputError, match=sentence):
        fault("model.burgess", *words, experiment=supervised)


def test_a_decoder_of_factors_needs_factors():
    digits = ["dataset.digits", "dataset.size=32", "model.burgess"]
    with pytest.raises(InputError, match="digits has no factors of variation; choose a data set"):
        fault(*digits, experiment=decoding)
    assert fault("dataset.dsprites", "model.deep", experiment=decoding) is None
    assert fault("dataset.cars3d", "model.deep", experiment=decoding, here=False) is None


def test_what_can_be_had_is_no_fault_and_nothing_is_made(tmp_path):
    assert fault("dataset.dsprites", "model.kim") is None  # which would be drawn
    assert fault("dataset.mnist", "dataset.download=True", "dataset.size=32", "model.abdi") is None
    assert fault("dataset.cars3d", here=False) is None
    assert load_if_ready("dsprites") is None
    assert list(tmp_path.iterdir()) == []


def test_a_thousand_configurations_cost_one_look():
    words = ["dataset.circles", "model.burgess", "training.beta"]
    resolver, checker = Resolver(unsupervised.ex), FitChecker()
    config = resolver.resolve(words)
    assert checker.fault(config) is None
    begin = time.process_time()
    assert not any(checker.fault({**config, "seed": seed}) for seed in range(1000))
    assert time.process_time() - begin < 1


def test_an_operator_is_made_for_the_factors_that_there_are():
    words = ["model.burgess", "model.composition_op=fixint"]
    assert fault("dataset.circles", *words, experiment=composition) is None
    assert fault("dataset.dsprites", *words, experiment=composition) is None
