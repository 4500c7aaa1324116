"""Images unpacked once into data/, after a look at the disk."""

import numpy as np
import pytest

from replearn.dataset.convert import arranged, converted
from replearn.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)


def test_blocks_are_read_once_and_mapped_from_then_on(home, capsys):
    array = converted("a", IMAGES.shape, iter([IMAGES[:30], IMAGES[30:]]), "unpacking a")
    np.testing.assert_array_equal(array, IMAGES)
    assert "unpacking a: 100%" in capsys.readouterr().err
    again = converted("a", IMAGES.shape, iter([]), "unpacking a")
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, IMAGES)


def test_file_that_does_not_fit_the_disk_is_not_begun(home):
    touched = []
    blocks = (touched.append(1) or IMAGES for _ in range(1))
    with pytest.raises(
        InputError,
        match=r"a-v1.npy needs 1,000,000,000 MB in .*data, where [\d,]+ MB are free; free some",
    ):
        converted("a", (10**9, 1000, 1000), blocks, "unpacking a")
    assert touched == [] and list((home / "data").iterdir()) == []


def test_rows_in_any_order_are_looked_for_room_as_well(home):
    with pytest.raises(InputError, match=r"a-v1.npy needs 2,000,000,000 MB in .*free some space"):
        arranged("a", (10**9, 1000, 1000), iter([]), np.int16)
    rows = [(np.array([49 - i]), IMAGES[i : i + 1]) for i in range(50)]
    np.testing.assert_array_equal(arranged("a", IMAGES.shape, rows), IMAGES[::-1])


def test_a_repaired_reader_converts_anew(home, monkeypatch):
    converted("a", IMAGES.shape, iter([IMAGES]), "unpacking a")
    monkeypatch.setattr("replearn.dataset.convert.READERS", 2)
    again = converted("a", IMAGES.shape, iter([255 - IMAGES]), "unpacking a")
    np.testing.assert_array_equal(again, 255 - IMAGES)


def test_source_that_ends_early_is_one_sentence_and_leaves_no_file(home):
    with pytest.raises(InputError, match=r"expected 50 images, got 30: the source is incomplete"):
        converted("a", IMAGES.shape, iter([IMAGES[:30]]), "unpacking a")
    assert not list((home / "data").glob("a-v1.npy*"))
