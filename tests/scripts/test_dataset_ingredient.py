"""The `dataset` section of a resolved configuration: subsets and the two spellings of the split."""

import pytest

from experiments import supervised, unsupervised
from replearn.errors import InputError
from replearn.runs.commandline import make_run
from replearn.runs.config import config_hash, what_images
from replearn.runs.query import load_run
from replearn.runs.rebuild import make_dataset
from replearn.study.comparison import _data
from replearn.study.fitting import FitChecker


def config_of(section, experiment=unsupervised):
    return make_run(experiment.ex, None, {"dataset": section}, ()).config


def test_subset_options_are_filled_in_where_they_fit():
    section = config_of({"name": "circles"})["dataset"]
    assert (section["n"], section["subset_seed"], section["classes"]) == (None, None, None)
    section = config_of({"name": "circles", "n": 20})["dataset"]
    assert (section["n"], section["subset_seed"]) == (20, 0)
    section = config_of({"name": "digits", "classes": [3, "5"], "per_class": 20})["dataset"]
    data = make_dataset(section)
    assert (len(data), data.class_names) == (40, ("3", "5"))


# The whole section as experiments.unsupervised stored it before data sets had subsets.
OLDER = {
    "download": False, "name": "dsprites", "size": None, "source": "auto", "split": None,
    "split_seed": 0, "validation": 0.1,
}  # fmt: skip


def test_options_that_are_new_change_no_hash_of_older_configurations(store_run, database):
    newer = config_of({"name": "dsprites", "subset_seed": 7})["dataset"]
    assert newer["train_fraction"] == 0.9
    assert config_hash({"dataset": newer}) == config_hash({"dataset": OLDER})
    assert what_images(newer) == {
        "name": "dsprites", "source": "auto", "split_seed": 0, "validation": 0.1,
    }  # fmt: skip
    runs = [load_run(store_run({"dataset": each}), database) for each in (OLDER, newer)]
    assert _data(runs[0]) == _data(runs[1])
    chosen = config_of({"name": "dsprites", "n": 10})["dataset"]
    assert config_hash({"dataset": chosen}) != config_hash({"dataset": OLDER})


def test_classes_by_number_in_text_are_those_numbers():
    spelt = [config_of({"name": "digits", "classes": classes}) for classes in ([0, 3], ["0", "3"])]
    assert config_hash(spelt[0]) == config_hash(spelt[1])
    assert config_hash(spelt[0]) != config_hash(config_of({"name": "digits", "classes": [3, 0]}))


def test_images_that_are_drawn_more_often_are_the_same_images(store_run, database):
    section = config_of({"name": "circles"})["dataset"]
    sections = [section, section | {"rebalance": "x"}, section | {"holdout": "x > 0.5"}]
    runs = [load_run(store_run({"dataset": each}), database) for each in sections]
    assert _data(runs[0]) == _data(runs[1]) != _data(runs[2])
    assert len({config_hash({"dataset": each}) for each in sections}) == 3


def test_seeds_of_nothing_change_no_hash():
    plain = config_of({"name": "digits"}, supervised)
    assert plain["dataset"]["noise_seed"] is None
    other = config_of({"name": "digits", "noise_seed": 3}, supervised)
    assert config_hash(plain) == config_hash(other)
    noisy = {"name": "digits", "label_noise": 0.5}
    seeds = [{}, {"noise_seed": 0}, {"noise_seed": 1}]
    hashes = [config_hash(config_of(noisy | seed, supervised)) for seed in seeds]
    assert hashes[0] == hashes[1] != hashes[2] and config_hash(plain) not in hashes


def test_a_hold_out_has_one_spelling():
    plain = config_of({"name": "mpi3d_like"})
    keys = ("condition", "variant", "modifiers", "holdout", "rebalance")
    assert [plain["dataset"][key] for key in keys] == [None] * 5
    first = {"name": "mpi3d_like", "condition": "r2e", "modifiers": ["even_vx", "four_shapes"]}
    second = first | {"variant": "leave1out", "modifiers": ["four_shapes", "even_vx"]}
    hashes = {config_hash(config_of(each)) for each in (first, second)}
    assert len(hashes) == 1 and config_hash(plain) not in hashes
    assert config_of(first)["dataset"]["variant"] == "leave1out"
    one = [config_of(first | {"modifiers": names}) for names in (["even_vx"], ["even_vx"] * 2)]
    assert config_hash(one[0]) == config_hash(one[1]) not in hashes


