"""smallNORB's binary matrices: bytes as the format's page describes them, and damaged ones."""

import gzip
import struct

import numpy as np
import pytest

from replearn.dataset.norb_format import matrix_blocks, read_matrix
from replearn.errors import InputError

# An int32 vector of 2 numbers has one axis, but the header always has three lengths.
VECTOR = bytes.fromhex("544c3d1e 01000000 02000000 01000000 01000000 07000000 ffffffff")
BYTES = struct.pack("<2i4i", 0x1E3D4C55, 4, 3, 2, 1, 2) + bytes(range(0, 240, 20))


@pytest.mark.parametrize("packed", [False, True])
def test_matrices_are_read(tmp_path, packed):
    path = tmp_path / ("v.mat.gz" if packed else "v.mat")
    path.write_bytes(gzip.compress(VECTOR) if packed else VECTOR)
    assert read_matrix(path, np.int32, ()).tolist() == [7, -1]


def test_matrices_come_in_blocks(tmp_path):
    path = tmp_path / "b.mat"
    path.write_bytes(BYTES)
    blocks = list(matrix_blocks(path, np.uint8, (2, 1, 2), rows=2))
    assert [block.shape for block in blocks] == [(2, 2, 1, 2), (1, 2, 1, 2)]
    assert np.concatenate(blocks).ravel().tolist() == list(range(0, 240, 20))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is cut short; get it again"),
        (BYTES[:9], r"is cut short"),
        (BYTES[:-1], r"is cut short"),
        (BYTES + b"\0", r"is damaged: it goes on behind its matrix \(3, 2, 1, 2\)"),
        (b"\x89PNG" + BYTES[4:], r"is not a matrix in smallNORB's format"),
        (BYTES[:4] + struct.pack("<i", 99) + BYTES[8:], r"is not a matrix in smallNORB's format"),
        (
            VECTOR,
            r"holds int32 \(2,\) where uint8 \(N, 2, 1, 2\) is expected; is it another file of "
            r"smallNORB under this name\?",
        ),
        (BYTES[:8] + struct.pack("<4i", -1, 2, 1, 2), r"holds uint8 \(-1, 2, 1, 2\) where"),
        # A length that memory could not hold is not believed.
        (BYTES[:8] + struct.pack("<4i", 2**31 - 1, 2, 1, 2), r"is cut short"),
    ],
)
def test_damaged_and_foreign_files_are_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "x-dat.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"x-dat\.mat {sentence}"):
        read_matrix(path, np.uint8, (2, 1, 2))


@pytest.mark.parametrize(
    "content", [gzip.compress(BYTES)[:-9], BYTES], ids=["cut short", "not packed"]
)  # named: gzip's bytes have the time in them, and workers of pytest-xdist compare names
def test_files_that_do_not_unpack_are_one_sentence(tmp_path, content):
    path = tmp_path / "x-dat.mat.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x-dat\.mat\.gz is damaged \(it does not unpack\)"):
        read_matrix(path, np.uint8, (2, 1, 2))
