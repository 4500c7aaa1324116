"""The parts of a data set: for training, validation and test."""

import numpy as np
import pytest

from replearn.dataset import load
from replearn.dataset.partition import partition
from replearn.dataset.split import split_indices
from replearn.errors import InputError


def test_without_a_hold_out_the_parts_are_those_of_the_random_split():
    data = load("digits")
    parts = partition({"validation": 0.2, "split_seed": 3}, data)
    for found, expected in zip(
        (parts.training, parts.held_out), split_indices(len(data), 0.2, 3), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert (parts.test.shape, parts.test.dtype, parts.named) == ((0,), np.int64, ())


def section_of(name="circles", validation=0.2, **given):
    return {"name": name, "validation": validation, "split_seed": 3} | given


@pytest.fixture(scope="module")
def circles():
    return load("circles")


@pytest.mark.parametrize(
    "given, n_test",
    [({"condition": "r2r", "variant": "midpos"}, 576), ({"holdout": "x > 0.5 and y > 0.5"}, 1024)],
)
def test_validation_images_have_combinations_of_the_training_set(circles, given, n_test):
    parts = partition(section_of(**given), circles)
    assert len(parts.test) == n_test and parts.named == ("x", "y")
    assert len(parts.held_out) == round((4096 - n_test) * 0.2)
    together = np.concatenate([parts.training, parts.held_out, parts.test])
    assert np.array_equal(np.sort(together), np.arange(4096))
    excluded = circles.factors[parts.test]
    assert excluded.min() >= 20 and not np.intersect1d(parts.test, parts.held_out).size
    for positions in (parts.training, parts.held_out, parts.test):
        assert positions.dtype == np.int64 and (np.diff(positions) > 0).all()
    again = partition(section_of(**given), circles)
    np.testing.assert_array_equal(again.training, parts.training)
    other = partition(section_of(**given) | {"split_seed": 4}, circles)
    assert not np.array_equal(other.training, parts.training)


def test_a_part_of_a_data_set_is_split_by_the_factors_of_its_images(circles):
    few = load("circles", n=500)
    section = section_of(condition="r2r", variant="shape2px")
    parts = partition(section, few)
    whole = partition(section, circles)
    tested = few.factor_space.index(few.factors[parts.test])
    assert 0 < len(tested) < 500 and set(tested) <= set(whole.test)
    assert len(parts.training) + len(parts.held_out) + len(parts.test) == 500


def test_modifiers_leave_images_out_of_all_parts():
    data = load("twoshapes")
    parts = partition(section_of("twoshapes", condition="r2r", modifiers=["noverlap"]), data)
    assert len(parts.test) == 12 * 12 * 15**2 * 4 // 25
    assert len(parts.training) + len(parts.held_out) == 12 * 12 * 15**2 * 21 // 25
    for positions in (parts.training, parts.held_out, parts.test):
        f = data.factors[positions]
        assert np.abs(f[:, :2] - f[:, 4:6]).min() == 2


def test_modifiers_alone_exclude_nothing():
    data = load("twoshapes")
    parts = partition(section_of("twoshapes", modifiers=["noverlap"]), data)
    assert len(parts.training) + len(parts.held_out) == 12 * 12 * 15**2
    assert not len(parts.test) and parts.named == ()


@pytest.mark.parametrize(
    "name, given, sentence",
    [
        ("circles", {"holdout": "x >= 0"}, "'x >= 0' leaves no image of circles to train on; "),
        ("circles", {"holdout": "x > 1"}, "leaves no image of circles to test on"),
        ("digits", {"holdout": "x > 1"}, "digits has no factors; choose a data set that has some"),
    ],
)
def test_parts_that_would_be_empty_are_refused(name, given, sentence):
    with pytest.raises(InputError, match=sentence):
        partition(section_of(name, **given), load(name))
