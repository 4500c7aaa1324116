"""IDX files, written byte by byte, read back, and refused when they are damaged."""

import gzip
import struct

import numpy as np
import pytest

from replearn.dataset.idx import read_idx
from replearn.errors import InputError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
HEADER = b"\0\0\x08\x03" + struct.pack(">III", 2, 3, 4)
FILE = HEADER + IMAGES.tobytes()


@pytest.mark.parametrize("packed", [True, False])
def test_images_are_read_back(tmp_path, packed):
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(FILE) if packed else FILE)
    images = read_idx(path)
    np.testing.assert_array_equal(images, IMAGES)
    assert images.dtype == np.uint8
    assert images.flags.writeable


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not an IDX file"),
        (b"\x89PNG....", "is not an IDX file"),
        (FILE[:7], "is cut short in its header"),
        (FILE[:-1], r"its header \(2, 3, 4\) needs 40 bytes, it has 39"),
        (FILE + b"\0", r"its header \(2, 3, 4\) needs 40 bytes, it has 41"),
        (HEADER[:4] + b"\xff" * 12, r"needs \d+ bytes, it has 16"),
        (b"\0\0\x0d" + FILE[3:], r"holds IDX type 13, where 8 \(unsigned byte\) is expected"),
    ],
)
def test_damaged_file_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_idx(path)


def test_truncated_gz_is_one_sentence(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(FILE)[:-9])
    with pytest.raises(InputError, match=r"images.gz is damaged \(it does not unpack\); get it"):
        read_idx(path)
