"""Batches of a task: which images are held out, and in which order they come."""

import numpy as np
import pytest
import torch

from replearn.dataset import load
from replearn.dataset.split import split_indices
from replearn.study.task import make_task


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
