"""Images that come in any order are written in the order of their factors."""

import io

import numpy as np
import pytest

from replearn.dataset.grid import grid_positions, write_rows
from replearn.dataset.images import FactorSpace
from replearn.errors import InputError

SPACE = FactorSpace(("a", "b"), (2, 3))
TABLE = np.array([[1, 2], [0, 0], [0, 1], [1, 0], [0, 2], [1, 1]])


def test_positions_count_the_last_factor_fastest():
    assert grid_positions(TABLE, SPACE, "x").tolist() == [5, 0, 1, 3, 2, 4]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t[:5], r"each of 6 combinations once, 1 are missing and 0 come more than once"),
        (lambda t: t[[0, 1, 2, 3, 4, 0]], r"6 combinations once, 1 are missing and 1 come more"),
        (lambda t: t[:, :1], r"expected 2 columns, got an array \(6, 1\)"),
        (lambda t: t + [0, 1], r"expected b in 0\.\.2, got 1\.\.3"),
        (lambda t: t - [1, 0], r"expected a in 0\.\.1, got -1\.\.0"),
    ],
)
def test_a_table_that_is_no_grid_is_refused(change, sentence):
    with pytest.raises(
        InputError, match=rf"file\.x has a factor table that does not fit the images: .*{sentence}"
    ):
        grid_positions(change(TABLE), SPACE, "file.x")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_rows_are_written_where_they_belong(dtype):
    images = np.arange(12, dtype=dtype).reshape(6, 2)
    order = np.array([3, 0, 5, 1, 4, 2])
    file = io.BytesIO()
    write_rows(
        file, (6, 2), [(order[:4], images[order[:4]]), (order[4:], images[order[4:]])], dtype
    )
    file.seek(0)
    written = np.load(file)
    assert written.dtype == dtype
    np.testing.assert_array_equal(written, images)


def test_rows_that_are_missing_or_of_another_kind_are_refused():
    images = np.zeros((2, 4), np.uint8)
    with pytest.raises(InputError, match=r"expected 3 images, got 2: the source is incomplete"):
        write_rows(io.BytesIO(), (3, 4), [(np.array([0, 2]), images)])
    with pytest.raises(InputError, match=r"expected images int16 \(4,\), got uint8 \(4,\)"):
        write_rows(io.BytesIO(), (2, 4), [(np.array([0, 1]), images)], np.int16)
