"""Batches of a task: which images are held out, and in which order they come."""

from itertools import islice

import numpy as np
import pytest
import torch

from replearn.dataset import load
from replearn.dataset.split import split_indices
from replearn.errors import InputError
from replearn.study.probes import probe_of
from replearn.study.targets import make_targets
from replearn.study.task import as_trained, make_task

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def circles():
    return load("circles")


def task_of(data, **changes):
    training = {"channels_last": False, "batch_size": 64, "n_validation": 2048} | changes
    section = {"validation": 0.2, "split_seed": 0}
    config = {"dataset": section, "training": training}
    return make_task(config, data, torch.device("cpu"))


def test_the_held_out_images_are_those_of_the_split(circles):
    kept, held_out = split_indices(len(circles), 0.2, 0)
    task = task_of(circles)
    np.testing.assert_array_equal(np.sort(task.held_out.indices), held_out)
    np.testing.assert_array_equal(np.sort(task.training.indices), kept)
    few = task_of(circles, n_validation=100).held_out.indices
    assert len(set(few)) == 100 and set(few) <= set(held_out)


def test_every_held_out_batch_is_a_sample_of_all(circles):
    # Positions x are uniform on 0 … 63, of standard deviation 18.5: the mean of 64 has 2.3. In the
    # order of the images, the first batch has x < 5 alone.
    indices = task_of(circles).held_out.indices
    for batch in np.split(indices[: 64 * 12], 12):
        assert circles.factors[batch, 0].mean() == pytest.approx(31.5, abs=4.5 * 2.3)


def test_the_order_is_always_the_same(circles):
    first, again = (task_of(circles, batch_size=size).held_out.indices for size in (64, 32))
    np.testing.assert_array_equal(first, again)


def test_only_what_is_trained_on_is_altered():
    data = load("digits")
    section = {"validation": 0.2, "split_seed": 0, "label_noise": 1, "shortcut": 1, "noise_seed": 4}
    training = {"channels_last": False, "batch_size": 64, "n_validation": 2048}
    config = {"dataset": section, "training": training | {"loss": {"name": "cross_entropy"}}}
    config["target"] = "labels"
    seen = as_trained(config, data)
    task = make_task(config, seen, torch.device("cpu"), make_targets(seen, config, "cpu").of)
    x, labels = next(task.training.shuffled(0))
    assert (x == 1).flatten(1).any(1).all()
    for batches, share in ((task.training, 0.1), (task.held_out, 1)):
        indices = batches.indices
        labels = torch.cat([y for _, y in batches.in_order()]).numpy()
        assert (labels == data.labels[indices]).mean() == pytest.approx(share, abs=0.04)
    # What it is probed with is what it is validated with.
    probe = probe_of(section, data, 10)
    assert probe.marked and set(probe.indices) <= set(task.held_out.indices)
    assert torch.equal(probe.first(10), seen.batch(probe.indices))
    assert not probe_of({**section, "shortcut": None}, data, 10).marked


def test_excluded_combinations_are_a_part_of_their_own_and_values_are_drawn_alike():
    data = load("simple")
    # The left 12 of 64 columns of circles stay: 768 images, beside 4,096 squares.
    excluded = "shape == 'circle' and x > 0.25"
    section = {"name": "simple", "validation": 0.2, "split_seed": 0, "holdout": excluded}
    training = {"channels_last": False, "batch_size": 128, "n_validation": 500}
    config = {"dataset": section | {"rebalance": "shape"}, "training": training}
    task = make_task(config, data, CPU, lambda index: index)
    for part in (task.training, task.held_out, task.test):
        of = data.factors[part.indices]
        tested = (of[:, 2] == 1) & (of[:, 0] > 11)
        assert tested.all() if part is task.test else not tested.any()
    assert len(task.test.indices) == len(task.held_out.indices) == 500
    # Of 52 excluded columns, each equally often.
    columns = np.bincount(data.factors[task.test.indices, 0])[12:]
    assert set(columns) == {9, 10}
    steps = islice(task.training.shuffled(5), 20)
    drawn = torch.cat([index for _, index in steps]).numpy()
    assert set(drawn) <= set(task.training.indices)
    # Half of the draws, with a tolerance of four of their standard deviations.
    assert data.factors[drawn, 2].mean() == pytest.approx(0.5, abs=4 * 0.5 / len(drawn) ** 0.5)
    resumed = next(task.training.shuffled(5, start=7))[1]
    assert resumed.tolist() == drawn[7 * 128 : 8 * 128].tolist()


def test_a_probe_of_excluded_combinations(circles):
    section = {"name": "circles", "validation": 0.2, "split_seed": 0}
    with pytest.raises(InputError, match="this run excluded no combinations of factors; choose"):
        probe_of(section, circles, 10, part="test")
    section |= {"condition": "r2r", "variant": "shape2px"}
    assert probe_of(section, circles, 64, part="test").factors.min() == 32
    for part in ("training", "held_out"):
        probe = probe_of(section, circles, 64, part=part)
        assert (probe.factors < 32).any(axis=1).all()


def test_labels_that_nobody_predicts_are_not_replaced():
    config = {"dataset": {"validation": 0.2, "split_seed": 0, "label_noise": 0.5}}
    for others in ({}, {"target": "factors"}):
        with pytest.raises(InputError, match="labels, which this run does not predict; leave it"):
            as_trained(config | others, load("digits"))
