"""Images unpacked once into data/, after a look at the disk."""

import numpy as np
import pytest

from replearn.dataset.convert import converted
from replearn.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)


def test_blocks_are_read_once_and_mapped_from_then_on(home, capsys):
    array = converted("a.npy", IMAGES.shape, iter([IMAGES[:30], IMAGES[30:]]), "unpacking a")
    np.testing.assert_array_equal(array, IMAGES)
    assert "unpacking a: 100%" in capsys.readouterr().err
    again = converted("a.npy", IMAGES.shape, iter([]), "unpacking a")
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, IMAGES)


def test_file_that_does_not_fit_the_disk_is_not_begun(home):
    touched = []
    blocks = (touched.append(1) or IMAGES for _ in range(1))
    with pytest.raises(
        InputError,
        match=r"a.npy needs 1000000.0 GB in .*data, where [\d.]+ GB are free; free some space or",
    ):
        converted("a.npy", (10**9, 1000, 1000), blocks, "unpacking a")
    assert touched == [] and not (home / "data" / "a.npy").exists()


def test_source_that_ends_early_is_one_sentence_and_leaves_no_file(home):
    with pytest.raises(InputError, match=r"expected 50 images, got 30: the source is incomplete"):
        converted("a.npy", IMAGES.shape, iter([IMAGES[:30]]), "unpacking a")
    assert not list((home / "data").glob("a.npy*"))
