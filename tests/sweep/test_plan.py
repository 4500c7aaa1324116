"""Plans: checked configurations, each once."""

import pytest

from experiments import unsupervised
from replearn.errors import InputError
from replearn.runs.commandline import make_run
from replearn.runs.config import config_hash, group_hash
from replearn.sweep.grid import expand
from replearn.sweep.plan import labels, make_plan


def plan(*words):
    return make_plan(unsupervised.ex, expand(words))


def test_points_have_the_hashes_that_their_runs_will_have():
    points = plan("dataset.digits", "model.burgess", "training.steps=2", "seed=0,1")
    updates = {"training": {"steps": 2}, "seed": 1}
    run = make_run(unsupervised.ex, None, updates, ["dataset.digits", "model.burgess"])
    assert points[1].words == ["dataset.digits", "model.burgess", "training.steps=2", "seed=1"]
    assert points[1].config_hash == config_hash(run.config)
    assert {point.group_hash for point in points} == {group_hash(run.config)}


def test_two_spellings_are_one_point():
    words = ["training.beta", "training.loss.params.beta=4,4.0,2", "device=cpu,auto"]
    points = plan(*words)
    assert [point.words[1] for point in points] == [
        "training.loss.params.beta=4",
        "training.loss.params.beta=2",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset.digits,dsprite"], "unknown preset 'dataset.dsprite'; did you mean"),
        (["sed=0,1"], "unknown config key 'sed'; did you mean 'seed'"),
        (["training.loss.name=vae,beta_va"], "unknown loss 'beta_va'; did you mean 'beta_vae'"),
        (["training.beta", "training.loss.params.bta=1,2"], "no parameter 'bta'; did you mean 'be"),
        (["training.steps=10,0"], "training.steps must be a whole number of at least 1, got 0"),
        (["resume=3,4"], "'resume=3' is of one run, and a sweep resumes its interrupted runs"),
    ],
)
def test_a_typo_in_any_value_is_refused(words, sentence):
    with pytest.raises(InputError, match=sentence):
        plan(*words)


def test_labels_are_what_differs():
    words = expand(["dataset.digits", "model.kim,burgess", "seed=0,1"])
    found = labels(dict(zip("abcd", words, strict=True)))
    assert found["a"] == "model.kim seed=0" and found["d"] == "model.burgess seed=1"
    assert labels({"a": words[0]}) == {"a": "dataset.digits model.kim seed=0"}
    assert labels({}) == {}
