"""dSprites: the published file read without its pickles, or the twin in its place."""

import hashlib
import io
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from replearn.dataset import DECLARATIONS, load
from replearn.dataset.dsprites import NPZ, published_blocks
from replearn.dataset.sprites import sprite
from replearn.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 2, (1500, 64, 64), dtype=np.uint8)  # one block and a half


class Pickled:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def write_npz(path, images, trap):
    np.savez_compressed(
        path, metadata=np.array([Pickled(trap)], dtype=object), imgs=images, latents=np.zeros(3)
    )


def test_npz_is_read_in_blocks_and_its_pickle_never(tmp_path):
    path, trap = tmp_path / "dsprites.npz", tmp_path / "trap"
    write_npz(path, IMAGES, trap)
    blocks = list(published_blocks(path))
    assert [block.shape for block in blocks] == [(1024, 512), (476, 512)]
    np.testing.assert_array_equal(
        np.unpackbits(np.concatenate(blocks), axis=1).reshape(IMAGES.shape), IMAGES
    )
    assert not trap.exists()


def test_hdf5_is_read_in_blocks(tmp_path):
    path = tmp_path / "dsprites.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=IMAGES, compression="gzip")
    np.testing.assert_array_equal(
        np.unpackbits(np.concatenate(list(published_blocks(path))), axis=1).reshape(IMAGES.shape),
        IMAGES,
    )


def damaged(path, kind):
    if kind == "text":
        path.write_text("no archive")
    elif kind == "empty zip":
        zipfile.ZipFile(path, "w").close()
    elif kind == "other images":
        np.savez(path, imgs=np.zeros((3, 32, 32), np.uint8))
    else:  # a header that promises more images than follow
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|u1", "fortran_order": False, "shape": (9, 64, 64)}
        )
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("imgs.npy", header.getvalue() + bytes(5000))


@pytest.mark.parametrize("kind", ["text", "empty zip", "other images", "short"])
def test_damaged_npz_is_one_sentence(tmp_path, kind):
    path = tmp_path / "dsprites.npz"
    damaged(path, kind)
    with pytest.raises(InputError, match=r"dsprites.npz (cannot be read as dSprites|holds)"):
        list(published_blocks(path))


def test_damaged_hdf5_is_one_sentence(tmp_path):
    path = tmp_path / "dsprites.hdf5"
    path.write_text("no hdf5")
    with pytest.raises(InputError, match=r"dsprites.hdf5 cannot be read as dSprites"):
        list(published_blocks(path))
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(InputError, match=r"dsprites.hdf5 cannot be read as dSprites"):
        list(published_blocks(path))


@pytest.mark.parametrize("suffix", ["npz", "hdf5"])
def test_foreign_file_is_refused_not_replaced_by_the_twin(home, suffix):
    name = f"dsprites_ndarray_co1sh3sc6or40x32y32_64x64.{suffix}"
    (home / "data" / name).write_text("something else")
    with pytest.raises(InputError, match=rf"{suffix} is damaged or not the published file"):
        load("dsprites")


def test_genuine_file_is_found_beside_a_damaged_one(home, monkeypatch):
    stem = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
    (home / "data" / f"{stem}.hdf5").write_text("something else")
    content = b"genuine"
    (home / "data" / f"{stem}.npz").write_bytes(content)
    blob = hashlib.sha1(b"blob 7\0genuine").hexdigest()
    monkeypatch.setattr("replearn.dataset.dsprites.NPZ", replace(NPZ, git_sha1=blob))
    with pytest.raises(InputError, match=r"npz cannot be read as dSprites"):  # it is taken
        load("dsprites")


def test_missing_file_that_is_wanted_is_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"dsprites needs .*hdf5 or .*npz, which is in none of .*; get it with `python -m "
        r"dataset get dsprites` .*, or use the redrawn images with source='twin'",
    ):
        load("dsprites", source="real")
    with pytest.raises(InputError, match=r"expected source to be 'auto', 'real' or 'twin', got 1"):
        load("dsprites", source=1)


@pytest.mark.slow
def test_twin_is_drawn_whole_where_the_file_is_missing(home, monkeypatch, tmp_path):
    published = tmp_path / "published"
    published.mkdir(mode=0o555)
    monkeypatch.setenv("REPLEARN_DATA", str(published))
    dsprites = load("dsprites")
    assert dsprites.is_twin
    assert dsprites.digest == "dsprites-twin 1"
    assert "redrawn by replearn" in dsprites.note
    (file,) = (home / "data").glob("*.npy")
    assert file.stat().st_size == 737_280 * 512 + 128
    assert dsprites.images.shape == (737_280, 1, 64, 64)
    assert dsprites.factors.shape == (737_280, 5)
    for index in np.random.default_rng(0).integers(0, 737_280, 50):
        shape, scale, orientation, x, y = dsprites.factors[index]
        bits = sprite(shape, scale, orientation)[x, y]
        image = np.unpackbits(bits).reshape(1, 64, 64) * 255
        np.testing.assert_array_equal(dsprites.images[int(index)].numpy(), image)
    # 18,432 = 3 · 6 · 32 · 32 images stand twice, at orientations 0 and 39.
    space = dsprites.factor_space
    first = space.index(
        np.stack(np.meshgrid(*map(np.arange, (3, 6, 1, 32, 32)), indexing="ij"), -1)
    )
    last = (first + 39 * 32 * 32).ravel()
    assert (dsprites.images.bits[first.ravel()] == dsprites.images.bits[last]).all()
    file.unlink()  # 377 MB that no later test needs


def test_published_images_are_nearly_those_of_the_twin():
    if not any(file.find() for file in DECLARATIONS["dsprites"].files):
        pytest.skip("real data: the file of dsprites is not here")
    dsprites = load("dsprites", source="real")
    assert not dsprites.is_twin
    index = np.random.default_rng(0).integers(0, 737_280, 1000)
    same = 0
    for image, (shape, scale, orientation, x, y) in zip(
        dsprites.images[index], dsprites.factors[index], strict=True
    ):
        drawn = np.unpackbits(sprite(shape, scale, orientation)[x, y]).reshape(1, 64, 64)
        same += bool((image.numpy() == drawn * 255).all())
    assert same >= 950  # 316 of the 320 published frames are the same
