"""What is to be predicted: labels, factors, and the values of factors."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from replearn.dataset import DECLARATIONS, load
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError
from replearn.study.targets import factor_values, make_targets

CPU = torch.device("cpu")


@pytest.fixture
def data():
    space = FactorSpace(
        ("size", "kind", "place"),
        (3, 2, 2),
        (np.array([1, 2, 5]), np.array(["cat", "dog"]), np.array([0.25, 0.75])),
    )
    images = torch.zeros(len(space), 1, 8, 8, dtype=torch.uint8)
    return ImageDataset("toy", images, space.factors(np.arange(12)), space)


def test_values_are_centred_and_divided_by_their_range(data):
    # (v - mean) / (max - min): 1, 2, 5 have the mean 8/3 and the range 4; words count as 0 and 1.
    values = factor_values(data).numpy()
    expected = [(1 - 8 / 3) / 4, (2 - 8 / 3) / 4, (5 - 8 / 3) / 4]
    np.testing.assert_allclose(np.unique(values[:, 0]), expected, rtol=1e-6)
    assert np.unique(values[:, 1]).tolist() == np.unique(values[:, 2]).tolist() == [-0.5, 0.5]
    raw = factor_values(data, normalised=False).numpy()
    assert raw[-1].tolist() == [5, 1, 0.75] and raw.dtype == np.float32


def test_every_grid_is_centred_on_zero_with_a_range_of_one():
    space = DECLARATIONS["dsprites"].factor_space
    grid = ImageDataset("dsprites", torch.zeros(1), space.factors(np.arange(len(space))), space)
    values = factor_values(grid).double().numpy()
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-7)  # as published, posY had .0207
    np.testing.assert_allclose(np.ptp(values, axis=0), 1, atol=1e-7)


def test_a_subset_has_the_values_of_the_whole(data):
    some = np.array([7, 2, 11])
    assert torch.equal(factor_values(data.take(some)), factor_values(data)[some])


@pytest.mark.parametrize("normalised, largest", [(None, 7 / 12), (True, 7 / 12), (False, 5)])
def test_regression_of_factors_may_be_of_raw_values(data, normalised, largest):
    config = {"target": "factors", "training": {"loss": {"name": "mse"}}}
    targets = make_targets(data, config | {"normalised": normalised}, CPU)
    values = targets.of(torch.arange(12))
    assert values[:, 0].max().item() == pytest.approx(largest)
    assert targets.n_outputs == 3
    assert targets.loss_parameters == {"names": ["size", "kind", "place"]}


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"normalised": "no"}, "normalised must be True or False, got 'no'"),
        ({"normalised": False, "target": "labels"}, "of factors that are regressed; leave it out"),
        (
            {"normalised": False, "training": {"loss": {"name": "cross_entropy"}}},
            "of factors that are regressed; leave it out, or give target=factors training.regr",
        ),
    ],
)
def test_what_normalised_cannot_be(data, changes, sentence):
    config = {"target": "factors", "training": {"loss": {"name": "mse"}}} | changes
    with pytest.raises(InputError, match=sentence):
        make_targets(data, config, CPU)


def test_values_need_factors(data):
    with pytest.raises(InputError, match="toy has no factors of variation; choose a data set"):
        factor_values(replace(data, factors=None))


def test_class_numbers_are_regressed_as_before():
    digits = load("digits")
    config = {"target": "labels", "training": {"loss": {"name": "mse"}}}
    targets = make_targets(digits, config, CPU)
    values = targets.of(torch.arange(len(digits)))
    assert values.shape == (len(digits), 1) and targets.loss_parameters == {}
    np.testing.assert_allclose(values[:, 0], (digits.labels - digits.labels.mean()) / 9, atol=1e-6)
