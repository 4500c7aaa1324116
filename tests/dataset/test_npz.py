"""Arrays of .npz files against numpy.load; pickles are refused before they are opened."""

import io
import zipfile

import numpy as np
import pytest

from replearn.dataset.npz import NpzArray
from replearn.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (25, 4, 3), dtype=np.uint8)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_that_were_saved(tmp_path, save):
    path = tmp_path / "a.npz"
    save(path, images=IMAGES, name=np.array("größe"), long=np.array(["x", "o1_px"]))
    images = NpzArray(path, "images", "data")
    assert (images.shape, images.dtype) == ((25, 4, 3), np.uint8)
    np.testing.assert_array_equal(images.read(), IMAGES)
    blocks = list(images.blocks(10))
    assert [len(block) for block in blocks] == [10, 10, 5]
    np.testing.assert_array_equal(np.concatenate(blocks), IMAGES)
    assert NpzArray(path, "name", "data").read() == "größe"
    assert NpzArray(path, "long", "data").read().tolist() == ["x", "o1_px"]


def test_pickles_are_refused_and_not_opened(tmp_path):
    trap = tmp_path / "trap"
    np.savez(tmp_path / "a.npz", objects=np.array([Trap(trap)], object), images=IMAGES)
    with pytest.raises(InputError, match=r"a.npz keeps objects as pickled .* load it in NumPy and"):
        NpzArray(tmp_path / "a.npz", "objects", "data")
    np.testing.assert_array_equal(NpzArray(tmp_path / "a.npz", "images", "data").read(), IMAGES)
    assert not trap.exists()


def test_other_layouts_are_one_sentence(tmp_path):
    np.savez(tmp_path / "a.npz", columns=np.asfortranarray(IMAGES), images=IMAGES)
    with pytest.raises(InputError, match=r"columns column by column .* numpy.ascontiguousarray"):
        NpzArray(tmp_path / "a.npz", "columns", "data")
    with pytest.raises(InputError, match=r"cannot be read as Data \(it has no array 'imgs'\)"):
        NpzArray(tmp_path / "a.npz", "imgs", "Data")


def test_version_2_of_the_format_is_read_and_unknown_ones_are_not(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array(content, IMAGES, version=(2, 0))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("images.npy", content.getvalue())
        file.writestr("later.npy", b"\x93NUMPY\x09\x00")
    np.testing.assert_array_equal(NpzArray(tmp_path / "a.npz", "images", "data").read(), IMAGES)
    with pytest.raises(InputError, match=r"as data \(an array of the unknown version 9.0\)$"):
        NpzArray(tmp_path / "a.npz", "later", "data")


def damage(path, kind):
    if kind == "text":
        path.write_text("no archive")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "no array":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("images.npy", b"text")
    elif kind == "short":  # a header that promises more than follows
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64)}
        )
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("images.npy", header.getvalue() + bytes(5000))
    else:  # one byte differs from what was saved
        content = bytearray(path.read_bytes())
        content[content.index(IMAGES.tobytes()) + 7] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("kind", ["text", "truncated", "no array", "short", "flipped"])
def test_damaged_file_is_one_sentence(tmp_path, kind):
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES)
    damage(path, kind)
    with pytest.raises(InputError, match=r"a.npz cannot be read as Data \(.+\)$"):
        list(NpzArray(path, "images", "Data").blocks())


def test_header_is_not_repeated_at_length(tmp_path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), " + b"'x': 1, " * 999 + b"}"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
        file.writestr("images.npy", start + header + b"\0")
        file.writestr("open.npy", b"\x93NUMPY\x01\x00\x02\x00{(")  # Python's tokenizer gives up
    for name in ("images", "open"):
        with pytest.raises(InputError, match=r"a.npz cannot be read as Data \(.{,95}\)$"):
            NpzArray(tmp_path / "a.npz", name, "Data")


@pytest.mark.filterwarnings("ignore")  # Python's parser warns of some headers
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_changed_bytes_are_read_or_one_sentence(tmp_path, save):
    path, rng = tmp_path / "a.npz", np.random.default_rng(0)
    save(path, images=IMAGES, name=np.array("x"))
    whole = path.read_bytes()
    header = len(whole) - 30 if save is np.savez_compressed else 190  # where it matters most
    refused = 0
    for trial in range(200):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(0, header if trial % 2 else len(content))
            content[at] = (
                rng.integers(0, 256) if trial % 3 else ord("({[}])',:\n\\"[rng.integers(11)])
            )
        path.write_bytes(content[: rng.integers(1, len(content))] if trial % 10 == 0 else content)
        try:
            array = NpzArray(path, "images", "Data")
            array.in_place()
            assert sum(len(block) for block in array.blocks()) == array.shape[0]
            array.read()
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < len(str(path)) + 300
    assert refused > 100


def test_stored_array_is_mapped_where_it_lies_and_a_compressed_one_is_not(tmp_path):
    np.savez(tmp_path / "a.npz", other=RNG.integers(0, 9, 77), images=IMAGES)
    mapped = NpzArray(tmp_path / "a.npz", "images", "data").in_place()
    assert isinstance(mapped, np.memmap) and mapped.dtype == np.uint8
    np.testing.assert_array_equal(mapped, IMAGES)
    before = (tmp_path / "a.npz").read_bytes()
    mapped[0] = 0  # a private map
    mapped.flush()
    assert (tmp_path / "a.npz").read_bytes() == before
    np.savez_compressed(tmp_path / "b.npz", images=IMAGES)
    assert NpzArray(tmp_path / "b.npz", "images", "data").in_place() is None


def test_array_that_lies_elsewhere_than_the_archive_says_is_one_sentence(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=IMAGES)
    array = NpzArray(path, "images", "Data")
    path.write_bytes(path.read_bytes().replace(b"PK\x03\x04", b"PK\x03\x05"))
    with pytest.raises(InputError, match=r"a.npz cannot be read as Data \(.+\)$"):
        array.in_place()