def test_a_hold_out_without_an_image_in_a_subset_is_found_before_a_run():
    config = config_of({"name": "circles", "n": 20, "holdout": "x.index == 0 and y.index == 0"})
    assert FitChecker().fault(config) == (
        "dataset.holdout='x.index == 0 and y.index == 0' leaves no image of circles to test on; "
        "exclude other combinations"
    )


def test_the_factors_of_a_file_of_ones_own_are_not_known_before_it_is_read():
    section = {"name": "twoshapes", "source": "auto", "holdout": "hue_1 > 0.5"}
    found = config_of(section | {"rebalance": "hue_2"})["dataset"]
    assert (found["holdout"], found["rebalance"]) == ("hue_1 > 0.5", "hue_2")
    with pytest.raises(InputError, match="names 'hue_1', which is no factor"):
        config_of(section | {"source": "twin"})


def test_train_fraction_is_another_spelling_of_validation():
    plain, other = config_of({"validation": 0.2}), config_of({"train_fraction": 0.8})
    assert other["dataset"]["validation"] == 0.2
    assert plain["dataset"] == other["dataset"]
    assert config_hash(plain) == config_hash(other)
    section = config_of({})["dataset"]
    assert (section["validation"], section["train_fraction"]) == (0.1, 0.9)


@pytest.mark.parametrize(
    "section, sentence",
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"name": "digits", "classes": "3"}, "classes must be a list of class names or numbers"),
        ({"per_class": 5}, "data set 'dsprites' takes no parameter 'per_class'"),
        ({"train_fraction": 1.5}, "dataset.train_fraction must be a fraction between 0 and 1"),
        ({"train_fraction": 0.8, "validation": 0.1}, "do not sum to 1; give one of them"),
        (
            {"label_noise": 0.5},
            "dataset.label_noise is for data with class labels; dsprites has no",
        ),
        ({"name": "digits", "shortcut": 2}, "dataset.shortcut must be a share from 0 to 1 of the"),
        ({"validation": "much"}, "dataset.validation must be a number, got 'much'"),
        ({"condition": "r2e", "variant": "sqr2tx"}, "it is one of dataset.condition=r2r"),
        ({"holdout": "posx > 0.5"}, "dataset.holdout names 'posx', which is no factor; did you"),
        ({"holdout": "posX > 2"}, "dataset.holdout='posX > 2' leaves no image of dsprites to test"),
        ({"name": "mnist", "holdout": "posX > 1"}, "of factors, and mnist has no factors; choose"),
        ({"rebalance": "shapes"}, "dataset.rebalance='shapes' is no factor of dsprites; did you"),
    ],
)
def test_what_cannot_be_is_refused_before_a_run(section, sentence):
    with pytest.raises(InputError, match=sentence):
        config_of(section)


def test_a_subset_is_trained_on_and_its_classes_are_predicted(tmp_path):
    section = {"name": "digits", "size": 32, "classes": [8, 1], "per_class": 50}
    config = config_of(section | {"train_fraction": 0.8}, supervised)
    from torch import device

    from replearn.study.targets import make_targets
    from replearn.study.task import make_task

    data = make_dataset(config["dataset"])
    config["training"] |= {"batch_size": 10}
    task = make_task(config, data, device("cpu"))
    assert (len(task.training.indices), len(task.held_out.indices)) == (80, 20)
    config["target"] = "labels"
    assert make_targets(data, config, device("cpu")).n_outputs == 2
    # One image has one label, but the predictor still tells both classes apart.
    one = make_dataset(config["dataset"] | {"n": 1})
    assert make_targets(one, config, device("cpu")).n_outputs == 2
