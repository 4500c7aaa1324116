"""MPI3D: files of the published format and size, with holes, mapped where they lie."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.published import write_holes
from replearn.dataset import DECLARATIONS, load
from replearn.dataset.files import keep_digests
from replearn.dataset.mpi3d import FACTORS, ChannelsLast, published_images
from replearn.errors import InputError

RNG = np.random.default_rng(0)
N = 1_036_800
SHAPE = (N, 64, 64, 3)
IMAGE = 64 * 64 * 3  # bytes
KNOWN = {i: RNG.integers(0, 256, (64, 64, 3), np.uint8) for i in (0, 1, 500_000, 777_777, N - 1)}
VARIANTS = ("mpi3d_toy", "mpi3d_realistic", "mpi3d_real")


def own_memory() -> int:
    """Bytes of this process that are no pages of files."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def test_first_batch_of_a_file_of_full_size_comes_without_reading_it(home):
    path = write_holes(home / "data" / "mpi3d_real.npz", SHAPE, KNOWN)
    assert path.stat().st_size > N * IMAGE and os.stat(path).st_blocks * 512 < 1e6
    keep_digests(path, {"md5": "0f33f609918fb5c97996692f91129802", "sha256": 64 * "5"})
    load("digits")  # what any first data set brings along
    before, start = own_memory(), time.perf_counter()
    dataset = load("mpi3d_real")
    batch = dataset.images[list(KNOWN)]
    seconds, grown = time.perf_counter() - start, own_memory() - before
    expected = np.stack(list(KNOWN.values())).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(batch.numpy(), expected)
    assert batch.is_contiguous()
    assert seconds < 3 and grown < 100e6
    assert len(dataset) == N and not dataset.is_twin and dataset.note == ""
    assert dataset.digest == 64 * "5"
    assert dataset.factors[777_777].tolist() == by_hand(777_777)
    chosen = dataset.take([N - 1, 5]).images[:]
    np.testing.assert_array_equal(chosen[0].numpy(), expected[-1])
    assert os.stat(path).st_blocks * 512 < 1e6  # still holes
    # The system knows that it should not read on behind an image ("rr" in its list of mappings).
    mapping = Path("/proc/self/smaps").read_text().split(str(path))[1]
    assert "rr" in mapping.split("VmFlags:")[1].splitlines()[0].split()


def by_hand(position):
    factors = []
    for size in (40, 40, 3, 3, 2, 6, 6):
        position, factor = divmod(position, size)
        factors.insert(0, factor)
    return factors


def test_factors_are_the_published_ones():
    assert FACTORS.names == (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    )
    assert len(FACTORS) == N


def test_compressed_file_is_refused_room_or_unpacked_once(home, monkeypatch):
    path = home / "mpi3d_toy.npz"
    np.savez_compressed(path, images=np.zeros((9, 64, 64, 3), np.uint8))
    with pytest.raises(InputError, match=r"holds images of uint8 \(9, 64, 64, 3\), where uint8 "):
        published_images(path, "mpi3d_toy-0")
    images = np.stack(list(KNOWN.values()))
    np.savez_compressed(path, images=images)
    monkeypatch.setattr("replearn.dataset.mpi3d._SHAPE", images.shape)
    for _ in range(2):
        got = published_images(path, "mpi3d_toy-0")
        np.testing.assert_array_equal(got[:].numpy(), images.transpose(0, 3, 1, 2))
    assert (home / "data" / "mpi3d_toy-0-v1.npy").stat().st_size == images.nbytes + 128


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"shape": (460_800, 64, 64, 3)},
            r"is the smaller toy set that disentanglement_lib downloads \(1,036,800 images were "
            r"expected, it has 460,800 of 4 colors and 4 shapes\); get mpi3d_toy.npz from https",
        ),
        (
            {"shape": (99, 64, 64, 3)},
            r"holds images of uint8 \(99, 64, 64, 3\), where uint8 \(1036800",
        ),
        ({"shape": (N, 32, 32, 3)}, r"holds images of uint8 \(1036800, 32, 32, 3\), wh"),
        ({"dtype": "<f4"}, r"holds images of float32 .* get the published file again"),
        ({"name": "imgs"}, r"cannot be read as MPI3D \(it has no array 'images'\)"),
    ],
)
def test_foreign_files_are_one_sentence_at_once(home, change, sentence):
    write_holes(home / "data" / "mpi3d_toy.npz", **{"shape": SHAPE} | change)
    start = time.perf_counter()
    with pytest.raises(InputError, match=rf"mpi3d_toy.npz {sentence}"):
        load("mpi3d_toy")
    assert time.perf_counter() - start < 2  # before any digest


def test_truncated_file_and_text_are_one_sentence(home):
    path = write_holes(home / "data" / "mpi3d_toy.npz", SHAPE)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InputError, match=r"mpi3d_toy.npz cannot be read as MPI3D \(File is not a"):
        load("mpi3d_toy")
    path.write_text("no archive")
    with pytest.raises(InputError, match=r"mpi3d_toy.npz cannot be read as MPI3D \(File is not a"):
        load("mpi3d_toy")


def test_variants_that_were_swapped_are_one_sentence(home):
    path = write_holes(home / "data" / "mpi3d_toy.npz", SHAPE)
    keep_digests(path, {"md5": "0f33f609918fb5c97996692f91129802"})  # of mpi3d_real
    with pytest.raises(
        InputError, match=r"mpi3d_toy.npz is damaged or not the published file \(its md5 is 0f33f6"
    ):
        load("mpi3d_toy")


@pytest.mark.parametrize("name", VARIANTS)
def test_missing_file_is_one_sentence_and_nothing_stands_in_for_it(home, name):
    with pytest.raises(
        InputError,
        match=rf"{name} needs {name}.npz, which is in none of .*; get it with `python -m dataset "
        rf"get {name}` \(from https.*{name}.npz\), or try things out on mpi3d_like, which",
    ):
        load(name)


def test_images_behave_like_a_tensor_with_channels_first():
    pixels = torch.from_numpy(RNG.integers(0, 256, (20, 4, 6, 3), np.uint8))
    images, expected = ChannelsLast(pixels), pixels.permute(0, 3, 1, 2)
    assert images.shape == expected.shape and len(images) == 20
    for index in (
        3,
        -1,
        slice(2, 17, 3),
        np.array([5, 1]),
        torch.tensor([4, 4]),
        pixels[:, 0, 0, 0] > 99,
    ):
        assert torch.equal(images[index], expected[index])
    assert torch.equal(images[[0, 19]], expected[[0, 19]])
    assert images.to("cpu") is images and images.to("meta").device.type == "meta"
    assert torch.equal(images.chosen(torch.tensor([7, 2]))[:], expected[[7, 2]])


@pytest.mark.parametrize("name", VARIANTS)
def test_published_file_is_mapped(name):
    if DECLARATIONS[name].files[0].find() is None:
        pytest.skip(f"real data: the file of {name} is not here")
    dataset = load(name)
    batch = dataset.images[[0, 500_000, N - 1]]
    assert batch.shape == (3, 3, 64, 64) and batch.float().std() > 10
