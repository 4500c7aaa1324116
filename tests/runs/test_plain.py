"""Plain values: what documents hold, whatever an experiment hands over."""

from datetime import datetime
from pathlib import Path

import bson
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from replearn.runs.plain import number, plain, whole_number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (torch.tensor(2), 2),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (np.arange(3), [0, 1, 2]),
        ((1, (2, 3)), [1, [2, 3]]),
        ({"b", "a"}, ["a", "b"]),
        ({1: Path("x/y"), "$set": None}, {"1": "x/y", "@set": None}),
        (2**63, "9223372036854775808"),
        (-(2**63), -(2**63)),
        (True, True),
        ("\ud800", "?"),
        (datetime(2026, 1, 1), datetime(2026, 1, 1)),
        (np.zeros((50, 50)), "<ndarray of shape (50, 50): save it as an artifact>"),
        (torch.zeros(2000), "<Tensor of shape (2000,): save it as an artifact>"),
    ],
)
def test_values_become_plain(value, expected):
    assert plain(value) == expected and type(plain(value)) is type(expected)


def test_a_value_that_contains_itself_ends():
    endless = {}
    endless["again"] = endless
    bson.encode(plain(endless))


def test_a_value_whose_text_fails_is_named():
    class Bad:
        def __repr__(self):
            raise RuntimeError

    assert plain(Bad()) == "<Bad: RuntimeError>"


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.complex_numbers() | st.dates() | st.decimals()
)  # fmt: skip


@given(
    st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=20,
    )
)
def test_whatever_comes_can_be_stored(value):
    bson.encode({"": plain(value)})


def test_numbers_of_metrics():
    good = [1, 1.5, True, np.float32(2.5), torch.tensor(3.0), np.array([[4.0]]), torch.tensor([5])]
    assert [number(value) for value in good] == [1, 1.5, 1, 2.5, 3, 4, 5]
    bad = ["1", b"1", None, [1], torch.ones(2), np.ones(2), 10**400, 1j, {}, object()]
    assert [number(value) for value in bad] == [None] * len(bad)


def test_steps_are_whole_numbers_of_64_bits():
    good = [0, -1, 2**63 - 1, 3.0, np.int32(4), torch.tensor(5)]
    assert [whole_number(value) for value in good] == [0, -1, 2**63 - 1, 3, 4, 5]
    bad = [2**63, 0.5, float("nan"), float("inf"), "1", None, 1e30]
    assert [whole_number(value) for value in bad] == [None] * len(bad)
