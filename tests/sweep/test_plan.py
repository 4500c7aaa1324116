"""Plans: checked configurations, each once."""

import re
import time

import pytest

from experiments import unsupervised
from replearn.errors import InputError
from replearn.runs.commandline import make_run
from replearn.runs.config import config_hash, group_hash
from replearn.runs.resolving import parse_words
from replearn.sweep.grid import expand
from replearn.sweep.plan import check_points, labels, make_plan


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


MIXED = [
    ["dataset.digits,dsprites", "model.burgess,kim", "seed=0,1,7", "noise_seed=None,3"],
    ["fast", "training.beta,factor", "training.loss.params={'gamma':6},{}", "seed=5,6.0"],
    ["training.loss.name=beta_vae,factor_vae", "training.steps=1e2,None", "init_seed=2,3"],
    ["training.optimizer.params.lr=1e-3,0.01", "tags=[a,'b c'],[d]", "threads=1,2", "seed=0,1"],
]  # fmt: skip


@pytest.mark.parametrize("words", MIXED)
def test_a_point_is_resolved_as_if_it_were_the_only_one(words):
    def alone(point):
        run = make_run(unsupervised.ex, None, *parse_words(point)).config
        return dict(run), config_hash(run), group_hash(run)

    together = {}
    for point in expand(words):
        try:
            together[tuple(point)] = alone(point)
        except InputError as error:
            with pytest.raises(InputError, match=re.escape(str(error))):
                make_plan(unsupervised.ex, [point])
    assert together
    plan = make_plan(unsupervised.ex, together)
    found = {tuple(p.words): (p.config, p.config_hash, p.group_hash) for p in plan}
    assert found == {words: together[words] for words in found}
    assert {key for _, key, _ in together.values()} == {p.config_hash for p in plan}


@pytest.mark.slow
def test_a_thousand_points_are_planned_in_seconds():
    words = ["model.kim,burgess", "training.beta", "dataset.digits,dsprites", "seed=0,1,2,3,4"]
    grid = expand([*words, f"training.loss.params.beta={','.join(map(str, range(1, 51)))}"])
    begin = time.process_time()
    assert len(make_plan(unsupervised.ex, grid)) == 1000
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset.digits,dsprite"], "unknown preset 'dataset.dsprite'; did you mean"),
        (["sed=0,1"], "unknown config key 'sed'; did you mean 'seed'"),
        (["training.loss.name=vae,beta_va"], "unknown loss 'beta_va'; did you mean 'beta_vae'"),
        (["training.beta", "training.loss.params.bta=1,2"], "no parameter 'bta'; did you mean 'be"),
        (["training.steps=10,0"], "training.steps must be a whole number of at least 1, got 0"),
        (["seed=0,-1"], "seed must be a whole number from 0 to 2"),
        (["init_seed=x,y"], "init_seed must be a whole number from 0 to 2"),
        (["seed=0,None"], "'seed=None' draws another seed each time, so no point would ever be"),
        (["device=gpu,cpu"], "device must be auto, cpu or cuda, got 'gpu'"),
        (["seed=0,1", "init_seed=3,4", "modl.kim"], "unknown preset 'modl.kim'; did you mean 'mo"),
        (["resume=3,4"], "'resume=3' is of one run, and a sweep resumes its interrupted runs"),
    ],
)
def test_a_typo_in_any_value_is_refused(words, sentence):
    with pytest.raises(InputError, match=sentence):
        plan(*words)


def test_images_that_a_model_does_not_take_are_said_once_for_all_points():
    words = ["dataset.digits", "dataset.size=8,32", "model.burgess,higgins", "seed=0,1,2"]
    sentence = (
        r"^architecture 'burgess' needs images of at least 16 x 16 pixels, got 8 x 8; choose .* "
        r"\(3 of 12 points, such as dataset.digits dataset.size=8 model.burgess seed=0\)$"
    )
    with pytest.raises(InputError, match=sentence):
        check_points(plan(*words))
    check_points(plan(words[0], "dataset.size=32", *words[2:]))


def test_all_reasons_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    points = plan("dataset.cars3d,celeba,digits", "model.burgess", "seed=0,1")
    get = "get it with `python -m dataset get cars3d`"
    counted = r"\(2 of 6 points, such as .*; 4 more cannot run for other reasons\)"
    with pytest.raises(InputError, match=f"^cars3d needs .*{get}.* {counted}"):
        check_points(points)
    with pytest.raises(InputError, match="architecture 'burgess' needs"):  # of digits of 8 x 8
        check_points(points, here=False)


def test_labels_are_what_differs():
    words = expand(["dataset.digits", "model.kim,burgess", "seed=0,1"])
    found = labels(dict(zip("abcd", words, strict=True)))
    assert found["a"] == "model.kim seed=0" and found["d"] == "model.burgess seed=1"
    assert labels({"a": words[0]}) == {"a": "dataset.digits model.kim seed=0"}
    assert labels({}) == {}
