"""The composition task on images: which ones, in which part, and what a run says of them."""

import numpy as np
import pytest
import torch

from replearn.dataset import load
from replearn.dataset.partition import partition
from replearn.errors import InputError
from replearn.study.composition import composition_task, example_triples
from replearn.study.tasks import TASKS

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def circles():
    return load("circles")


def config(holdout="x > 0.6 and y > 0.6", **changes):
    training = {"channels_last": True, "batch_size": 32, "n_validation": 500}
    section = {"name": "circles", "validation": 0.2, "split_seed": 0, "holdout": holdout}
    return {"dataset": section, "training": training} | changes


@pytest.fixture(scope="module")
def known(circles):
    return {bytes(x.contiguous().numpy()): i for i, x in enumerate(circles.images[slice(None)])}


def found(batches, known, n=3):
    """Rows of the positions of reference, command, transformed image and of the factor."""
    rows, batches = [], iter(batches)
    for _ in range(n):
        inputs, target = next(batches)
        whole = torch.cat([inputs.images, target[:, -1:]], 1)
        assert torch.equal(inputs.images, target[:, :2])
        for images, factor in zip(whole, inputs.action.tolist(), strict=True):
            shown = (255 * images).round().byte()
            rows.append([*(known[bytes(x.contiguous().numpy())] for x in shown), factor])
    return np.array(rows)


@pytest.mark.parametrize("part", ["training", "held_out", "test"])
def test_references_and_commands_are_training_images_and_targets_those_of_the_part(
    part, circles, known
):
    asked = config()
    task = composition_task(asked, circles, CPU)
    batches = getattr(task, part)
    seen = batches.shuffled(0) if part == "training" else batches.in_order()
    rows = found(seen, known)
    parts = partition(asked["dataset"], circles)
    assert set(rows[:, :2].flat) <= set(parts.training.tolist())
    assert set(rows[:, 2]) <= set(getattr(parts, part).tolist())
    before, shown, after = (circles.factors[rows[:, k]] for k in range(3))
    changed = before != after
    assert (changed.sum(1) == 1).all() and (changed.argmax(1) == rows[:, 3]).all()
    at = np.arange(len(rows)), rows[:, 3]
    assert (shown[at] == after[at]).all() and ((shown == after).sum(1) == 1).all()


def test_batches_are_resumed_and_validations_the_same(circles, known):
    task = composition_task(config(), circles, CPU)
    first = found(task.training.shuffled(3), known, 4)
    assert (found(task.training.shuffled(3, start=2), known, 2) == first[64:]).all()
    held_out = [found(task.held_out.in_order(), known, 2) for _ in range(2)]
    assert (held_out[0] == held_out[1]).all()


def test_target_alone_and_any_command(circles):
    asked = config(command="any", reconstruct="target")
    inputs, target = next(composition_task(asked, circles, CPU).training.shuffled(0))
    assert inputs.target_only and inputs.images.shape[:2] == (32, 2)
    assert target.shape[:2] == (32, 1)


def test_a_run_says_of_how_many_images_there_are_triples(circles):
    info = {}
    asked = config()
    composition_task(asked, circles, CPU, info=info)
    parts = partition(asked["dataset"], circles)
    counts = info["triples"]
    assert info["n_factors"] == 2
    assert counts["references"] + counts["unchangeable"] == len(parts.training)
    assert counts["test_targets"] == len(parts.test) and counts["test_unreachable"] == 0
    assert counts["test_excluded_commands"] == 0
    assert 0 < counts["bytes"] < 100_000
    # An extrapolation: no training image has the value that the command would show.
    composition_task(config("x > 0.6"), circles, CPU, info=info)
    counts = info["triples"]
    assert counts["test_targets"] == counts["test_excluded_commands"] > 0


@pytest.mark.parametrize("part", ["training", "held_out", "test"])
def test_examples_for_a_figure_are_always_the_same(part, circles):
    (inputs, target), (again, _) = (
        example_triples(config(reconstruct="target"), circles, 5, part) for _ in range(2)
    )
    assert len(inputs) == len(target) == 5 and target.shape[1] == 3
    assert torch.equal(inputs.images, again.images) and torch.equal(inputs.action, again.action)
    assert torch.equal(target[:, :2], inputs.images) and not inputs.target_only


def test_weights_of_a_balanced_training_stay_with_their_images(circles):
    asked = config()
    asked["dataset"] |= {"rebalance": "x"}
    batches = composition_task(asked, circles, CPU).training
    assert len(batches.weights) == len(batches.indices)


def test_what_has_no_triples_is_refused(circles):
    with pytest.raises(InputError, match="digits has no factors of variation; choose"):
        composition_task(config(None), load("digits"), CPU)
    with pytest.raises(InputError, match="the run has no test triples: it excludes no combin"):
        example_triples(config(None), circles, 5, "test")
    alone = circles.take(circles.factor_space.index([[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]]))
    small = config(None)
    small["training"]["batch_size"] = 1
    with pytest.raises(InputError, match="no triple to train on among the 4 training images of"):
        composition_task(small, alone, CPU)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_batches_of_inputs_and_targets(name, circles):
    task = TASKS[name](config(), circles, CPU)
    for batches in (task.training, task.held_out, task.test):
        inputs, target = next(batches.in_order())
        assert len(inputs) == len(target) == 32
