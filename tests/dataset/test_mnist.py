"""MNIST and Fashion-MNIST: what is said without the files, and the published images with them."""

import gzip

import numpy as np
import pytest
from PIL import Image

from replearn.dataset import DECLARATIONS, load
from replearn.errors import InputError


def require(name):
    """Skip the test if the published files of a data set are not here."""
    if not all(file.find() for file in DECLARATIONS[name].files):
        pytest.skip(f"real data: the files of {name} are not here")


def test_missing_files_are_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"mnist needs train-images-idx3-ubyte.gz, which is in none of .*/data/mnist, .*; get "
        r"it with `python -m dataset get mnist` \(from https://ossci-datasets.*gz\), or take the "
        r"data set digits, which needs no file",
    ):
        load("mnist")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
def test_foreign_files_are_one_sentence(home, name):
    (home / "data" / "mnist").mkdir()
    content = b"\0\0\x08\x03" + bytes(12)
    packed = name.endswith(".gz")
    (home / "data" / "mnist" / name).write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=rf"mnist/{name} is damaged or not the published file"):
        load("mnist")


def test_bad_parameters_are_one_sentence():
    with pytest.raises(InputError, match=r"expected split to be 'train', 'test' or 'all', got 'x'"):
        load("mnist", split="x")
    with pytest.raises(InputError, match=r"expected size to be one of 28, 32, 64, got 48"):
        load("mnist", size=48)
    with pytest.raises(InputError, match=r"takes no parameter 'siz'; did you mean 'size'"):
        load("mnist", siz=32)


# Counts as published; means .1307 and .2860 are the
# normalisation constants in common use.
@pytest.mark.parametrize(
    ("name", "counts", "mean"),
    [
        ("mnist", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], 0.1307),
        ("fashion_mnist", [6000] * 10, 0.2860),
    ],
)
def test_published_training_images(name, counts, mean):
    require(name)
    dataset = load(name)
    assert len(dataset) == 60_000
    assert dataset.image_shape == (1, 28, 28)
    assert not dataset.is_twin
    assert np.bincount(dataset.labels).tolist() == counts
    assert dataset.images[:].float().mean().item() / 255 == pytest.approx(mean, abs=5e-5)


def test_published_parts_follow_each_other():
    require("mnist")
    test, both = load("mnist", split="test"), load("mnist", split="all")
    assert (len(test), len(both)) == (10_000, 70_000)
    # The first test digits, as on every first page about MNIST.
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert (both.images[60_000:] == test.images[:]).all()
    assert len({load("mnist").digest, test.digest, both.digest}) == 3


def test_published_images_are_resized_once(tmp_path, monkeypatch):
    require("mnist")
    monkeypatch.setenv("REPLEARN_DATA", str(DECLARATIONS["mnist"].files[0].find().parent))
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    small, large = load("mnist", split="test"), load("mnist", split="test", size=32)
    assert large.image_shape == (1, 32, 32)
    assert large.digest == small.digest
    expected = Image.fromarray(small.images[9_999][0].numpy()).resize(
        (32, 32), Image.Resampling.BILINEAR
    )
    np.testing.assert_array_equal(large.images[9_999][0].numpy(), np.asarray(expected))
    kept = list((tmp_path / "data").glob("mnist-*-32-v1.npy"))
    assert [path.stat().st_size for path in kept] == [10_000 * 32 * 32 + 128]
