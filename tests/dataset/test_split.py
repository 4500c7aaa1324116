"""The held-out images: disjoint, complete, reproducible, and a function of the seed."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.dataset.split import fractions, split_indices
from replearn.errors import InputError


@settings(deadline=None)
@given(st.integers(2, 500), st.floats(0, 0.5), st.integers(0, 2**40))
def test_parts_are_sorted_disjoint_and_complete(n, validation, seed):
    train, held_out = split_indices(n, validation, seed)
    assert train.dtype == held_out.dtype == np.int64
    assert (np.diff(train) > 0).all() and (np.diff(held_out) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(n))


def test_tenth_of_dsprites_is_held_out():
    train, held_out = split_indices(737_280)
    assert (len(train), len(held_out)) == (663_552, 73_728)
    # Uniform: the mean of 73,728 draws from 0 … 737,279 has standard deviation 744.
    assert held_out.mean() == pytest.approx(368_639.5, abs=4 * 744)


@pytest.mark.slow
def test_split_is_the_same_in_another_process_whatever_the_global_generator():
    np.random.seed(1)
    code = (
        "from replearn.dataset.split import split_indices\nprint(*split_indices(1000, 0.02, 3)[1])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == list(map(str, split_indices(1000, 0.02, 3)[1]))


def test_seed_changes_the_split():
    assert split_indices(1000, 0.1, 0)[1].tolist() != split_indices(1000, 0.1, 1)[1].tolist()


def test_nothing_or_at_least_one_image_is_held_out():
    assert len(split_indices(5, 0)[1]) == 0
    assert len(split_indices(5, 0.01)[1]) == 1


@pytest.mark.parametrize("validation", [-0.1, 1, 1.0, 3, float("nan")])
def test_fraction_out_of_range_is_refused(validation):
    with pytest.raises(InputError, match=r"expected validation in \[0, 1\), got"):
        split_indices(10, validation)


@pytest.mark.parametrize("validation", ["0.1", None, True])
def test_fraction_of_another_type_is_refused(validation):
    with pytest.raises(InputError, match=r"expected validation to be a fraction"):
        split_indices(10, validation)


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_bad_seed_is_refused(seed):
    with pytest.raises(InputError, match=r"expected the seed of the split"):
        split_indices(10, 0.1, seed)


def test_split_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match=r"validation=0.9 of 4 images leaves none to train on"):
        split_indices(4, 0.9)


@pytest.mark.parametrize(
    ("validation", "train_fraction", "held_out"),
    [(None, None, 0.1), (0.2, None, 0.2), (None, 0.8, 0.2), (0.3, 0.7, 0.3), (None, 1 / 3, 2 / 3)],
)
def test_the_fractions_have_two_spellings(validation, train_fraction, held_out):
    found = fractions(validation, train_fraction)
    assert found == pytest.approx((held_out, 1 - held_out), abs=1e-12)


def test_both_spellings_are_the_same_numbers_to_the_bit():
    for tenths in range(1, 10):
        given, left = tenths / 10, (10 - tenths) / 10
        assert fractions(given) == fractions(None, left) == (given, left)


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, "half", True])
@pytest.mark.parametrize("name", ["validation", "train_fraction"])
def test_fraction_out_of_range_is_one_sentence(name, value):
    with pytest.raises(
        InputError, match=rf"dataset.{name} must be a fraction between 0 and 1 of .* got {value!r}"
    ):
        fractions(**{name: value})


def test_fractions_that_contradict_each_other_are_one_sentence():
    with pytest.raises(
        InputError,
        match=r"dataset.validation=0.1 and dataset.train_fraction=0.8 do not sum to 1; give one",
    ):
        fractions(0.1, 0.8)
